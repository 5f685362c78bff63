"""Read back what is stored of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, no_model
from mlworkbench.store import check_registry

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model


def describe_model(model_uri: str) -> pd.DataFrame:
    """What is stored of a model, as a table; its code does not run.

    Parameters
    ----------
    model_uri : str
        ``models:/m-…``, ``models:/name/1``, ``models:/name@alias``, ``runs:/…/name``, or a path.

    Returns
    -------
    pandas.DataFrame of shape (facts, 2)
        A row a fact. ``what`` is flavor, input, output, parameter, trusted type, python, size, requirement, name,
        status, run or folder; ``value`` tells it as text. A URI without a model is refused.

    References
    ----------
    https://mlflow.org/docs/latest/ml/model/#storage-format

    Examples
    --------
    >>> wb.describe_model("models:/wine/1").query("what == 'flavor'").value.tolist()
    ['python_function', 'sklearn']
    """
    import pandas as pd

    stored = read_model(model_uri)
    signature = stored.signature
    parts = {"input": "inputs", "output": "outputs", "parameter": "params"} if signature else {}
    facts = [("flavor", flavor) for flavor in stored.flavors]
    facts += [(what, str(column)) for what, part in parts.items() for column in getattr(signature, part) or ()]
    facts += [("trusted type", name) for name in stored.flavors.get("sklearn", {}).get("skops_trusted_types") or ()]
    facts += [("python", stored.flavors.get("python_function", {}).get("python_version"))]
    facts += [("size", f"{(stored.model_size_bytes or 0) / 1e6:.2f} MB")]
    facts += _logged(stored, model_uri)
    return pd.DataFrame([fact for fact in facts if fact[1]], columns=["what", "value"])


def read_model(model_uri: str) -> Model:
    """Read the MLmodel file at a URI, or say that there is no model."""
    from mlflow.models import Model

    check_registry(model_uri)
    try:
        if not isinstance(model_uri, str):
            raise TypeError("not the text of an address")
        return Model.load(model_uri)
    except Exception as error:
        raise no_model(model_uri, error) from error


def require_predict(model_uri: str) -> None:
    """Refuse the address of a model that pyfunc cannot ask, such as a scaler; and one at which there is none."""
    stored = read_model(model_uri)
    if "python_function" not in stored.flavors:
        raise WorkbenchError(
            f"the model at {model_uri} has no predict (its flavors are {', '.join(stored.flavors)}).",
            "a model that pyfunc can ask.",
            f"Load it with mlflow.{next(iter(stored.flavors), 'pyfunc')}.load_model, or log a function that calls the "
            "method you need.",
        )


def _logged(stored: Model, model_uri: str) -> list[tuple[str, Any]]:
    """Requirements and the folder of the files; name, status and run too unless the URI is a path."""
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    try:
        logged = mlflow.get_logged_model(stored.model_id) if stored.model_id else None
    except MlflowException:
        logged = None  # a folder that comes from another store
    folder = logged.artifact_location if logged else model_uri
    text = mlflow.artifacts.load_text(f"{folder.rstrip('/')}/requirements.txt")
    facts: list[tuple[str, Any]] = [("requirement", line) for line in text.splitlines()]
    if logged:
        facts += [("name", logged.name), ("status", logged.status.value), ("run", logged.source_run_id)]
    return [*facts, ("folder", local_file_uri_to_path(folder))]
