"""Checks of part 2, models. Each looks at what was stored, decided or measured, and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import number, sequence
from mlcourse.course_data import samples, unchanged, wine
from mlcourse.models import evaluated, latencies, logged_models, training, verdicts
from mlcourse.models.checkpoints import followed
from mlcourse.models.logged_models import Stored
from mlworkbench.tasks import NotYetError, Task

BETTER_THAN_GUESSING = 0.6
FEWEST_REQUESTS = 100
LIMIT = 0.7
TARGET = "malignant"
NEWEST, LUCK = 8, 0.01


def _estimator(stored: Stored, name: str) -> None:
    """The scikit-learn object of a stored model, or the last step of a pipeline, must be of this class."""
    kind = stored.classes()[-1]
    if kind != name:
        raise NotYetError(f"The stored model is a {kind}.", f"Store a {name}.")


def stored_tree(model_uri: Any, flavors: Any) -> str:
    """Lesson 2.1: a tree, stored in a run with a name and an example, and the number of its flavors.

    Recomputed: such a tree is trained on different rows, and compared with the stored one.
    Cross-examined: class, name, example and run of the stored model; the number of flavors against its file.
    """
    stored = logged_models.stored_model(model_uri)
    logged_models.called(stored, "tree")
    _estimator(stored, "DecisionTreeClassifier")
    logged_models.in_a_run(stored)
    logged_models.with_example(stored)
    if number(flavors, "flavors", "Give their number: len(mlmodel['flavors']).") != len(stored.flavors):
        raise NotYetError(f"You count {flavors} flavor(s).", "Count the keys of mlmodel['flavors'].")
    data = wine()
    answers = stored.answer(logged_models.as_declared(stored, data.X_test))
    training.on_training_rows(stored, sequence(answers, "What the tree answers"), data)
    return f"The tree is stored with an example and the flavors {', '.join(stored.flavors)}."


def patient_signature(model_uri: Any) -> str:
    """Lesson 2.2: a signature that lets a gap pass, refuses a missing column and knows a parameter.

    Recomputed: the model is asked with a gap and without a column.
    Cross-examined: the parameter in the signature.
    Not checked: what the model answers, of which the task says nothing.
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

    Recomputed: the forest of the lesson is trained again, asked about the rows, and compared at several limits.
    Cross-examined: that nothing is pickled.
    """
    stored = logged_models.stored_model(model_uri)
    logged_models.called(stored, "doubtful")
    logged_models.from_code(stored)
    default = logged_models.default_of(stored, "limit")
    if default != LIMIT:
        raise NotYetError(f"The default of limit is {default!r}.", f"Make it {LIMIT}: it comes from the example.")
    unchanged(rows, wine().X_test, "rows")
    sure = _of_the_lesson(forest).predict_proba(rows).max(axis=1)
    logged_models.equal_answers(stored.answer(rows), sure < LIMIT, "Without a limit")
    for limit in (0.5, 0.95):
        logged_models.equal_answers(stored.answer(rows, {"limit": limit}), sure < limit, f"With limit={limit}")
    return f"Nothing is pickled, and {int((sure < LIMIT).sum())} of {len(sure)} wines are doubtful."


def _of_the_lesson(forest: Any) -> Any:
    """The forest that the lesson has trained, trained again."""
    import numpy as np
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestClassifier

    if type(forest) is not RandomForestClassifier:
        raise NotYetError(f"forest is of type {type(forest).__name__}.", "Run the cell that trains the forest again.")
    data = wine()
    again = clone(forest).fit(data.X_train.astype("float32"), data.y_train)
    rows = data.X_test.astype("float32")
    if not np.allclose(forest.predict_proba(rows), again.predict_proba(rows)):
        raise NotYetError("forest is not the one of the lesson.", "Run the cell that trains the forest again.")
    return again


def gated(verdict: Any, test: Any) -> str:
    """Lesson 2.4: a logistic regression passes a gate against the stump, on the test rows.

    Recomputed: both models on the test rows and on the training rows.
    Cross-examined: thresholds, decision, candidate and baseline of the verdict against its runs and verdict.txt.
    Not checked: verdict.html, which says the same in colours; metrics that need probabilities; the metric score.
    """
    run = verdicts.verdict_run(verdict)
    recall = verdicts.demand(verdict, "recall_score")
    if not recall.startswith("at least 0.8"):
        raise NotYetError(f"The recall is wanted {recall}.", "Use threshold=0.8 and greater_is_better=True.")
    accuracy = verdicts.demand(verdict, "accuracy_score")
    if "0.01 above the baseline" not in accuracy.split(", "):
        raise NotYetError(f"The accuracy is wanted {accuracy}.", "Use min_absolute_change=0.01.")
    models = {
        role: logged_models.stored_model(logged_runs.parameter(run, role), role) for role in ("candidate", "baseline")
    }
    _estimator(models["candidate"], "LogisticRegression")
    _estimator(models["baseline"], "DecisionTreeClassifier")
    if not verdict:
        raise NotYetError("The gate refused the candidate.", "Train it on the training rows; keep the data as it is.")
    data = samples()
    unchanged(test, data.X_test.assign(malignant=data.y_test), "test")
    for role, stored in models.items():
        answers = logged_models.numbers(stored.answer(data.X_test), f"The answers of the {role}")
        _no_better_on_test_rows(stored, answers)
        verdicts.saw(run, role, "accuracy_score", evaluated.of_classifier(data.y_test.to_numpy(), answers))
    verdicts.as_logged(verdict, run)
    return "The logistic regression passed your gate, and the verdict is in the store."


def _no_better_on_test_rows(stored: Stored, answers: Any) -> None:
    """A model does not know the test rows better than those that it was trained on."""
    data = samples()
    known = logged_models.numbers(stored.answer(data.X_train), "The answers")
    learned, tested = float((known == data.y_train).mean()), float((answers == data.y_test).mean())
    if tested > learned + LUCK:
        raise NotYetError(
            f"The model is right on {tested:.3f} of the test rows, and on {learned:.3f} of the training rows.",
            "Train it on the training rows: the test rows are for the gate.",
        )


def served(answers: Any, latency: Any, y_test: Any) -> str:
    """Lesson 2.5: answers of a server for all test rows, and its latency.

    Recomputed: what the newest trees in the store answer to the test rows; one of them has to answer like that.
    Cross-examined: the answers against the target of the test rows.
    Plausible: the latency, which nobody can measure again: positive, and not always the same.
    Not checked: that the answers came from a server.
    """
    answers = sequence(answers, "answers")
    unchanged(y_test, wine().y_test, "y_test")
    truth = wine().y_test.to_numpy()
    if len(answers) != len(truth):
        raise NotYetError(f"There are {len(answers)} answers for {len(truth)} test rows.", "Send all of X_test.")
    right = sum(bool(a == b) for a, b in zip(answers, truth, strict=True)) / len(truth)
    if right < BETTER_THAN_GUESSING:
        raise NotYetError(f"{right:.2f} of the answers are right.", "Train the tree on X_train and y_train.")
    p99 = latencies.enough(latency, FEWEST_REQUESTS).percentiles["p99"]
    _by_a_stored_tree(answers)
    return f"{right:.2f} of the answers are right, and 99 % came within {p99:.3g} ms."


def _newest(kind: str) -> list[Stored]:
    """Among the newest models in the store those of this class."""
    client = logged_runs.client()
    experiments = [each.experiment_id for each in client.search_experiments()]
    order = [{"field_name": "creation_timestamp", "ascending": False}]
    found = client.search_logged_models(experiments, max_results=NEWEST, order_by=order)
    stored = [logged_models.stored_model(f"models:/{each.model_id}") for each in found if each.status == "READY"]
    return [each for each in stored if "sklearn" in each.flavors and each.classes()[-1] == kind]


def _by_a_stored_tree(answers: list[Any]) -> None:
    """One of the newest trees in the store gives these answers."""
    for stored in _newest("DecisionTreeClassifier"):
        found = stored.answer(logged_models.as_declared(stored, wine().X_test))
        if answers == sequence(found, "What the tree answers"):
            training.on_training_rows(stored, answers, wine())
            return
    raise NotYetError(
        "No DecisionTreeClassifier in this store gives these answers.",
        "Store the tree with wb.log_model, and keep what endpoint.predict(X_test) gives.",
    )


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
