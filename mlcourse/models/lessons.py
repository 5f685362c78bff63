"""Checks of part 2, models. Each looks at what was stored, decided or measured, and returns a sentence, or raises."""

from __future__ import annotations

import math
from typing import Any

from mlcourse.answers import number, sequence
from mlcourse.models import latencies, logged_models
from mlcourse.models.checkpoints import followed
from mlworkbench.tasks import NotYetError, Task

BETTER_THAN_GUESSING = 0.6
FEWEST_REQUESTS = 100
LIMIT = 0.7
TARGET = "malignant"


def _estimator(stored: logged_models.Stored, name: str) -> Any:
    """The scikit-learn object of a stored model, which must be of this class."""
    model = stored.native()
    if type(model).__name__ != name:
        raise NotYetError(f"The stored model is a {type(model).__name__}.", f"Store a {name}.")
    return model


def stored_tree(model_uri: Any, flavors: Any) -> str:
    """Lesson 2.1: a tree, stored in a run with a name and an example, and the number of its flavors.

    Cross-examined: class, name, example and run of the stored model; the number of flavors against its file.
    """
    stored = logged_models.stored_model(model_uri)
    logged_models.called(stored, "tree")
    _estimator(stored, "DecisionTreeClassifier")
    if not stored.record.source_run_id:
        raise NotYetError("The model belongs to no run.", "Log it inside of `with mlflow.start_run():`.")
    logged_models.with_example(stored)
    if number(flavors, "flavors") != len(stored.flavors):
        raise NotYetError(f"You count {flavors} flavor(s).", "Count the keys of mlmodel['flavors'].")
    return f"The tree is stored with an example and the flavors {', '.join(stored.flavors)}."


def patient_signature(model_uri: Any) -> str:
    """Lesson 2.2: a signature that lets a gap pass, refuses a missing column and knows a parameter.

    Recomputed: the model is asked with a gap and without a column.
    Cross-examined: the parameter in the signature.
    """
    import pandas as pd

    stored = logged_models.stored_model(model_uri)
    rows = pd.DataFrame({"day": [1.0, 2.0], "weather": ["sun", "rain"], "temperature": [20.5, 12.5]})
    logged_models.default_of(stored, "per_degree")
    gap = logged_models.accepts_gap(stored, rows, "day")
    logged_models.refuses(stored, gap.drop(columns="temperature"), "rows without temperature")
    return "A gap in day passes, a missing temperature is refused, and per_degree is a parameter."


def doubtful(model_uri: Any, rows: Any, forest: Any) -> str:
    """Lesson 2.3: a model from code that names the rows about which a forest is not sure.

    Recomputed: the forest is asked about the rows, at several limits, and compared.
    Cross-examined: that nothing is pickled.
    """
    stored = logged_models.stored_model(model_uri)
    logged_models.called(stored, "doubtful")
    logged_models.from_code(stored)
    default = logged_models.default_of(stored, "limit")
    if default != LIMIT:
        raise NotYetError(f"The default of limit is {default!r}.", f"Make it {LIMIT}: it comes from the example.")
    sure = forest.predict_proba(rows).max(axis=1)
    logged_models.equal_answers(stored.answer(rows), sure < LIMIT, "Without a limit")
    for limit in (0.5, 0.95):
        logged_models.equal_answers(stored.answer(rows, {"limit": limit}), sure < limit, f"With limit={limit}")
    return f"Nothing is pickled, and {int((sure < LIMIT).sum())} of {len(sure)} wines are doubtful."


