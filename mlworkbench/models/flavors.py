"""Save a model of any supported kind into a folder with MLflow's own flavor for it, and read it back."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.models import pytorch, refusals
from mlworkbench.models.job import ARGUMENT, Job, is_script, method_of, module
from mlworkbench.models.requirements import imports_of_file, modules_of, parts_of, pins
from mlworkbench.models.trusted_types import reviewed_among

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

_ALSO_NEEDED = {"onnx": {"onnxruntime"}, "pyfunc": {"cloudpickle"}}


def parts_of_job(job: Job) -> set[Any]:
    """Classes, functions and modules that the model and its example are made of."""
    try:
        return {*_classes(job), *parts_of(job.example), *parts_of(_stored_as_objects(job))}
    except (TypeError, ValueError, AttributeError, RecursionError, pickle.PicklingError) as error:
        raise refusals.unstorable(job, error) from error


def requirements_of(job: Job, parts: set[Any]) -> list[str]:
    """Pins of the packages that a model with these parts needs."""
    modules = modules_of(parts) | _ALSO_NEEDED.get(job.flavor, set())
    if is_script(job.model):
        modules |= imports_of_file(Path(job.model))
    if job.holds_code:
        modules |= {"cloudpickle"}
    elif job.serialization == "skops" and _is_stored_as_objects(job):
        modules |= {"skops"}
    if job.flavor in ("pyfunc", "tensorflow", "pytorch") or job.serialization == "cloudpickle":
        modules.discard("__main__")  # what a notebook defines is stored by cloudpickle, but not by skops
    return pins(modules, code_paths=job.options.get("code_paths") or ())


def in_memory(job: Job) -> Callable[..., Any] | None:
    """The method of the model itself that answers to an example; None where only the stored model can be asked."""
    if job.flavor == "pytorch":
        return pytorch.in_memory(job.model)
    if job.flavor not in ("sklearn", "xgboost", "lightgbm"):
        return None
    chosen = job.options.get("pyfunc_predict_fn", "predict")
    if job.flavor == "xgboost" and type(job.model).__name__ == "Booster":
        return None  # asks for a DMatrix, which MLflow makes of the rows
    return next((method for name in (chosen, "transform") if (method := method_of(job.model, name))), None)


def save(job: Job, folder: Path, parts: set[Any], requirements: Sequence[str]) -> None:
    """Save a model into a new folder; without a signature, unless one is given or type hints tell it."""
    from mlflow.models import Model, infer_signature

    save_model = module(job.flavor).save_model
    takes = inspect.signature(save_model).parameters
    options: dict[str, Any] = {"signature": False, **{key: job.options[key] for key in job.options if key in takes}}
    options["signature"] = options["signature"] or False
    more = options.pop("extra_pip_requirements", None) or ()
    if not {"pip_requirements", "conda_env"} & options.keys():
        options["pip_requirements"] = [*requirements, *([f"-r {more}"] if isinstance(more, str) else more)]
    if job.flavor == "onnx":
        options["signature"] = options["signature"] or None
    if job.serialization == "skops":
        options |= {"serialization_format": "skops", "skops_trusted_types": [*reviewed_among(parts), *job.trust]}
    if exported := job.serialization == "pt2" and not options["signature"]:
        options["signature"] = infer_signature(job.example)  # the export reads from it which sizes may vary
    example = (job.example, job.params) if job.params else job.example
    try:
        save_model(**{ARGUMENT[job.flavor]: job.model}, path=str(folder), input_example=example, **options)
    except Exception as error:
        raise refusals.not_saved(job, error) from error
    if exported:
        stored = Model.load(str(folder))
        stored.signature = None
        stored.save(str(folder / "MLmodel"))


def read_back(job: Job, folder: Path) -> PyFuncModel | None:
    """Load a saved model as pyfunc; None for one that loads, but that pyfunc cannot ask."""
    import mlflow
    from mlflow.models import Model

    try:
        if "python_function" in Model.load(str(folder)).flavors:
            return mlflow.pyfunc.load_model(str(folder))
        module(job.flavor).load_model(str(folder))
    except Exception as error:
        raise refusals.not_read_back(job, error) from error
    return None


def forget_code(folder: Path) -> None:
    """Take the model's own code off the path, where `read_back` has put it, before the folder goes away."""
    for path in [path for path in sys.path if path.startswith(f"{folder}/")]:
        sys.path.remove(path)


def _classes(job: Job) -> Iterable[type]:
    """The classes that whoever loads the model needs; an exported network needs none but those of PyTorch."""
    made_from = type(job.model).__mro__
    return [cls for cls in made_from if job.serialization != "pt2" or cls.__module__.startswith("torch.")]


def _stored_as_objects(job: Job) -> Any:
    """What is stored by the names of its classes and functions; the rest is in formats of the libraries."""
    if job.flavor == "tensorflow":
        import keras

        return keras.saving.get_custom_objects()
    return job.model if _is_stored_as_objects(job) else None


def _is_stored_as_objects(job: Job) -> bool:
    is_text = type(job.model).__name__ == "Booster"  # LightGBM writes it in a format of its own
    return job.flavor in ("sklearn", "pyfunc") or (job.flavor == "lightgbm" and not is_text) or job.holds_code
