"""A model on its way into the store: which of MLflow's flavors saves it, and with which options."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import yaml

from mlworkbench.errors import WorkbenchError, is_among, not_installed, told, unknown_name

ARGUMENT = {
    "sklearn": "sk_model",
    "xgboost": "xgb_model",
    "lightgbm": "lgb_model",
    "pytorch": "pytorch_model",
    "tensorflow": "model",
    "onnx": "onnx_model",
    "pyfunc": "python_model",
}
_LIBRARIES = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "keras": "tensorflow",
    "torch": "pytorch",
    "onnx": "onnx",
    "sklearn": "sklearn",
}
"""Whose flavor stores a model; a class that is made from several libraries belongs to the first of them."""
_WITH_METHODS = ("sklearn", "xgboost", "lightgbm")
_FORMATS = {"sklearn": ("skops", "cloudpickle", "pickle"), "pytorch": ("pt2", "pickle")}
_FORMATS["lightgbm"] = _FORMATS["sklearn"]
_OURS = {"input_example": "example", "artifact_path": "name", "skops_trusted_types": "trust"}
_LARGEST = 2**63  # beyond it, databases do not count
_ENVIRONMENT = ("conda_env", "pip_requirements", "extra_pip_requirements")
_NOT_GIVEN = {"path", "mlflow_model", "kwargs", "flavor", "loader_module", "data_path", *ARGUMENT.values(), *_OURS}


@dataclass(frozen=True)
class Job:
    """What is to be saved, by which of MLflow's modules, and with what it is asked.

    ``example`` and ``params`` are what ``predict`` takes, ``trust`` the types beyond the reviewed ones, and ``options``
    those of the flavor's own ``log_model``.
    """

    model: Any
    flavor: str
    example: Any
    params: dict[str, Any]
    trust: list[str]
    options: dict[str, Any]

    @property
    def serialization(self) -> str:
        """How the model is written; the format that is listed first, the default, holds data alone."""
        return self.options.get("serialization_format") or _FORMATS.get(self.flavor, ("",))[0]

    @property
    def holds_code(self) -> bool:
        """Whether the format is one of those that run code when the model is loaded."""
        return self.serialization in _FORMATS.get(self.flavor, ())[1:]


def flavor_of(model: Any, options: dict[str, Any]) -> str:
    """Choose the flavor by the classes that the model's class is made from; refuse a kind that is not supported."""
    if isinstance(model, type):
        raise WorkbenchError(
            f"the class {model.__name__} itself.",
            "a model of this class.",
            f"Make and fit one: {model.__name__}().fit(…).",
        )
    if inspect.ismethod(model) and (owner := _library_of(model.__self__)):
        chosen = f" and add pyfunc_predict_fn={model.__name__!r}" if owner in _WITH_METHODS else ""
        raise WorkbenchError(
            f"the method {model.__name__} of a {type(model.__self__).__name__}.",
            "the model itself, of which MLflow stores the data and not the code.",
            f"Give the model{chosen}.",
        )
    library = _library_of(model)
    if library:
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise not_installed(error) from error
    if library == "keras":
        return _keras_flavor()
    if library in _WITH_METHODS and "pyfunc_predict_fn" in options:
        return "sklearn"  # no other flavor can choose a method, and to scikit-learn these are estimators
    if library or callable(model) or _is_python_model(model) or is_script(model):
        return _LIBRARIES[library] if library else "pyfunc"
    raise WorkbenchError(
        f"a model of the type {type(model).__module__}.{type(model).__qualname__}.",
        "a fitted scikit-learn, XGBoost, LightGBM, Keras, PyTorch or ONNX model, a Python function, a PythonModel, or "
        "the path of a Python file that calls mlflow.models.set_model.",
        "Wrap it in a function that takes the input and returns the predictions, or in mlflow.pyfunc.PythonModel.",
    )


