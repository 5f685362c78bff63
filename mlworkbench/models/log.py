"""Log any supported model quickly, safely and completely; read back what was stored."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.models.flavors import Job, flavor_of, parts_of_job, requirements_of, save_and_ask
from mlworkbench.quiet import quiet

if TYPE_CHECKING:
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
    """Read the MLmodel file of a saved model, and give it a signature if it has none, or none but its parameters."""
    import numpy as np
    import pandas as pd
    from mlflow.models import Model, infer_signature

    saved = Model.load(str(folder))
    if isinstance(job.example, pd.DataFrame) and isinstance(said, np.ndarray) and said.ndim == 1:
        said = pd.Series(said)  # an answer a row, not a tensor; MLflow's own inference does the same
    with quiet():  # MLflow warns of every integer, even of the classes that a classifier answers with
        if saved.signature is None or saved.signature.inputs is None:
            saved.signature = infer_signature(job.example, said, job.params or None)
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
