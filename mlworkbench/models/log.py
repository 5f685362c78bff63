"""Log any supported model quickly, safely and completely; read back what was stored."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.models import pytorch, refusals
from mlworkbench.models.answers import Answer
from mlworkbench.models.flavors import forget_code, in_memory, parts_of_job, read_back, requirements_of, save
from mlworkbench.models.job import Job, check_options, flavor_of
from mlworkbench.models.signature import choose, notes_on
from mlworkbench.models.wire import as_request
from mlworkbench.quiet import quiet
from mlworkbench.store import check_registry
from mlworkbench.store_watch import using_store
from mlworkbench.temporary import temporary_folder
from mlworkbench.texts import check_model_name

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.models.model import ModelInfo

_PAIR = 2  # rows and inference parameters
_OF_THE_SAVED = ("flavors", "signature", "saved_input_example_info", "model_size_bytes", "metadata", "resources")


def log_model(
    model: Any,
    name: str,
    *,
    example: Any,
    trust: Sequence[str] = (),
    requirements: Sequence[str] = (),
    **options: Any,
) -> ModelInfo:
    """Log a model with signature, example and pinned requirements: tried first, logged whole or not at all.

    What is stored, and where: https://mlflow.org/docs/latest/ml/model/

    Parameters
    ----------
    model : object
        Fitted scikit-learn, XGBoost, LightGBM, Keras or PyTorch model, ``onnx.ModelProto``, function,
        ``mlflow.pyfunc.PythonModel``, or the path of a Python file that calls ``mlflow.models.set_model``.
    example : DataFrame, array, or what the model takes
        A few rows of input, shape (rows, columns); ``(rows, {"parameter": value})`` gives inference parameters too.
    trust, requirements : list of str
        Types in a scikit-learn model beyond the reviewed ones; packages (``"name==1.2"``) that nobody can see from it.
    **options
        As of ``log_model`` of MLflow's flavor: ``registered_model_name``, ``tags``, ``signature``, ``code_paths``, …

    Raises
    ------
    WorkbenchError
        When the model is not fitted, does not answer to the example, or cannot be stored: with what to do.
    """
    refusals.check_name("name", name, "/:.%\"'")
    job = _job(model, example, trust, options)
    with using_store(), temporary_folder() as temporary:
        folder = Path(temporary, "model")
        saved, notes = _save(job, folder, refusals.text_list("requirements", requirements))
        info = _Saved(folder, saved).log(name=name, **job.options)
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return info


def _job(model: Any, example: Any, trust: Sequence[str], options: dict[str, Any]) -> Job:
    rows, params = example if isinstance(example, tuple) and len(example) == _PAIR else (example, {})
    if not isinstance(params, dict):
        rows, params = example, {}
    options = {key: value for key, value in options.items() if value is not None}
    if "registered_model_name" in options:
        check_model_name(options["registered_model_name"])
        check_registry()
    if isinstance(step := options.get("step"), Integral):
        options["step"] = int(step)  # SQLite would keep a number of numpy as bytes
    flavor = flavor_of(model, options)
    if flavor == "tensorflow" and hasattr(rows, "to_numpy"):
        rows = rows.to_numpy()  # MLflow takes only tensors in the signature of a Keras model
    if flavor == "pytorch":
        model, rows = pytorch.evaluating(model), pytorch.as_array(rows, model)
    if isinstance(paths := options.get("code_paths"), str | Path):
        options = options | {"code_paths": [paths]}
    job = Job(model, flavor, rows, params, refusals.text_list("trust", trust), options)
    check_options(job)
    as_request(rows, params)
    return job


def _save(job: Job, folder: Path, more: list[str]) -> tuple[Model, list[str]]:
    """Save the model, ask it for its answer to the example, and complete its MLmodel file with a signature."""
    from mlflow.models import Model

    parts = parts_of_job(job)
    with quiet():
        own = Answer(job, ask) if (ask := in_memory(job)) else None
        if own and (refusals.is_unfitted(own.error) or (own.error and job.flavor == "pytorch")):
            raise refusals.no_answer(job, own.error)
        save(job, folder, parts, [*requirements_of(job, parts), *more])
        saved = Model.load(str(folder))
        try:
            saved.signature, why = choose(job, own, stored := read_back(job, folder))
            notes = notes_on(job, stored, saved.signature, why)
        finally:
            forget_code(folder)
    if job.holds_code:
        notes.append(
            f"A model in the format {job.serialization} holds code, which runs on the machine of whoever loads it."
        )
    return saved, notes


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
            if (value := getattr(self._saved, name)) is not None:
                setattr(mlflow_model, name, value)
        mlflow_model.save(str(Path(path, "MLmodel")))

    def log(self, **options: Any) -> ModelInfo:
        """Log the folder; delete what is there of it when that fails or is interrupted.

        MLflow would leave a model with the status FAILED or PENDING, and ``runs:/<id>/<name>`` would find that one.
        """
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from mlflow.models import Model

        try:
            return Model.log(None, self, validate_serving_input=False, **options)
        except BaseException as error:
            if self._model_id:
                with contextlib.suppress(Exception):
                    MlflowClient().delete_logged_model(self._model_id)
            if isinstance(error, OSError | RuntimeError):  # the second where symbolic links lead in a circle
                raise refusals.not_written(error) from error
            if isinstance(error, MlflowException | TypeError | ValueError | OverflowError | AttributeError):
                raise refusals.not_logged(error) from error
            raise
