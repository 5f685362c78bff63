"""Checks of the assignment of part 1. The data are the breast cancer set of scikit-learn; no answer is kept here."""

from __future__ import annotations

import json
from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import apart, rows, same, sequence, shown
from mlcourse.tracking import scores
from mlcourse.tracking.search import EXPERIMENT, beaten, chosen_run, filtered, parent_and_children
from mlworkbench.tasks import NotYetError, Task

FEWEST_EPOCHS = 10
LARGEST_LAST_LOSS = 1
REGULARISATION = 0.1


def named_run(run_id: Any) -> str:
    """Task 1: a named, tagged run in the right experiment."""
    run = logged_runs.run_in(EXPERIMENT, run_id)
    logged_runs.named(run, "baseline")
    if not run.data.tags.get("purpose"):
        raise NotYetError("The run has no tag 'purpose'.", "Give it when the run starts: tags={'purpose': '…'}.")
    strategy = logged_runs.parameter(run, "strategy")
    if strategy != "most_frequent":
        raise NotYetError(f"The strategy is {shown(strategy)}.", "Use 'most_frequent'.")
    logged_runs.metric(run, "accuracy", 0, 1)
    return "A named and tagged baseline is in the right experiment."


def test_score(run_id: Any, predictions: Any, y_test: Any) -> str:
    """Task 2: the score on the test data, compared with the predictions."""
    run = logged_runs.run_in(EXPERIMENT, run_id)
    predictions, y_test = sequence(predictions, "predictions"), sequence(y_test, "y_test")
    if len(predictions) != len(y_test):
        raise NotYetError(
            f"There are {len(predictions)} predictions for {len(y_test)} test rows.", "Predict from X_test, all of it."
        )
    right = sum(a == b for a, b in zip(predictions, y_test, strict=True)) / len(y_test)
    logged_runs.parameter(run, "C", REGULARISATION)
    logged = logged_runs.metric(run, "accuracy", 0, 1)
    if not same(logged, right):
        told, wanted = apart(logged, right)
        raise NotYetError(
            f"The logged accuracy is {told}, but {wanted} of your test predictions are right.",
            "Score X_test and y_test, not the data that the model was trained on.",
        )
    return f"The logged accuracy, {logged:.3f}, is that of your test predictions."


def stepped_loss(run_id: Any) -> str:
    """Task 3: a metric with a history, which falls."""
    history = logged_runs.metric_history(logged_runs.run_in(EXPERIMENT, run_id), "loss", FEWEST_EPOCHS)
    values = [point.value for point in history]
    if len(set(values)) == 1:
        raise NotYetError(f"All {len(values)} points of the loss are {values[0]:.3g}.", "Compute it in each round.")
    if values[-1] >= LARGEST_LAST_LOSS:
        raise NotYetError(f"The loss ends at {values[-1]:.2f}, not below 1.", "Scale the features first.")
    if values[-1] >= values[0]:
        told = apart(values[0], values[-1])
        raise NotYetError(
            f"The loss goes from {told[0]} to {told[1]} and does not fall.",
            "Call partial_fit on one and the same model in each round, with the settings of the task.",
        )
    return f"The loss has {len(history)} steps and falls from {values[0]:.2f} to {values[-1]:.2f}."


def logged_files(run_id: Any) -> str:
    """Task 4: a table, a dictionary and a figure."""
    import mlflow

    run = logged_runs.run_in(EXPERIMENT, run_id)
    table = logged_runs.table(run, "errors.json", {"actual", "predicted"})
    right = int((table["actual"] == table["predicted"]).sum())
    if right:
        raise NotYetError(
            f"In {right} of {len(table)} rows of errors.json actual and predicted are equal.",
            "Keep the rows in which they differ.",
        )
    logged_runs.artifact(run, "settings.json", "`mlflow.log_dict`")
    logged_runs.artifact(run, "confusion.png", "`mlflow.log_figure`")
    if not mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/settings.json"):
        raise NotYetError("The file settings.json is empty.", "Log the settings of the model: C and max_iter.")
    return "The table, the settings and the figure are all there."