def check_options(job: Job) -> None:
    """Refuse an option that MLflow's own ``log_model`` of the flavor does not take, and a method that is not there."""
    from mlflow.models import Model

    calls = [Model.log, *(getattr(module(job.flavor), name) for name in ("log_model", "save_model"))]
    known = set().union(*(inspect.signature(call).parameters for call in calls)) - _NOT_GIVEN
    for name in job.options:
        if name in _OURS:
            raise WorkbenchError(
                f"the option {name!r}.", f"{_OURS[name]}, as it is called here.", f"Write {_OURS[name]}=…."
            )
        if name not in known:
            raise unknown_name("option", name, sorted(known))
    _check_kinds(job.options)
    formats = _FORMATS.get(job.flavor)
    if formats and not is_among(job.serialization, formats):
        raise unknown_name("serialization_format", job.serialization, formats)
    method = job.options.get("pyfunc_predict_fn")
    if job.flavor == "sklearn" and method not in (None, "predict") and not method_of(job.model, method):
        public = [name for name in dir(job.model) if name[0] != "_" and method_of(job.model, name)]
        raise unknown_name(f"method of {type(job.model).__name__}", str(method), public)


def _check_kinds(options: dict[str, Any]) -> None:
    """Refuse what MLflow would notice only when half of the model is stored, and blame on the model."""
    from mlflow.models import ModelSignature

    step, signature = options.get("step", 0), options.get("signature")
    environment = [name for name in _ENVIRONMENT if name in options]
    paths = options.get("code_paths", [])
    are_paths = isinstance(paths, list | tuple) and all(isinstance(path, str | Path) for path in paths)
    missing = [str(path) for path in paths if not Path(path).exists()] if are_paths else ["others"]
    kinds = {
        "step": (isinstance(step, Integral) and abs(int(step)) < _LARGEST, "a whole number of at most 63 bits"),
        "signature": (
            signature is None or signature is False or isinstance(signature, ModelSignature),
            "a mlflow.models.ModelSignature, or False for none",
        ),
        "code_paths": (not missing, f"files and folders that exist, and not {', '.join(missing)}"),
        **{name: (_names_packages(options[name]), "a list, or the path of a file that exists") for name in environment},
        **{key: (isinstance(options.get(key) or {}, dict), "a dict") for key in ("metadata", "params", "tags")},
    }
    for name, (fits, wanted) in kinds.items():
        if not fits:
            raise WorkbenchError(f"{name} = {options.get(name)!r}.", f"{wanted}.", "Correct it, or leave it out.")
    if len(environment) > 1:
        raise WorkbenchError(
            f"{' and '.join(environment)}.", "one of them.", "Write all packages into pip_requirements."
        )
    try:
        yaml.safe_dump(options.get("metadata"))
    except yaml.YAMLError as error:
        raise WorkbenchError(
            f"metadata that YAML cannot write ({told(error)}).",
            "numbers, texts, dates, and lists and dicts of these.",
            "Give a number of numpy as value.item(), and other objects as str(value).",
        ) from error


def _names_packages(given: Any) -> bool:
    """Whether this may be an environment: the path of its file, or something that lists packages."""
    return Path(given).is_file() if isinstance(given, str) else isinstance(given, Iterable)


def module(flavor: str) -> Any:
    """MLflow's module for a flavor."""
    return importlib.import_module(f"mlflow.{flavor}")


def method_of(model: Any, name: Any) -> Callable[..., Any] | None:
    """The method of a model by its name, if there is one."""
    method = getattr(model, name, None) if isinstance(name, str) else None
    return method if callable(method) else None


def _library_of(model: Any) -> str | None:
    made_from = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    return next((library for library in _LIBRARIES if library in made_from), None)


def is_script(model: Any) -> bool:
    """Whether this is the path of a Python file, whose code is stored as the model."""
    return isinstance(model, str | Path) and Path(model).suffix == ".py" and Path(model).is_file()


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
