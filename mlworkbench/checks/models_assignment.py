"""Checks of the assignment of part 2. The data are the diabetes set of scikit-learn; no answer is kept here."""

from __future__ import annotations

import math
from typing import Any

from mlworkbench.checks import look, look_models
from mlworkbench.checks.answers import number, sequence
from mlworkbench.checks.feedback import NotYetError, Task
from mlworkbench.checks.look_models import Stored

EXPERIMENT = "exercises: models"
CLOSE, FEWEST_REQUESTS, LATENCY_LIMIT, LEAST_GAIN = 50, 100, 1000, 0.1
COLUMNS = 10


def _own(answer: Any, what: str = "model_uri", name: str | None = None) -> Stored:
    """A model in the experiment of the assignment."""
    stored = look_models.stored_model(answer, what)
    look_models.in_experiment(stored, EXPERIMENT)
    if name:
        look_models.called(stored, name)
    return stored


def stored_pipeline(model_uri: Any) -> str:
    """Task 1: a pipeline with a name, an example, a signature and a run."""
    stored = _own(model_uri, name="progression")
    steps = [type(step).__name__ for _, step in getattr(stored.native(), "steps", ())]
    if steps != ["StandardScaler", "Ridge"]:
        found = f"the steps {', '.join(steps)}" if steps else "no steps: it is no pipeline"
        raise NotYetError(f"The stored model has {found}.", "Store make_pipeline(StandardScaler(), Ridge()).")
    look_models.with_example(stored)
    if (width := len(look_models.input_types(stored))) != COLUMNS:
        raise NotYetError(f"The signature has {width} inputs.", f"Use all {COLUMNS} columns.")
    if not stored.record.source_run_id:
        raise NotYetError("The model belongs to no run.", "Log it inside of `with mlflow.start_run():`.")
    return "The pipeline is stored with its example, its signature and its run."


def read_facts(model_uri: Any, flavors: Any, size: Any, file_format: Any) -> str:
    """Task 2: three facts of the MLmodel file."""
    stored = _own(model_uri)
    names = {str(name) for name in sequence(flavors, "flavors")}
    if names != set(stored.flavors):
        raise NotYetError(
            f"You name {len(names)} flavor(s), and not those of the file.", "Give the keys below flavors, as texts."
        )
    if number(size, "size") != stored.file.model_size_bytes:
        raise NotYetError(f"The size is not {size:.6g} bytes.", "Give model_size_bytes as the file has it.")
    if file_format != stored.flavors.get("sklearn", {}).get("serialization_format"):
        raise NotYetError("The file names another format.", "It stands in the flavor sklearn, serialization_format.")
    return f"Flavors, size and format are those of the file: {file_format}, {size / 1000:.3g} kB."


def addresses(model_uri: Any, by_run: Any, by_alias: Any) -> str:
    """Task 3: two more addresses of the same model."""
    stored = _own(model_uri)
    for what, address, begins, needs in (("by_run", by_run, "runs:/", ""), ("by_alias", by_alias, "models:/", "@best")):
        text = address if isinstance(address, str) else ""
        if not (text.startswith(begins) and text.endswith(needs)):
            raise NotYetError(
                f"{what} does not have the form {begins}…{needs}.", "Lesson 2.1, 'Tell the addresses apart'."
            )
        other = look_models.stored_model(address, what)
        if other.record.model_id != stored.record.model_id:
            raise NotYetError(f"{what} leads to another model.", "Register, or name, the model of task 1.")
    return "Three addresses, one model."


def patient_model(model_uri: Any, rows: Any) -> str:
    """Task 4: a gap passes, a missing column and a text are refused."""
    stored = _own(model_uri)
    gap = look_models.accepts_gap(stored, rows.head(), "age")
    look_models.refuses(stored, gap.drop(columns="bmi"), "rows without bmi")
    look_models.refuses(stored, gap.assign(bmi="high"), "a text as bmi")
    return "An unknown age passes; a missing or wrong bmi is refused."


def follow_up(model_uri: Any, rows: Any, original: Any) -> str:
    """Task 5: a model from code with a parameter, compared with the model inside."""
    stored = _own(model_uri, name="follow_up")
    look_models.from_code(stored)
    default = look_models.default_of(stored, "limit")
    inside = look_models.numbers(_own(original, "original").answer(rows), "The predictions of original")
    for limit in (default, 100.0, 150.0, 250.0):
        look_models.equal_answers(stored.answer(rows, {"limit": limit}), inside > limit, f"With limit={limit:g}")
    return f"Nothing is pickled, and the limit works; by default it is {default:g}."


def exported(model_uri: Any, original: Any, rows: Any, difference: Any) -> str:
    """Task 6: an ONNX export with the same predictions, and the learner's own proof."""
    import numpy as np

    stored = _own(model_uri)
    if "onnx" not in stored.flavors:
        raise NotYetError(f"The model has the flavors {', '.join(stored.flavors)}.", "Export it with to_onnx first.")
    inputs = stored.file.signature.inputs if stored.file.signature else None
    tensors = inputs is not None and inputs.is_tensor_spec()
    asked = rows.to_numpy("float32") if tensors else rows.astype("float32")
    found = look_models.numbers(stored.answer(asked), "The answers of the export")
    expected = look_models.numbers(_own(original, "original").answer(rows), "The predictions of original")
    largest = float(np.abs(found - expected).max())
    if largest > look_models.ALL_CLOSE * float(np.abs(expected).max()):
        raise NotYetError(f"The predictions differ by up to {largest:.3g}.", "Export the pipeline of task 1.")
    if not math.isclose(number(difference, "difference"), largest, abs_tol=0.01):
        raise NotYetError(f"Your difference is {difference:.3g}, not {largest:.3g}.", "Take abs(…), then max().")
    return f"The export predicts the same; the largest difference is {largest:.1g}."


