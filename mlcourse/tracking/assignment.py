"""Checks of the assignment of part 1. The data are the breast cancer set of scikit-learn; no answer is kept here."""

from __future__ import annotations

from typing import Any

from mlcourse import course_data, logged_runs
from mlcourse.answers import apart, same, same_digits, sequence, shown
from mlcourse.tracking import cancer, scores
from mlcourse.tracking.counted import counted_once
from mlcourse.tracking.files import known_data, logged_files
from mlcourse.tracking.search import EXPERIMENT, beaten, chosen_run, filtered, parent_and_children
from mlworkbench.tasks import NotYetError, Task

FEWEST_EPOCHS = 10
LARGEST_LAST_LOSS = 1
REGULARISATION = 0.1
MOST_EPOCHS = 500
SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer", cancer.BY_PANDAS)


def named_run(run_id: Any) -> str:
    """Task 1: a named, tagged run in the right experiment.

    Recomputed: the accuracy of the most frequent class on the test rows.
    Cross-examined: experiment, status and name of the run, the parameter strategy.
    Not checked: what the tag purpose says; it is in the learner's words.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
    logged_runs.named(run, "baseline")
    logged_runs.tag(run, "purpose", "Give it when the run starts: tags={'purpose': '…'}.")
    strategy = logged_runs.parameter(run, "strategy")
    if strategy != "most_frequent":
        raise NotYetError(f"The strategy is {shown(strategy)}.", "Use 'most_frequent'.")
    _computed_again("accuracy", logged_runs.metric(run, "accuracy", 0, 1), cancer.baseline(), "the most frequent class")
    return "A named and tagged baseline is in the right experiment."


def test_score(run_id: Any, predictions: Any, y_test: Any) -> str:
    """Task 2: the score on the test data, compared with the predictions.

    Recomputed: the model, its predictions for the test rows and their accuracy.
    Cross-examined: the logged accuracy against the predictions, the parameter C, the target against the data.
    Not checked: max_iter, which changes nothing once the model has converged.
    """
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
    _those_of_the_task(predictions, y_test)
    return f"The logged accuracy, {logged:.3f}, is that of your test predictions."


def _those_of_the_task(predictions: list[Any], y_test: list[Any]) -> None:
    """The target is that of the test rows, and the predictions are those of the model of task 2."""
    if y_test != list(cancer.split().y_test):
        raise NotYetError("y_test is not the target of the test rows.", "Run the cell with the data again.")
    if predictions == y_test:
        raise NotYetError("All predictions are right: they are y_test itself.", "Give what model.predict(X_test) says.")
    wrong = sum(a != b for a, b in zip(predictions, cancer.logistic(), strict=True))
    if wrong > cancer.SLACK:
        raise NotYetError(
            f"{wrong} of the predictions are not those of LogisticRegression(C=0.1, max_iter=10000).",
            "Train it on X_train and y_train as they are, and predict X_test.",
        )


def _computed_again(name: str, found: float, expected: float, what: str) -> None:
    if not same(found, expected):
        told, wanted = apart(found, expected)
        raise NotYetError(
            f"{name} is {told}, but {what} is right on {wanted} of the test rows.", "Score X_test and y_test."
        )


def stepped_loss(run_id: Any) -> str:
    """Task 3: a metric with a history, which falls.

    Recomputed: the loss after each round, with the usual scalers of scikit-learn, and with mean and std of pandas.
    Cross-examined: one point a round, in order.
    """
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
    _trained_again(values)
    return f"The loss has {len(history)} steps and falls from {values[0]:.2f} to {values[-1]:.2f}."


def _trained_again(values: list[float]) -> None:
    """The losses are those of the model of the task, whatever it was scaled by."""
    if len(values) > MOST_EPOCHS:
        raise NotYetError(f"The loss has {len(values)} points.", f"Train at most {MOST_EPOCHS} rounds.")
    possible = [cancer.losses(scaler, len(values)) for scaler in SCALERS]
    if any(all(map(same_digits, values, expected)) for expected in possible):
        return
    wrong = next(i for i, pair in enumerate(zip(values, possible[0], strict=True)) if not same_digits(*pair))
    told, wanted = apart(values[wrong], possible[0][wrong])
    raise NotYetError(
        f"Point {wrong + 1} of the loss is {told}; trained again with StandardScaler it is {wanted}.",
        "Scale X_train, use the settings of the task, and log the loss on the training data after each round.",
    )


def combined_logging(run_id: Any) -> str:
    """Task 6: autologging and a test score in one run.

    Recomputed: the accuracy of RandomForestClassifier(random_state=7) on the test rows.
    Cross-examined: the parameters that autologging records, the seed, the number of training rows, no model, nothing
    twice, autologging off.
    Not checked: what else autologging has written: training_* metrics, other parameters, other tags, other files,
    the digest.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
    scores.autologged_alone(run, "RandomForestClassifier")
    score = logged_runs.metric(run, "test_accuracy", 0, 1)
    scores.autologging_is_off()
    logged_runs.parameter(run, "random_state", course_data.SEED)
    on_test, on_training = cancer.forest()
    if same(score, on_training) and not same(score, on_test):
        raise NotYetError(f"test_accuracy is {score:.3f}: that is the training data.", "Score X_test and y_test.")
    _computed_again("test_accuracy", score, on_test, "RandomForestClassifier(random_state=7)")
    scores.trained_on(run, len(cancer.split().X_train))
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
        "make_pipeline(StandardScaler(), …) is a model like any other; cross-validate it as in task 7, fit it, and "
        "store it in the same run: wb.log_model(model, 'model', example=X_train.head(3)).",
    ),
    "tracking.11": _task(
        counted_once,
        "A run is complete when fold_accuracy has five points: client.get_metric_history(run_id, 'fold_accuracy'). "
        "Its status says only how it ended.",
        "Search the children with order_by=['attributes.start_time'] and keep those with five points; "
        "drop_duplicates(['params.max_depth', 'params.random_state']) keeps one of each. Delete all others, then "
        "groupby('params.max_depth')['metrics.cv_mean'].mean().",
    ),
}
