"""What checks look at in stored models: files, signatures and answers, each gap with a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import shown
from mlcourse.untrusted import RefusedError, ask_untrusted
from mlworkbench.errors import told
from mlworkbench.quiet import quiet
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import LoggedModel
    from mlflow.models import Model

ALL_CLOSE = 1e-3  # part of a value by which two translations of one model may differ


@dataclass(frozen=True)
class Stored:
    """A model in the store: its address, its MLmodel file, and the store's record of it."""

    uri: str
    file: Model
    record: LoggedModel

    @property
    def flavors(self) -> dict[str, Any]:
        """The flavors of the MLmodel file."""
        return dict(self.file.flavors)

    def _folder(self, flavor: str) -> str:
        """Where its files are, in this flavor; who is asked apart opens no store."""
        import mlflow

        if flavor not in self.flavors:
            raise NotYetError(
                f"The model has the flavors {', '.join(self.flavors)}.", "Store the scikit-learn object itself."
            )
        return str(mlflow.artifacts.download_artifacts(self.uri))

    def classes(self) -> list[str]:
        """Name of the class of the scikit-learn object, and those of its steps if it is a pipeline."""
        import mlflow

        def names() -> list[str]:
            with quiet():
                model = mlflow.sklearn.load_model(folder)
            return [type(part).__name__ for part in (model, *(step for _, step in getattr(model, "steps", ())))]

        folder = self._folder("sklearn")
        found: list[str] = ask_untrusted(names)
        return found

    def predict(self, rows: Any, params: dict[str, Any] | None = None) -> Any:
        """What the python_function answers to rows, or `RefusedError`."""
        import mlflow

        def ask() -> Any:
            with quiet():
                return mlflow.pyfunc.load_model(folder).predict(rows, params=params)

        folder = self._folder("python_function")
        return ask_untrusted(ask)

    def answer(self, rows: Any, params: dict[str, Any] | None = None) -> Any:
        """What the python_function answers to right rows."""
        try:
            return self.predict(rows, params)
        except RefusedError as error:
            raise NotYetError(
                f"The model does not answer to {len(rows)} right row(s): {error.kind}: {error}.",
                "Try it on them yourself.",
            ) from error


def stored_model(answer: Any, what: str = "model_uri") -> Stored:
    """The model that the learner names, as an address or as what `log_model` returned."""
    import mlflow
    from mlflow.models import Model

    uri = getattr(answer, "model_uri", answer)
    if not isinstance(uri, str):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the text in `….model_uri`.")
    if not uri.startswith(("models:/", "runs:/")):
        raise NotYetError(f"{what} is {shown(uri)}.", "Give the address that log_model returns: it begins models:/.")
    try:
        file = Model.load(uri)
        record = mlflow.get_logged_model(file.model_id) if file.model_id else None
    except Exception as error:  # an address that no database takes, or a store that went away
        raise NotYetError(
            f"There is no model at {uri[:100]!r} ({told(error)[:150]}).", "Take the address that log_model returns."
        ) from error
    if record is None:
        raise NotYetError(f"The model at {uri[:100]!r} was saved, but not logged.", "Use log_model.")
    return Stored(uri, file, record)


def called(stored: Stored, name: str) -> None:
    """The model must have this name."""
    if stored.record.name != name:
        raise NotYetError(f"The model is called {stored.record.name!r}.", f"Store it under the name {name!r}.")


def in_experiment(stored: Stored, experiment: str) -> None:
    """The model must have been logged in this experiment."""
    found = logged_runs.client().get_experiment(stored.record.experiment_id).name
    if found != experiment:
        raise NotYetError(f"The model is in the experiment {found!r}.", f"Log it in {experiment!r}.")


def in_a_run(stored: Stored) -> None:
    """The model must belong to a run that is still there."""
    if not stored.record.source_run_id:
        raise NotYetError("The model belongs to no run.", "Log it inside of `with mlflow.start_run():`.")
    logged_runs.known_run(stored.record.source_run_id, "The run of the model")


def with_example(stored: Stored) -> None:
    """The model must have an input example and a signature."""
    if not stored.file.saved_input_example_info:
        raise NotYetError("The model has no input example.", "Give log_model a few rows as its example.")
    input_types(stored)


def input_types(stored: Stored) -> dict[str, str]:
    """Names and types of the inputs in the signature, which must be those of a table."""
    signature = stored.file.signature
    if signature is None or signature.inputs is None:
        raise NotYetError("The model has no signature of its inputs.", "Give an example, or write a signature.")
    if signature.inputs.is_tensor_spec():
        raise NotYetError("The signature is one of tensors.", "Give a DataFrame as the example.")
    return {column.name: column.type.name for column in signature.inputs}