def own_metric(run_id: Any, model_uri: Any, rows: Any, y_test: Any) -> str:
    """Task 7: an evaluation with a metric of one's own, compared with the predictions."""
    run, stored = look.finished_run(run_id), _own(model_uri)
    if "mean_absolute_error" not in run.data.metrics:
        raise NotYetError(
            f"The run {run.info.run_name!r} has no mean_absolute_error.",
            "Let mlflow.models.evaluate with model_type='regressor' log the metrics.",
        )
    share = look.metric(run, "share_close", 0, 1)
    errors = look_models.numbers(stored.answer(rows), "The predictions") - look_models.numbers(y_test, "y_test")
    expected = float((abs(errors) <= CLOSE).mean())
    if not math.isclose(share, expected, abs_tol=1e-6):
        raise NotYetError(
            f"share_close is {share:.3f}, but {expected:.3f} of the test rows are predicted within {CLOSE}.",
            "Evaluate the model of task 1 on the test rows, and count errors of both signs.",
        )
    return f"Your metric stands beside the usual ones: {share:.3f} of the patients within {CLOSE}."


def refused(verdict: Any, baseline: Any) -> str:
    """Task 8: a gate that refuses a worse candidate."""
    run = look_models.verdict_run(verdict)
    wanted = look_models.demand(verdict, "mean_absolute_error")
    if "the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}, whatever the baseline does.", "Add min_relative_change.")
    if "below the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}.", "A small error is a good one: greater_is_better=False.")
    if verdict:
        raise NotYetError("The gate let the candidate pass.", "The guessing model is the candidate, not the baseline.")
    against = look_models.stored_model(run.data.params["baseline"], "The baseline")
    if against.record.model_id != _own(baseline, "baseline").record.model_id:
        raise NotYetError("The gate compared with another model.", "Take the model of task 1 as the baseline.")
    candidate = type(_own(run.data.params["candidate"], "The candidate").native()).__name__
    if candidate != "DummyRegressor":
        raise NotYetError(f"The candidate is a {candidate}.", "Let a DummyRegressor try.")
    return f"The gate refused the {candidate}: its error was wanted {wanted}."


def measured(answers: Any, latency: Any, run_id: Any, model_uri: Any, rows: Any) -> str:
    """Task 9: the answers of a server, and how fast they came."""
    found, stored = look_models.numbers(sequence(answers, "answers"), "The answers"), _own(model_uri)
    expected = look_models.numbers(stored.answer(rows), "The predictions")
    if len(found) != len(expected):
        raise NotYetError(f"There are {len(found)} answers for {len(expected)} test rows.", "Send all of X_test.")
    if not abs(found - expected).max() < look_models.ALL_CLOSE * abs(expected).max():
        raise NotYetError("The answers are not those of your model.", "Serve the model of task 1.")
    p99 = look_models.measured(latency, FEWEST_REQUESTS).percentiles["p99"]
    logged = look.metric(look.finished_run(run_id), "latency_p99_ms")
    if not math.isclose(logged, p99, rel_tol=1e-6):
        raise NotYetError(
            f"latency_p99_ms is {logged:.3g}, but p99 is {p99:.3g} ms.", "Log latency.percentiles['p99']."
        )
    if p99 >= LATENCY_LIMIT:
        raise NotYetError(f"99 % of the answers came within {p99:.4g} ms.", f"Get below {LATENCY_LIMIT} ms.")
    return f"The server answers as the model does, 99 % of the time within {p99:.3g} ms."


def _mean_cost(stored: Stored, rows: Any, truth: Any) -> float:
    import numpy as np

    missing = look_models.numbers(truth, "y_test") - look_models.numbers(stored.answer(rows), "The predictions")
    return float(np.where(missing > 0, 3 * missing, -missing).mean())


def through_the_gate(verdict: Any, baseline: Any, rows: Any, y_test: Any) -> str:
    """Task 10, open: a candidate that passes a stated gate, computed anew from the stored models."""
    run = look_models.verdict_run(verdict)
    wanted = look_models.demand(verdict, "mean_cost")
    if "10 % below the baseline" not in wanted:
        raise NotYetError(f"The cost is wanted {wanted or 'as it is'}.", "Use the thresholds of this task.")
    if not verdict:
        raise NotYetError("The gate refused the candidate.", "What if the model aimed higher than the middle?")
    candidate = _own(run.data.params["candidate"], "The candidate")
    before = _mean_cost(_own(baseline, "baseline"), rows, y_test)
    after = _mean_cost(candidate, rows, y_test)
    if after > (1 - LEAST_GAIN) * before:
        raise NotYetError(
            f"On the test rows the candidate costs {after:.3g}, the model of task 1 {before:.3g}.",
            "Validate on the test rows, against the model of task 1.",
        )
    if not candidate.record.tags.get("why", "").strip():
        raise NotYetError("The candidate has no tag 'why'.", "Store it with tags={'why': …}: your idea in a sentence.")
    return f"Your model costs {after:.3g} instead of {before:.3g}, and the verdict proves it."


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
        "pyfunc's answer is a dictionary with one array of shape (rows, 1): ravel it before you subtract.",
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
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