def gated(verdict: Any, test: Any) -> str:
    """Lesson 2.4: a logistic regression passes a gate against the stump, on the test rows.

    Recomputed: both models on the test rows.
    Cross-examined: thresholds, candidate and baseline of the verdict's run.
    """
    run = logged_models.verdict_run(verdict)
    recall = logged_models.demand(verdict, "recall_score")
    if not recall.startswith("at least 0.8"):
        raise NotYetError(f"The recall is wanted {recall}.", "Use threshold=0.8 and greater_is_better=True.")
    accuracy = logged_models.demand(verdict, "accuracy_score")
    if "0.01 above the baseline" not in accuracy:
        raise NotYetError(f"The accuracy is wanted {accuracy}.", "Use min_absolute_change=0.01.")
    candidate = logged_models.stored_model(run.data.params["candidate"], "candidate")
    model = _estimator(candidate, "LogisticRegression")
    _estimator(logged_models.stored_model(run.data.params["baseline"], "baseline"), "DecisionTreeClassifier")
    if not verdict:
        raise NotYetError("The gate refused the candidate.", "Train it on the training rows; keep the data as it is.")
    told = float(verdict.table.set_index("metric").loc["accuracy_score", "candidate"])
    right = float((model.predict(test.drop(columns=TARGET)) == test[TARGET]).mean())
    if not math.isclose(told, right, abs_tol=1e-9):
        raise NotYetError(
            f"The gate saw an accuracy of {told:.3f}; on the test rows it is {right:.3f}.",
            "Give `test` to wb.validate: the model has seen the other rows.",
        )
    return "The logistic regression passed your gate, and the verdict is in the store."


def served(answers: Any, latency: Any, y_test: Any) -> str:
    """Lesson 2.5: answers of a server for all test rows, and its latency.

    Recomputed: the predictions of the model that was served.
    Plausible: the latency, which nobody can measure again; the logged number is that of the answer.
    """
    answers, truth = sequence(answers, "answers"), sequence(y_test, "y_test")
    if len(answers) != len(truth):
        raise NotYetError(f"There are {len(answers)} answers for {len(truth)} test rows.", "Send all of X_test.")
    right = sum(bool(a == b) for a, b in zip(answers, truth, strict=True)) / len(truth)
    if right < BETTER_THAN_GUESSING:
        raise NotYetError(f"{right:.2f} of the answers are right.", "Train the tree on X_train and y_train.")
    p99 = latencies.enough(latency, FEWEST_REQUESTS).percentiles["p99"]
    return f"{right:.2f} of the answers are right, and 99 % came within {p99:.3g} ms."


TASKS = {
    "2.1": Task(
        stored_tree,
        (
            "The sections 'Store a model' and 'Read the MLmodel file' have all of it, with another model.",
            "Inside a run: wb.log_model(my_tree, 'tree', example=X_train.head(3)). Its .model_uri is the address; "
            "len(…) of the flavors in the MLmodel file, or of .flavors, is the number.",
        ),
    ),
    "2.2": Task(
        patient_signature,
        (
            "A gap turns the column day into double. An example with a gap shows that to log_model.",
            "Take the class Rides again, and as its example the pair of gap and {'per_degree': per_degree}.",
        ),
    ),
    "2.3": Task(
        doubtful,
        (
            "It is the model Sure with another line in predict, and another parameter.",
            "The line: self.forest.predict_proba(model_input).max(axis=1) < params['limit']. Log the file "
            "under name='doubtful', with the forest in artifacts and (X_test.head(3), {'limit': 0.7}) as the example.",
        ),
    ),
    "2.4": Task(
        gated,
        (
            "The sections 'State what you demand' and 'Keep the verdict', with two other demands.",
            "MetricThreshold(threshold=0.8, greater_is_better=True) for recall_score; for accuracy_score "
            "min_absolute_change=0.01 instead. Then wb.validate(….model_uri, baseline.model_uri, test, …).",
        ),
    ),
    "2.5": Task(
        served,
        (
            "Store the tree with wb.log_model, then ask it inside of `with wb.serve(…) as endpoint:`.",
            "endpoint.predict(X_test) gives the answers, endpoint.latency(X_test.head(1), n=100) the times. "
            "Both belong inside of the block; afterwards the server is gone.",
        ),
    ),
    "2.6": Task(
        followed,
        (
            "The sections 'Store checkpoints', 'Choose by one data set' and 'Take a checkpoint to the registry', with "
            "depth=6 and another run.",
            "In the run: model = more_rounds(model, depth=6), stored = mlflow.xgboost.log_model(…, step=step), "
            'measure(model, step, stored.model_id). Then search_logged_models with filter_string=f"source_run_id = '
            "'{my_run}'\" and the order by metrics.rmse of 'validation', and mlflow.register_model.",
        ),
    ),
}
