"""What is said of a model, an example or a name that cannot be logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, shown, told
from mlworkbench.models.trusted_types import untrusted

if TYPE_CHECKING:
    from mlworkbench.models.job import Job

_ENFORCED = "Failed to enforce schema"  # so MLflow begins when data does not fit a signature
_UNWRITABLE = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]")  # no database or no line takes it
_ROWS = "Give a few rows of the training data, without the target."


def text_list(name: str, given: Any) -> list[str]:
    """Take one text as a list of one; refuse what is not made of texts."""
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, list | tuple | set) else [given]
    if all(isinstance(text, str) and text.strip() for text in texts):
        return texts
    raise WorkbenchError(
        f"{name} = {shown(given)}.", "a list of texts.", f"Write, say, {name}=['name'], or leave it out."
    )


def check_name(what: str, name: Any, bad: str) -> None:
    """Refuse a name that MLflow does not take, or under which nothing could be found again."""
    if not isinstance(name, str) or not name.strip() or _UNWRITABLE.search(name) or set(bad) & set(name):
        raise WorkbenchError(
            f"{what} = {shown(name)}.",
            f"a name: a text in one line without {' '.join(bad)}.",
            "Choose a name such as 'wine' or 'wine-forest'.",
        )


def not_logged(error: BaseException) -> WorkbenchError:
    """Build the error for what MLflow itself refuses of the options, tags or parameters."""
    return WorkbenchError(
        f"MLflow does not log the model ({told(error)}).",
        "options, tags and parameters of the active run that MLflow takes, and a store and a registry that answer.",
        "Correct what the message in brackets names.",
    )


def not_written(error: BaseException) -> WorkbenchError:
    """Build the error for files of a model that cannot be written where the experiment keeps its artifacts."""
    return WorkbenchError(
        f"the files of the model cannot be kept ({told(error)}).",
        "a place for artifacts that is there, that this user can write, and that has room.",
        "Mend the place that the brackets name; `mlworkbench doctor` tells which experiments keep their files where.",
    )


def unstorable(job: Job, error: BaseException) -> WorkbenchError:
    """Build the error for a model that cannot be written to a file."""
    in_skops = "Define functions in a .py file and pass it with code_paths; replace what skops does not support."
    do = {
        "sklearn": in_skops,
        "lightgbm": in_skops,
        "pyfunc": "Open files, connections and locks inside of the function, or in PythonModel.load_context.",
        "pytorch": "Let no step of the network depend on the values in it, or wrap it in mlflow.pyfunc.PythonModel.",
    }
    if "exactly one argument" in str(error):
        do["pyfunc"] = "Let it take the rows alone; a mlflow.pyfunc.PythonModel takes inference parameters as well."
    return WorkbenchError(
        f"the {type(job.model).__name__} cannot be stored ({told(error)}).",
        "a model that MLflow can write to a file and read back.",
        do.get(job.flavor, "Correct what the message in brackets names."),
    )


def not_saved(job: Job, error: Exception) -> WorkbenchError:
    """Build the error for what the flavor's ``save_model`` raised."""
    cause = error.__cause__ or error
    if is_unfitted(cause) or is_enforced(cause):
        return no_answer(job, cause)
    wary = untrusted(job.model, job.trust) if job.serialization == "skops" else None
    return wary or unstorable(job, cause)


def not_read_back(job: Job, error: Exception) -> WorkbenchError:
    """Build the error for a model that was saved and does not load."""
    do = "Hand over the files that a PythonModel opens with artifacts={'name': 'path'}."
    if job.flavor == "tensorflow":
        do = "Register your own Keras classes (keras.saving.register_keras_serializable)."
    if method := job.options.get("pyfunc_predict_fn"):
        do = f"MLflow asks a model for predictions and probabilities at most; log a function that calls {method}."
    return WorkbenchError(
        f"the stored {type(job.model).__name__} cannot be read back ({told(error)}).",
        "a model that loads from its files alone.",
        do,
    )


def is_unfitted(error: BaseException | None) -> bool:
    """Whether a model says that it is not fitted, in the words of scikit-learn, XGBoost or LightGBM."""
    return any(cls.__name__ == "NotFittedError" for cls in type(error).__mro__)


def no_answer(job: Job, error: BaseException) -> WorkbenchError:
    """Build the error for a model that does not answer to its example."""
    name = type(job.model).__name__
    if is_unfitted(error):
        return WorkbenchError(f"the {name} is not fitted.", "a fitted model.", "Call its fit method first.")
    if is_enforced(error):
        return WorkbenchError(
            f"the example does not fit the signature ({heart(error)}).",
            "an example with the columns and types that the signature declares.",
            "Change the example, as in example.astype({'column': float}), or the signature.",
        )
    do = _ROWS
    if isinstance(job.example, dict):
        do = "Make a DataFrame of it: pd.DataFrame(rows)."
    if job.flavor == "pytorch":
        do = "Give rows in the type of the weights, as in example.astype('float32'), and let forward return one tensor."
    if "contains NaN" in str(error):
        do = "The model itself stops at gaps: let a first step fill them (SimpleImputer), or give rows without."
    shape = getattr(job.example, "shape", None)
    size = f" of the shape {tuple(shape)}" if shape is not None else ""
    return WorkbenchError(
        f"the {name} does not answer to the example, a {type(job.example).__name__}{size} ({told(error)}).",
        "an example that the stored model takes: the columns it was fitted on, in their order.",
        do,
    )


def answers_change(job: Job) -> WorkbenchError:
    """Build the error for a stored model that says something else than the one in memory."""
    do = "Give rows in the form that the model was fitted on, such as a DataFrame for a DataFrame."
    if job.params and job.flavor == "sklearn":
        do = "MLflow hands no parameters on to a scikit-learn model: log a mlflow.pyfunc.PythonModel that does."
    return WorkbenchError(
        f"the stored {type(job.model).__name__} answers something else than the model in memory.",
        "the same answer to the example.",
        do,
    )


def is_enforced(error: BaseException) -> bool:
    """Whether MLflow says that data does not fit a signature."""
    return _ENFORCED in str(error)


def heart(error: BaseException) -> str:
    """The heart of an error that MLflow raises about data; before it MLflow shows the whole table."""
    return str(error).rpartition("Error: ")[2][:300]