def as_declared(stored: Stored, rows: pd.DataFrame) -> Any:
    """Rows in the types that the signature declares: a table, or an array where it is one of tensors."""
    inputs = stored.file.signature.inputs if stored.file.signature else None
    if inputs is None:
        return rows.to_numpy("float32")
    if inputs.is_tensor_spec():
        return rows.to_numpy(inputs.numpy_types()[0])
    return rows.astype({column.name: column.type.to_pandas() for column in inputs if column.name in rows})


def default_of(stored: Stored, name: str) -> Any:
    """Default of an inference parameter."""
    signature = stored.file.signature
    known = {spec.name: spec.default for spec in (signature.params if signature else None) or ()}
    if name not in known:
        found = f"the parameters {', '.join(known)}" if known else "no parameters"
        raise NotYetError(f"The signature has {found}.", f"Add {name!r}: the example can be a pair (rows, {{…}}).")
    return known[name]


def accepts_gap(stored: Stored, rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows with a gap in a column, which the model must answer, one answer a row and none of them missing."""
    import pandas as pd

    kind = input_types(stored).get(column)
    if kind is None:
        raise NotYetError(f"The signature has no column {column!r}.", "Give all columns in the example.")
    if kind in ("integer", "long"):
        raise NotYetError(
            f"The signature declares {column} as {kind}, which has no gaps.", "Declare it as double, the type of a gap."
        )
    if kind not in ("double", "float"):
        raise NotYetError(f"The signature declares {column} as {kind}.", "Declare it as double, the type of a gap.")
    gap = rows.astype({column: "float64"})
    gap.iloc[0, list(gap.columns).index(column)] = float("nan")
    answers = pd.Series(list(stored.answer(gap)))
    if len(answers) != len(gap) or answers.isna().any():
        raise NotYetError(
            f"With a gap in {column} the model gives {answers.notna().sum()} answer(s) for {len(gap)} rows.",
            "Let the model fill gaps before it calculates.",
        )
    return gap


def refuses(stored: Stored, rows: pd.DataFrame, what: str) -> None:
    """The signature must refuse rows that are wrong in this way."""
    try:
        stored.predict(rows)
    except RefusedError as error:
        if error.kind == "MlflowException":
            return
        raise NotYetError(
            f"The signature lets {what} pass, and the model stops at {error.kind}.",
            "Require the column in the signature.",
        ) from error
    raise NotYetError(f"The model answers to {what}.", "Require the column in the signature, with its type.")


def from_code(stored: Stored) -> None:
    """The model must be stored as its source, not as a pickle."""
    function = stored.flavors.get("python_function", {})
    if "model_code_path" in function:
        return
    if "python_model" in function:
        raise NotYetError("The model is stored as a pickled object.", "Log the path of a file that calls set_model.")
    raise NotYetError(
        f"The model has the flavors {', '.join(stored.flavors)}, and no code.", "Write a PythonModel to a file."
    )


def numbers(answer: Any, what: str) -> Any:
    """Answers of a regressor as an array of numbers, one a row."""
    import numpy as np

    if hasattr(answer, "items") and not hasattr(answer, "to_numpy"):  # ONNX names its outputs
        answer = next(iter(answer.values()), None)
    try:
        found = np.asarray(answer, dtype="float64").ravel()
    except (TypeError, ValueError, OverflowError) as error:
        raise NotYetError(f"{what} are not numbers.", "Give the predictions of the model.") from error
    if not np.isfinite(found).all():
        raise NotYetError(f"{what} are not all finite numbers.", "Find the row that gives NaN or infinity.")
    return found


def equal_answers(found: Any, expected: Any, what: str) -> None:
    """Truth values, one a row, that must be equal."""
    import numpy as np

    found, expected = np.asarray(found).ravel(), np.asarray(expected).ravel()
    if len(found) != len(expected):
        raise NotYetError(f"{what} the model gives {len(found)} answer(s) for {len(expected)} rows.", "One a row.")
    if other := [value for value in found.tolist() if not isinstance(value, bool | int | float) or value not in (0, 1)]:
        raise NotYetError(f"{what} the model answers {shown(other[0])}.", "Answer True or False, one for each row.")
    wrong = int((found.astype(bool) != expected.astype(bool)).sum())
    if wrong and wrong == len(expected):
        raise NotYetError(f"{what} all {wrong} answers are the opposite.", "Turn the comparison round.")
    if wrong:
        raise NotYetError(f"{what} {wrong} of {len(expected)} answers differ.", "Compare with the parameter itself.")
