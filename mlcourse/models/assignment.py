"""Checks of the assignment of part 2. The data are the diabetes set of scikit-learn; no answer is kept here."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import number, sequence, shown, text
from mlcourse.course_data import diabetes, unchanged
from mlcourse.models import logged_models, training
from mlcourse.models.first_model import first, own, predictions
from mlcourse.models.gate import measured, own_metric, refused, through_the_gate
from mlcourse.models.honest import honest
from mlcourse.models.logged_models import Stored
from mlworkbench.tasks import NotYetError, Task

COLUMNS, REGISTERED = 10, "progression"
LIMITS = (100.0, 150.0, 171.5, 250.0, 20.0)
NEAR = 3  # times as much, or as little, is what another order of the same sums may differ by


def stored_pipeline(model_uri: Any) -> str:
    """Task 1: a pipeline with a name, an example, a signature and a run.

    Recomputed: the classes of the pipeline, read from the stored model, and what it predicts for the test rows.
    Cross-examined: name, example, columns of the signature, run.
    Not checked: settings of Ridge that change no prediction by 0.05 points.
    """
    stored = own(model_uri, name="progression")
    steps = stored.classes()[1:]
    if steps != ["StandardScaler", "Ridge"]:
        found = f"the steps {', '.join(steps)}" if steps else "no steps: it is no pipeline"
        raise NotYetError(f"The stored model has {found}.", "Store make_pipeline(StandardScaler(), Ridge()).")
    logged_models.with_example(stored)
    names = list(logged_models.input_types(stored))
    if len(names) != COLUMNS:
        raise NotYetError(f"The signature has {len(names)} inputs.", f"Use all {COLUMNS} columns.")
    if strange := set(names) - set(diabetes().X_train):
        raise NotYetError(f"The signature has an input {shown(min(strange))}.", "Take rows of X_train as the example.")
    logged_models.in_a_run(stored)
    first(model_uri)
    return "The pipeline is stored with its example, its signature and its run."


def read_facts(model_uri: Any, flavors: Any, size: Any, file_format: Any) -> str:
    """Task 2: three facts of the MLmodel file.

    Recomputed: flavors, size and format are read from the file of the model of task 1.
    """
    stored = first(model_uri)
    names = {str(name) for name in sequence(flavors, "flavors")}
    if names != set(stored.flavors):
        raise NotYetError(
            f"You name {len(names)} flavor(s), and not those of the file.", "Give the keys below flavors, as texts."
        )
    if number(size, "size") != stored.file.model_size_bytes:
        raise NotYetError(f"The size is not {size:.6g} bytes.", "Give model_size_bytes as the file has it.")
    if text(file_format, "file_format") != stored.flavors.get("sklearn", {}).get("serialization_format"):
        raise NotYetError("The file names another format.", "It stands in the flavor sklearn, serialization_format.")
    return f"Flavors, size and format are those of the file: {file_format}, {size / 1000:.3g} kB."


def addresses(model_uri: Any, by_run: Any, by_alias: Any) -> str:
    """Task 3: two more addresses of the same model.

    Cross-examined: both addresses lead to the id of the model of task 1; run and registered model in them.
    """
    stored = first(model_uri)
    for what, address, begins, needs in (("by_run", by_run, "runs:/", ""), ("by_alias", by_alias, "models:/", "@best")):
        if not (text(address, what).startswith(begins) and address.endswith(needs)):
            raise NotYetError(
                f"{what} does not have the form {begins}…{needs}.", "Lesson 2.1, 'Tell the addresses apart'."
            )
        other = logged_models.stored_model(address, what)
        if other.record.model_id != stored.record.model_id:
            raise NotYetError(f"{what} leads to another model.", "Register, or name, the model of task 1.")
    if (name := by_alias.removeprefix("models:/").removesuffix("@best")) != REGISTERED:
        raise NotYetError(f"by_alias names the registered model {shown(name)}.", f"Register it as {REGISTERED!r}.")
    return "Three addresses, one model."


def patient_model(model_uri: Any, rows: Any) -> str:
    """Task 4: a gap passes, a missing column and a text are refused.

    Recomputed: the model is asked with a gap in age, without bmi, and with a text as bmi; its error on the test rows
    against that of the mean; a model of scikit-learn or XGBoost is trained again on different rows, and compared.
    """
    stored, data = own(model_uri), diabetes()
    unchanged(rows, data.X_test, "rows")
    gap = logged_models.accepts_gap(stored, data.X_test.head(), "age")
    logged_models.refuses(stored, gap.drop(columns="bmi"), "rows without bmi")
    logged_models.refuses(stored, gap.assign(bmi="high"), "a text as bmi")
    answers = logged_models.numbers(stored.answer(data.X_test.astype({"age": float})), "The predictions")
    truth = data.y_test.to_numpy()
    error, guess = float(abs(answers - truth).mean()), float(abs(data.y_train.mean() - truth).mean())
    if error >= guess:
        raise NotYetError(
            f"The model is wrong by {error:.3g} points in the mean, and guessing by {guess:.3g}.",
            "Train it on X_train and y_train.",
        )
    training.on_training_rows(stored, answers, data)
    return "An unknown age passes; a missing or wrong bmi is refused."


def follow_up(model_uri: Any, rows: Any, original: Any) -> str:
    """Task 5: a model from code with a parameter, compared with the model inside.

    Recomputed: the model of task 1 and this one are asked, at six limits, and compared; and at a limit that is exactly
    a prediction.
    Cross-examined: that nothing is pickled; the type of the default.
    """
    stored = own(model_uri, name="follow_up")
    logged_models.from_code(stored)
    default = logged_models.default_of(stored, "limit")
    if not isinstance(default, float):
        kind = "a whole number (long)" if isinstance(default, int) else f"of type {type(default).__name__}"
        raise NotYetError(
            f"The parameter limit is {kind}, so that 100.5 would be refused.", "Write its default as in 150.0."
        )
    inside = first(original, "original")
    unchanged(rows, diabetes().X_test, "rows")
    for limit in (default, *LIMITS):
        wanted = predictions() > limit
        logged_models.equal_answers(stored.answer(rows, {"limit": limit}), wanted, f"With limit={limit:g}")
    logged_models.equal_answers(stored.answer(rows), predictions() > default, "Without a limit")
    _more_than(stored, logged_models.numbers(inside.answer(logged_models.as_declared(inside, rows)), "original"), rows)
    return f"Nothing is pickled, and the limit works; by default it is {default:g}."


def _more_than(stored: Stored, predicted: Any, rows: Any) -> None:
    """A prediction that is the limit itself is not more than the limit."""
    if logged_models.numbers(stored.answer(rows, {"limit": float(predicted[0])}), "The answers")[0]:
        raise NotYetError(
            f"At limit={predicted[0]:.6g}, which is what is predicted for the first row, its answer is True.",
            "More than the limit is >, not >=.",
        )


def exported(model_uri: Any, original: Any, rows: Any, difference: Any) -> str:
    """Task 6: an ONNX export with the same predictions, and the learner's own proof.

    Recomputed: the predictions of both models, and their largest difference, to about its size.
    """
    stored = own(model_uri)
    if "onnx" not in stored.flavors:
        raise NotYetError(f"The model has the flavors {', '.join(stored.flavors)}.", "Export it with to_onnx first.")
    first(original, "original")
    unchanged(rows, diabetes().X_test, "rows")
    answers = stored.answer(logged_models.as_declared(stored, rows))
    found, expected = logged_models.numbers(answers, "The answers of the export"), predictions()
    if len(found) != len(expected):
        raise NotYetError(f"The export gives {len(found)} answers for {len(expected)} rows.", "One a row.")
    largest = float(abs(found - expected).max())
    if largest > logged_models.ALL_CLOSE * float(abs(expected).max()):
        raise NotYetError(f"The predictions differ by up to {largest:.3g}.", "Export the pipeline of task 1.")
    _proof(number(difference, "difference"), largest, float(abs(found[:, None] - expected).max()))
    return f"The export predicts the same; the largest difference is {largest:.1g}."


def _proof(difference: float, largest: float, of_all_pairs: float) -> None:
    """The learner's difference is about the largest one."""
    if abs(difference - of_all_pairs) < of_all_pairs / 100:
        raise NotYetError(
            f"Your difference is {difference:.3g}: shape (rows, 1) minus shape (rows,) compares each row with all.",
            "Flatten the answers of the export first: .ravel().",
        )
    if difference == 0 and largest > 0:
        raise NotYetError(
            f"Your difference is 0, but {largest:.1g} is left.", "Subtract the pipeline's predictions for X_test."
        )
    if not largest / NEAR <= difference <= largest * NEAR:
        raise NotYetError(f"Your difference is {difference:.3g}, not {largest:.3g}.", "Take abs(…), then max().")


