"""Read back what is stored of a model."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, no_model
from mlworkbench.locations import is_there
from mlworkbench.quiet import quiet
from mlworkbench.store import check_registry

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model


def describe_model(model_uri: str | os.PathLike[str]) -> pd.DataFrame:
    """What is stored of a model, as a table; its code does not run.

    Parameters
    ----------
    model_uri : str or path
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

    address = as_address(model_uri)
    stored = read_model(address)
    try:
        facts = _stored_facts(stored)
    except (AttributeError, TypeError, ValueError) as error:  # files of others may hold anything
        raise no_model(address, error) from error
    facts += _logged(stored, address)
    return pd.DataFrame([fact for fact in facts if fact[1]], columns=["what", "value"])


def _stored_facts(stored: Model) -> list[tuple[str, Any]]:
    """What the MLmodel file tells."""
    signature = stored.signature
    parts = {"input": "inputs", "output": "outputs", "parameter": "params"} if signature else {}
    options = {flavor: stored.flavors[flavor] or {} for flavor in stored.flavors}
    facts = [("flavor", flavor) for flavor in options]
    facts += [(what, str(column)) for what, part in parts.items() for column in getattr(signature, part) or ()]
    facts += [("trusted type", name) for name in options.get("sklearn", {}).get("skops_trusted_types") or ()]
    facts += [("python", options.get("python_function", {}).get("python_version"))]
    return [*facts, ("size", f"{stored.model_size_bytes / 1e6:.2f} MB" if stored.model_size_bytes else "")]


def as_address(model_uri: str | os.PathLike[str]) -> str:
    """The address of a model as a text."""
    return os.fspath(model_uri) if isinstance(model_uri, os.PathLike) else model_uri


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
    folder = logged.artifact_location if logged and not is_there(Path(model_uri)) else model_uri
    facts: list[tuple[str, Any]] = [("requirement", line) for line in _requirements(folder)]
    if logged:
        facts += [("name", logged.name), ("status", logged.status.value), ("run", logged.source_run_id)]
    return [*facts, ("folder", local_file_uri_to_path(folder))]


def _requirements(folder: str) -> list[str]:
    """The packages of a model, which once stood in its conda.yaml alone; none where nothing tells them."""
    import mlflow

    with quiet(), contextlib.suppress(Exception):
        return Path(mlflow.pyfunc.get_model_dependencies(folder)).read_text(encoding="utf-8").splitlines()
    return []