def known_data(run_id: Any, X_train: Any) -> str:
    """Task 5: the data set, with its context, target and all rows of the training data."""
    expected = rows(X_train, "X_train")
    data = logged_runs.data_set(logged_runs.run_in(EXPERIMENT, run_id), "training")
    if '"malignant"' not in (data.schema or ""):
        raise NotYetError("The data set has no column 'malignant'.", "Log features and target together.")
    found = json.loads(data.profile or "{}").get("num_rows")
    if found != expected:
        raise NotYetError(
            f"The data set has {found} rows, X_train has {expected}.", "Log the training data, all of it."
        )
    return f"The run names its training data, {data.name}, by a digest."


def combined_logging(run_id: Any) -> str:
    """Task 6: autologging and a test score in one run."""
    run = logged_runs.run_in(EXPERIMENT, run_id)
    scores.autologged_alone(run, "RandomForestClassifier")
    score = logged_runs.metric(run, "test_accuracy", 0, 1)
    scores.autologging_is_off()
    return f"All {len(run.data.params)} parameters and your test accuracy of {score:.3f} are in one run."


def _task(function: Any, *hints: str) -> Task:
    return Task(function, hints)


TASKS: dict[str, Task] = {
    "tracking.1": _task(
        named_run,
        "Lesson 1.1, 'Start a run' and 'Tag a run'.",
        "mlflow.start_run(run_name='baseline', tags={'purpose': 'baseline'}), then log_param and log_metric inside.",
    ),
    "tracking.2": _task(
        test_score,
        "A model has `predict` for rows and `score` for rows with their answers.",
        "Predict from X_test for the predictions; score X_test and y_test for the metric.",
    ),
    "tracking.3": _task(
        stepped_loss,
        "Lesson 1.2, 'Log a metric step by step'.",
        "Scale first: X = StandardScaler().fit_transform(X_train). Loop over rounds; in each, "
        "model.partial_fit(X, y_train, classes=[0, 1]), then "
        "mlflow.log_metric('loss', log_loss(y_train, model.predict_proba(X)), step=round).",
    ),
    "tracking.4": _task(
        logged_files,
        "Lesson 1.2 has a section for each of the three.",
        "ConfusionMatrixDisplay.from_predictions(y_test, my_predictions).figure_ is the figure.",
    ),
    "tracking.5": _task(
        known_data,
        "Lesson 1.2, 'Log the data set'. Features and target belong in one table.",
        "mlflow.data.from_pandas(X_train.assign(malignant=y_train), name='breast cancer'), then log_input.",
    ),
    "tracking.6": _task(
        combined_logging,
        "Lesson 1.3, 'Combine both'.",
        "Two arguments of autolog are False: log_models and log_post_training_metrics.",
    ),
    "tracking.7": _task(
        parent_and_children,
        "Lesson 1.1, 'Nest runs', with the scores of lesson 1.5.",
        "cross_val_score with cv=5 gives the five scores; wb.log_history({'fold_accuracy': …}) logs them as steps; "
        "their .mean() is cv_mean.",
    ),
    "tracking.8": _task(
        filtered,
        "Two conditions, joined with AND. Parameters are texts.",
        "f\"tags.mlflow.parentRunId = '{my_parent_id}' AND …\"",
    ),
    "tracking.9": _task(
        chosen_run,
        "Order the children by cv_mean, best first.",
        "mlflow.search_runs(filter_string=…, order_by=['metrics.cv_mean DESC'], max_results=1).run_id[0]",
    ),
    "tracking.10": _task(
        beaten,
        "Many models do better when all columns have the same scale.",
        "make_pipeline(StandardScaler(), …) is a model like any other; cross-validate it as in task 7.",
    ),
}
