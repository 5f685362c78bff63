"""Save a model of any supported kind into a folder, with MLflow's own flavor for it, and let it answer once."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.models.requirements import modules_of, parts_of, pins
from mlworkbench.models.trusted_types import reviewed_among, untrusted
from mlworkbench.quiet import quiet

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

_ARGUMENT = {
    "sklearn": "sk_model",
    "xgboost": "xgb_model",
    "tensorflow": "model",
    "onnx": "onnx_model",
    "pyfunc": "python_model",
}
_ENFORCED = "Failed to enforce schema"  # so MLflow begins when data does not fit a signature
_ALSO_NEEDED = {"sklearn": {"skops"}, "onnx": {"onnxruntime"}, "pyfunc": {"cloudpickle"}}


@dataclass(frozen=True)
class Job:
    """A model on its way into the store.

    Attributes
    ----------
    model : object
        What is to be saved.
    flavor : str
        Name of MLflow's module that saves it.
    example : object
        What the model is asked, as ``predict`` takes it.
    params : dict
        Inference parameters that go with the example.
    trust : sequence of str
        Types to trust beyond the reviewed ones (scikit-learn only).
    options : dict
        Passed on to the flavor's ``save_model``.
    """

    model: Any
    flavor: str
    example: Any
    params: dict[str, Any] = field(default_factory=dict)
    trust: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)


def flavor_of(model: Any) -> str:
    """Choose the flavor by the classes that the model's class is made from.

    Raises
    ------
    WorkbenchError
        For a kind of model that is not among the supported ones.
    """
    if isinstance(model, type):
        raise WorkbenchError(
            f"the class {model.__name__} itself.",
            "a model of this class.",
            f"Make and fit one: {model.__name__}().fit(…).",
        )
    made_from = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    for library, flavor in {"xgboost": "xgboost", "keras": "tensorflow", "onnx": "onnx", "sklearn": "sklearn"}.items():
        if library in made_from:
            return _keras_flavor() if library == "keras" else flavor
    if callable(model) or _is_python_model(model):
        return "pyfunc"
    raise WorkbenchError(
        f"a model of the type {type(model).__module__}.{type(model).__qualname__}.",
        "a fitted scikit-learn, XGBoost, Keras or ONNX model, a Python function, or a PythonModel.",
        "Wrap it in a function that takes the input and returns the predictions, or in mlflow.pyfunc.PythonModel.",
    )


def parts_of_job(job: Job) -> set[Any]:
    """Classes, functions and modules that the model and its example are made of."""
    try:
        stored = parts_of(_stored_as_objects(job))
    except (TypeError, ValueError, AttributeError, RecursionError, pickle.PicklingError) as error:
        raise _unstorable(job, error) from error
    return {*type(job.model).__mro__, *parts_of(job.example), *stored}


def requirements_of(job: Job, parts: set[Any]) -> list[str]:
    """Pins of the packages that a model with these parts needs."""
    modules = modules_of(parts) | _ALSO_NEEDED.get(job.flavor, set())
    if job.flavor in ("pyfunc", "tensorflow"):
        modules.discard("__main__")  # what a notebook defines is stored by cloudpickle, but not by skops
    return pins(modules, code_paths=job.options.get("code_paths") or ())


def save_and_ask(job: Job, folder: Path, parts: set[Any], requirements: Sequence[str]) -> Any:
    """Save a model into a new folder, and return its answer to the example.

    The answer is that of the model read back from the folder. For scikit-learn it is that of the model in memory:
    MLflow reads such a model back itself, and so what is wrong with the example shows before anything is saved.
    """
    from mlflow.models import infer_signature

    # Nor does MLflow need to ask the model for its signature: a PythonModel would keep what it loads for the answer.
    # Parameters must be declared, though, or MLflow keeps them from the model.
    signature = None if job.flavor == "onnx" else infer_signature(params=job.params) if job.params else False
    options = {_ARGUMENT[job.flavor]: job.model, "pip_requirements": list(requirements), "signature": signature}
    options |= job.options
    with quiet():
        if job.flavor == "sklearn":
            trusted = [*reviewed_among(parts), *job.trust]
            said = _ask(job, _sklearn_predict(job))
            _save(job, folder, serialization_format="skops", skops_trusted_types=trusted, **options)
            if "signature" in job.options:
                _ask(job, _read_back(job, folder).predict)
            return said
        _save(job, folder, **options)
        stored = _read_back(job, folder)
        return _ask(job, lambda example, **params: stored.predict(example, params=params or None))


def _stored_as_objects(job: Job) -> Any:
    """What is stored by the names of its classes and functions; the rest is in formats of XGBoost, Keras and ONNX."""
    if job.flavor == "tensorflow":
        import keras

        return keras.saving.get_custom_objects()
    return job.model if job.flavor in ("sklearn", "pyfunc") else None


def _is_python_model(model: Any) -> bool:
    from mlflow.pyfunc import PythonModel

    return isinstance(model, PythonModel)


def _keras_flavor() -> str:
    import keras

    if (backend := keras.backend.backend()) == "tensorflow":
        return "tensorflow"
    raise WorkbenchError(
        f"a Keras model on the backend {backend!r}.",
        "the backend 'tensorflow', which MLflow's flavor needs.",
        "Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported, and fit again.",
    )


def _sklearn_predict(job: Job) -> Callable[..., Any]:
    """What answers to an example: the chosen method, ``transform`` where there is none, or nobody."""
    chosen = job.options.get("pyfunc_predict_fn", "predict")
    methods = [getattr(job.model, name) for name in (chosen, "transform") if hasattr(job.model, name)]
    return methods[0] if methods else lambda _: None


def _ask(job: Job, predict: Callable[..., Any]) -> Any:
    try:
        return predict(job.example, **job.params)
    except Exception as error:
        raise _answer_error(job, error) from error


def _save(job: Job, folder: Path, **options: Any) -> None:
    example = (job.example, job.params) if job.params else job.example
    try:
        importlib.import_module(f"mlflow.{job.flavor}").save_model(path=str(folder), input_example=example, **options)
    except Exception as error:
        raise _save_error(job, error) from error


def _read_back(job: Job, folder: Path) -> PyFuncModel:
    import mlflow

    try:
        return mlflow.pyfunc.load_model(str(folder))
    except Exception as error:
        raise WorkbenchError(
            f"the stored {type(job.model).__name__} cannot be read back ({told(error)}).",
            "a model that loads from its files alone.",
            "Register your own Keras classes (keras.saving.register_keras_serializable); hand over the files that a "
            "PythonModel opens with artifacts={'name': 'path'}.",
        ) from error


def _save_error(job: Job, error: Exception) -> WorkbenchError:
    cause = error.__cause__ or error
    if type(cause).__name__ == "NotFittedError" or _ENFORCED in str(cause):
        return _answer_error(job, cause)
    wary = untrusted(job.model, job.trust) if job.flavor == "sklearn" else None
    return wary or _unstorable(job, cause)


def _unstorable(job: Job, error: BaseException) -> WorkbenchError:
    do = {
        "sklearn": "Define functions in a .py file and pass it with code_paths; replace what skops does not support.",
        "pyfunc": "Open files, connections and locks inside of the function, or in PythonModel.load_context.",
    }
    return WorkbenchError(
        f"the {type(job.model).__name__} cannot be stored ({told(error)}).",
        "a model that MLflow can write to a file and read back.",
        do.get(job.flavor, "Correct what the message in brackets names."),
    )


def _answer_error(job: Job, error: BaseException) -> WorkbenchError:
    name = type(job.model).__name__
    if type(error).__name__ == "NotFittedError":
        return WorkbenchError(f"the {name} is not fitted.", "a fitted model.", "Call its fit method first.")
    if _ENFORCED in str(error):
        return WorkbenchError(
            f"the example does not fit the signature ({str(error).rpartition('Error: ')[2][:300]}).",
            "an example with the columns and types that the signature declares.",
            "Change the example, as in example.astype({'column': float}), or the signature.",
        )
    do = "Give a few rows of the training data, without the target."
    if "contains NaN" in str(error):
        do = "The model itself stops at gaps: let a first step fill them (SimpleImputer), or give rows without."
    shape = getattr(job.example, "shape", None)
    size = f" of the shape {tuple(shape)}" if shape is not None else ""
    return WorkbenchError(
        f"the {name} does not answer to the example, a {type(job.example).__name__}{size} ({told(error)}).",
        "an example that the stored model takes: the columns it was fitted on, in their order.",
        do,
    )
