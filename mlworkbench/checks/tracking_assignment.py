"""Checks of the assignment of part 1. The data are the breast cancer set of scikit-learn; no answer is kept here."""

from __future__ import annotations

import math
from typing import Any

from mlworkbench.checks import look
from mlworkbench.checks.feedback import NotYetError, Task

EXPERIMENT = "exercises: tracking"
FEWEST_CHILDREN, FOLDS, FEWEST_EPOCHS = 5, 5, 10
SCORE_TO_BEAT = 0.94


def _own_run(run_id: Any) -> Any:
    """A finished run in the experiment of the assignment."""
    run = look.finished_run(run_id)
    name = look.client().get_experiment(run.info.experiment_id).name
    if name != EXPERIMENT:
        raise NotYetError(f"The run is in the experiment {name!r}.", f"Log it in {EXPERIMENT!r}.")
    return run


def named_run(run_id: Any) -> str:
    """Task 1: a named, tagged run in the right experiment."""
    run = _own_run(run_id)
    if run.info.run_name != "baseline":
        raise NotYetError(f"The run is called {run.info.run_name!r}.", "Start it with run_name='baseline'.")
    if not run.data.tags.get("purpose"):
        raise NotYetError("The run has no tag 'purpose'.", "Give it when the run starts: tags={'purpose': '…'}.")
    if look.parameter(run, "strategy") != "most_frequent":
        raise NotYetError(f"The strategy is {run.data.params['strategy']!r}.", "Use 'most_frequent'.")
    look.metric(run, "accuracy", 0, 1)
    return "A named and tagged baseline is in the right experiment."


def test_score(run_id: Any, predictions: Any, y_test: Any) -> str:
    """Task 2: the score on the test data, compared with the predictions."""
    run = _own_run(run_id)
    predictions, y_test = look.sequence(predictions, "predictions"), look.sequence(y_test, "y_test")
    if len(predictions) != len(y_test):
        raise NotYetError(
            f"There are {len(predictions)} predictions for {len(y_test)} test rows.", "Predict from X_test, all of it."
        )
    right = sum(a == b for a, b in zip(predictions, y_test, strict=True)) / len(y_test)
    look.parameter(run, "C")
    logged = look.metric(run, "accuracy", 0, 1)
    if not math.isclose(logged, right, abs_tol=1e-6):
        raise NotYetError(
            f"The logged accuracy is {logged:.3f}, but {right:.3f} of your test predictions are right.",
            "Score X_test and y_test, not the data that the model was trained on.",
        )
    return f"The logged accuracy, {logged:.3f}, is that of your test predictions."


def stepped_loss(run_id: Any) -> str:
    """Task 3: a metric with a history."""
    history = look.metric_history(_own_run(run_id), "loss", FEWEST_EPOCHS)
    values = [point.value for _, point in sorted((point.step, point) for point in history)]
    if len(set(values)) == 1:
        raise NotYetError(f"All {len(values)} points of the loss are {values[0]:.3g}.", "Compute it in each round.")
    return f"The loss has {len(history)} steps, from {values[0]:.2f} to {values[-1]:.2f}."


def logged_files(run_id: Any) -> str:
    """Task 4: a table, a dictionary and a figure."""
    import mlflow

    run = _own_run(run_id)
    found = look.artifact_paths(run)
    for name, call in (
        ("errors.json", "mlflow.log_table"),
        ("settings.json", "mlflow.log_dict"),
        ("confusion.png", "mlflow.log_figure"),
    ):
        if name not in found:
            raise NotYetError(f"The run has {', '.join(found) or 'no artifacts'}, but no {name}.", f"Use {call}.")
    columns = set(mlflow.load_table("errors.json", run_ids=[run.info.run_id]).columns)
    if not {"actual", "predicted"} <= columns:
        raise NotYetError(
            f"The table errors.json has the columns {', '.join(sorted(columns))}.", "Call them actual and predicted."
        )
    return "The table, the settings and the figure are all there."


def known_data(run_id: Any) -> str:
    """Task 5: the data set, with its context and target."""
    run = _own_run(run_id)
    used = {tag.value: item.dataset for item in run.inputs.dataset_inputs for tag in item.tags}
    if not used:
        raise NotYetError("The run names no data set.", "Use mlflow.log_input(mlflow.data.from_pandas(…), …).")
    if "training" not in used:
        raise NotYetError(f"The data set has the context {', '.join(used)}.", "Log it with context='training'.")
    if '"malignant"' not in (used["training"].schema or ""):
        raise NotYetError("The data set has no column 'malignant'.", "Log features and target together.")
    return f"The run names its training data, {used['training'].name}, by a digest."