_HINTED: dict[str, tuple[Any, str, str]] = {
    "models.1": (
        stored_pipeline,
        "Lesson 2.1, 'Store a model'. The name is the second argument of wb.log_model.",
        "Fit make_pipeline(…) on X_train and y_train; inside a run, wb.log_model with example=X_train.head(3).",
    ),
    "models.2": (
        read_facts,
        "Lesson 2.1, 'See the files' and 'Read the MLmodel file'.",
        "yaml.safe_load of the text of MLmodel gives a dictionary; the format is two levels below 'flavors'.",
    ),
    "models.3": (
        addresses,
        "Lesson 2.1, 'Tell the addresses apart'. The run is in mlflow.get_logged_model(…).source_run_id.",
        "mlflow.register_model gives a version; set_registered_model_alias takes its name, 'best' and its version.",
    ),
    "models.4": (
        patient_model,
        "Lesson 2.2: a gap needs the type double. And Ridge itself stops at gaps: something must fill them first.",
        "SimpleImputer() is a first step of a pipeline. Show log_model an example in which age is a float.",
    ),
    "models.5": (
        follow_up,
        "Lesson 2.3, 'Write a model of your own' and 'Log it from code', with one other line in predict.",
        "The model of task 1 comes in by artifacts={'model': …}; compare its predictions with params['limit'].",
    ),
    "models.6": (
        exported,
        "Lesson 2.3, 'Export to ONNX': both the export and its example are arrays of float32.",
        "pyfunc's answer is a dictionary with one array, 'variable', of shape (rows, 1): ravel it, then subtract.",
    ),
    "models.7": (
        own_metric,
        "Lesson 2.4, 'Add a metric of your own', with the model_type 'regressor'.",
        "The function returns the mean of (abs(predictions - targets) <= 50) as a float.",
    ),
    "models.8": (
        refused,
        "Lesson 2.4, 'State what you demand'. With an error, smaller is better.",
        "MetricThreshold takes min_relative_change=0.05 and greater_is_better=False; the first argument of "
        "wb.validate is the candidate.",
    ),
    "models.9": (
        measured,
        "Lesson 2.5, 'Measure how long it takes'. Everything that asks the server stands inside of the block.",
        "Log latency.percentiles['p99'] in a run of its own.",
    ),
    "models.10": (
        through_the_gate,
        "Three times as dear to be too low: which quantile of the truth should such a model predict?",
        "scikit-learn has models that predict a quantile instead of the mean; some take loss='quantile'.",
    ),
    "models.11": (
        honest,
        "Lesson 2.2: mlflow.models.infer_signature says what is true of X_train and the predictions for it. Compare "
        "input by input: the type, and whether it is required.",
        "mlflow.sklearn.load_model gives the pipeline itself; wb.log_model with example=X_train.head(3) stores it with "
        "a signature of its own.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
