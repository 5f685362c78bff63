"""Log any supported model quickly, safely and completely; read back what was stored."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.flavors import Job, flavor_of, parts_of_job, quiet, requirements_of, save_and_ask

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model
    from mlflow.models.model import ModelInfo

_OF_THE_SAVED = ("flavors", "signature", "saved_input_example_info", "model_size_bytes", "metadata", "resources")


def log_model(
    model: Any,
    name: str,
    *,
    example: Any,
    trust: Sequence[str] = (),
    requirements: Sequence[str] = (),
    registered_model_name: str | None = None,
    tags: dict[str, str] | None = None,
    **options: Any,
) -> ModelInfo:
    """Log a model with signature, example and pinned requirements: tried first, logged whole or not at all.

    The model is saved to a temporary folder with MLflow's own flavor and asked for its answer to the example. Only when
    that went well is the folder handed to MLflow. The model belongs to the active run, or without one stands by itself.

    Parameters
    ----------
    model : object
        A fitted scikit-learn estimator or pipeline, XGBoost model (native or scikit-learn API), Keras model (saved with
        MLflow's TensorFlow flavor), ``onnx.ModelProto``, Python function, or ``mlflow.pyfunc.PythonModel``.
    name : str
        Name of the logged model.
    example : DataFrame, array, or what the model takes
        A few rows of input, shape (rows, columns), stored with the model; the signature is inferred from it and the
        model's answer. A tuple ``(rows, {"parameter": value})`` gives inference parameters too.
    trust : sequence of str
        Types that a scikit-learn model may hold beyond those reviewed in `mlworkbench.trust`, by their full names.
    requirements : sequence of str
        Further packages (``"name==1.2"``) that cannot be seen from the model, such as those of its artifacts.
    registered_model_name : str, optional
        Register the model under this name as well.
    tags : dict, optional
        Tags of the logged model.
    **options
        Passed on to ``save_model`` of the flavor: ``code_paths``, ``artifacts``, ``metadata``, ``pyfunc_predict_fn``, …

    Returns
    -------
    mlflow.models.model.ModelInfo
        As MLflow's own ``log_model`` returns it; ``.model_uri`` loads the model.

    Raises
    ------
    WorkbenchError
        When the model is of an unknown kind (wrap it), is not fitted (fit it), does not answer to the example (give
        rows of the training data), cannot be stored (the message names the part), uses code that is installed nowhere
        else (``code_paths``) or holds types that nobody reviewed (``trust``). Nothing has been logged then.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/model/

    Examples
    --------
    >>> info = wb.log_model(forest, "wine", example=X_train[:5])  # doctest: +SKIP
    >>> mlflow.pyfunc.load_model(info.model_uri).predict(X_test)  # doctest: +SKIP
    """
    job = _job(model, example, trust, options)
    parts = parts_of_job(job)
    pinned = [*requirements_of(job, parts), *requirements]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "model")
        said = save_and_ask(job, folder, parts, pinned)
        saved = _Saved(folder, _complete(job, folder, said))
        return saved.log(name=name, registered_model_name=registered_model_name, tags=tags)


def _job(model: Any, example: Any, trust: Sequence[str], options: dict[str, Any]) -> Job:
    flavor = flavor_of(model)
    match example:
        case tuple((rows, dict() as params)):
            pass
        case rows:
            params = {}
    if flavor == "tensorflow" and hasattr(rows, "to_numpy"):
        rows = rows.to_numpy()  # MLflow takes only tensors in the signature of a Keras model
    return Job(model, flavor, rows, params, trust, options)


def _complete(job: Job, folder: Path, said: Any) -> Model:
    """Read the MLmodel file of a saved model, and give it a signature if it has none."""
    import numpy as np
    import pandas as pd
    from mlflow.models import Model, infer_signature

    saved = Model.load(str(folder))
    if isinstance(job.example, pd.DataFrame) and isinstance(said, np.ndarray) and said.ndim == 1:
        said = pd.Series(said)  # an answer a row, not a tensor; MLflow's own inference does the same
    with quiet():  # MLflow warns of every integer, even of the classes that a classifier answers with
        saved.signature = saved.signature or infer_signature(job.example, said, job.params or None)
    return saved


class _Saved:
    """A flavor, as MLflow's `Model.log` takes one, that hands over a folder which was saved and tried before."""

    def __init__(self, folder: Path, saved: Model) -> None:
        self._folder, self._saved = folder, saved
        self._model_id: str | None = None

    def save_model(self, path: str, mlflow_model: Model, **_: Any) -> None:
        """Move the folder to where MLflow wants it, and complete MLflow's record of the model."""
        self._model_id = mlflow_model.model_id
        shutil.move(self._folder, path)
        for name in _OF_THE_SAVED:
            setattr(mlflow_model, name, getattr(self._saved, name))
        mlflow_model.save(str(Path(path, "MLmodel")))

    def log(self, **options: Any) -> ModelInfo:
        """Log the folder; delete what is there of it when that fails or is interrupted.

        MLflow would leave a model with the status FAILED or PENDING, and ``runs:/<id>/<name>`` would find that one.
        """
        from mlflow import MlflowClient
        from mlflow.models import Model

        try:
            return Model.log(None, self, validate_serving_input=False, **options)
        except BaseException:
            if self._model_id:
                with contextlib.suppress(Exception):
                    MlflowClient().delete_logged_model(self._model_id)
            raise


def describe_model(model_uri: str) -> pd.DataFrame:
    """What is stored of a model, as a table.

    Parameters
    ----------
    model_uri : str
        ``models:/m-…``, ``models:/name/1``, ``models:/name@alias``, ``runs:/…/name``, or a path.

    Returns
    -------
    pandas.DataFrame of shape (facts, 2)
        A row a fact. ``what`` is flavor, input, output, parameter, trusted type, python, size, requirement, name,
        status, run or folder; ``value`` tells it as text.

    Raises
    ------
    WorkbenchError
        When there is no model at the URI.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/model/#storage-format
    """
    import pandas as pd

    stored = _read(model_uri)
    facts = [("flavor", flavor) for flavor in stored.flavors]
    for what, schema in _schemas(stored).items():
        facts += [(what, str(column)) for column in schema]
    facts += [("trusted type", name) for name in stored.flavors.get("sklearn", {}).get("skops_trusted_types") or ()]
    facts += [("python", stored.flavors.get("python_function", {}).get("python_version"))]
    facts += [("size", f"{(stored.model_size_bytes or 0) / 1e6:.2f} MB")]
    facts += _logged(stored, model_uri)
    return pd.DataFrame([fact for fact in facts if fact[1]], columns=["what", "value"])


def _read(model_uri: str) -> Model:
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        return Model.load(model_uri)
    except (MlflowException, OSError) as error:
        raise no_model(model_uri, error) from error


def no_model(model_uri: str, error: Exception) -> WorkbenchError:
    """Build the error for a URI at which there is no model."""
    return WorkbenchError(
        f"no model at {model_uri!r} ({told(error)}).",
        "the address of a stored model, such as the model_uri that log_model returns.",
        "List what there is with mlflow.search_logged_models(), and check that the tracking store is the right one.",
    )


def _schemas(stored: Model) -> dict[str, Any]:
    signature = stored.signature
    parts = {"input": "inputs", "output": "outputs", "parameter": "params"} if signature else {}
    return {what: getattr(signature, part) or () for what, part in parts.items()}


def _logged(stored: Model, model_uri: str) -> list[tuple[str, str | None]]:
    """Requirements and the folder of the files; name, status and run too unless the URI is a path."""
    import mlflow
    from mlflow.utils.file_utils import local_file_uri_to_path

    logged = mlflow.get_logged_model(stored.model_id) if stored.model_id else None
    folder = logged.artifact_location if logged else model_uri
    text = mlflow.artifacts.load_text(f"{folder.rstrip('/')}/requirements.txt")
    facts: list[tuple[str, str | None]] = [("requirement", line) for line in text.splitlines()]
    if logged:
        facts += [("name", logged.name), ("status", logged.status.value), ("run", logged.source_run_id)]
    return [*facts, ("folder", local_file_uri_to_path(folder))]