def combined_logging(run_id: Any) -> str:
    """Task 6: autologging and a test score in one run."""
    run = _own_run(run_id)
    look.autologged_alone(run, "RandomForestClassifier")
    score = look.metric(run, "test_accuracy", 0, 1)
    return f"All {len(run.data.params)} parameters and your test accuracy of {score:.3f} are in one run."


def parent_and_children(parent_run_id: Any) -> str:
    """Task 7: a search, one child a setting, with all folds."""
    parent = _own_run(parent_run_id)
    children = look.children(parent)
    if len(children) < FEWEST_CHILDREN:
        told = f"The parent has {len(children)} child run(s)."
        if "max_depth" in parent.data.params:
            told += f" Its own max_depth is {parent.data.params['max_depth']!r}."
        raise NotYetError(told, f"Start at least {FEWEST_CHILDREN} nested runs, with one max_depth each.")
    depths = [look.parameter(child, "max_depth") for child in children]
    if not all(depth.isdigit() for depth in depths):
        bad = next(depth for depth in depths if not depth.isdigit())
        raise NotYetError(f"A child has max_depth {bad!r}.", "Log one whole number in each child, not a list.")
    if len(set(depths)) < FEWEST_CHILDREN:
        raise NotYetError(f"The children use {len(set(depths))} different depths.", "Give each child another one.")
    for child in children:
        look.mean_of_folds(child, FOLDS)
    return f"{len(children)} children, each with {FOLDS} folds and their mean."


def filtered(parent_run_id: Any, filter_string: Any) -> str:
    """Task 8: a filter, tried on the store and compared with the runs themselves."""
    from mlflow.exceptions import MlflowException

    parent = _own_run(parent_run_id)
    if not isinstance(filter_string, str):
        raise NotYetError(f"The filter is of type {type(filter_string).__name__}.", "Give the text of the filter.")
    wanted = {r.info.run_id for r in look.children(parent) if int(look.parameter(r, "max_depth")) == 3}  # noqa: PLR2004
    try:
        found = look.client().search_runs([parent.info.experiment_id], filter_string, max_results=5000)
    except MlflowException as error:
        told = str(error).splitlines()[0]
        raise NotYetError(f"MLflow refuses the filter: {told}.", "Lesson 1.4 shows this error and its cure.") from error
    ids = {run.info.run_id for run in found}
    if ids - wanted:
        raise NotYetError(
            f"The filter finds {len(ids - wanted)} run(s) that it should not.",
            "Join two conditions with AND: the parent's tag, and max_depth = '3'.",
        )
    if wanted - ids:
        raise NotYetError(f"The filter finds {len(ids)} of {len(wanted)} run(s).", "Check the names in it.")
    return f"The filter finds exactly the {len(wanted)} run(s) of depth 3 of your search."


def chosen_run(parent_run_id: Any, run_id: Any) -> str:
    """Task 9: the child with the best mean."""
    parent, run = _own_run(parent_run_id), _own_run(run_id)
    children = {child.info.run_id: child for child in look.children(parent)}
    if run.info.run_id not in children:
        raise NotYetError(f"The run {run.info.run_name!r} is no child of that parent.", "Search by the parent's tag.")
    means = {key: look.metric(child, "cv_mean", 0, 1) for key, child in children.items()}
    folds = {key: max(p.value for p in look.metric_history(c, "fold_accuracy", FOLDS)) for key, c in children.items()}
    if means[run.info.run_id] == max(means.values()):
        return f"You chose by the mean: {max(means.values()):.3f}."
    if means[run.info.run_id] == min(means.values()):
        raise NotYetError("This is the child with the lowest mean.", "Order by cv_mean DESC: higher is better.")
    if folds[run.info.run_id] == max(folds.values()):
        raise NotYetError("This child has the best fold, not the best mean.", "Compare cv_mean.")
    raise NotYetError(f"Its mean is {means[run.info.run_id]:.3f}.", f"One child has {max(means.values()):.3f}.")


def beaten(run_id: Any) -> str:
    """Task 10, open: beat a cross-validated score and prove it by the run."""
    run = _own_run(run_id)
    mean = look.mean_of_folds(run, FOLDS)
    look.parameter(run, "model")
    if not run.data.tags.get("mlflow.note.content", "").strip():
        raise NotYetError("The run has no description.", "Set the tag mlflow.note.content: what did you change, why?")
    if mean <= SCORE_TO_BEAT:
        raise NotYetError(f"The mean of the folds is {mean:.3f}.", f"Beat {SCORE_TO_BEAT}: scale the features first?")
    return f"{mean:.3f} beats {SCORE_TO_BEAT}, and the run proves it fold by fold."


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
        "Loop over epochs; in each, model.partial_fit(X_train, y_train, classes=[0, 1]), then "
        "mlflow.log_metric('loss', log_loss(y_train, model.predict_proba(X_train)), step=epoch).",
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
