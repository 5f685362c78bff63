"""Checks of lesson 0 and part 1, tracking. Each looks at what was logged and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlworkbench.checks import look
from mlworkbench.checks.feedback import NotYetError, Task

FEWEST_CHILDREN = 3
FEWEST_TRIALS = 6
GOOD_R2 = 0.5


def first_run(run_id: Any) -> str:
    """Lesson 0: a second guessing model with another strategy."""
    run = look.finished_run(run_id)
    strategy = look.parameter(run, "strategy")
    others = ("prior", "stratified", "uniform")
    if strategy not in others:
        raise NotYetError(f"The parameter strategy is {strategy!r}.", f"Use another one: {', '.join(others)}.")
    accuracy = look.metric(run, "accuracy", 0, 1)
    return f"The store holds your {strategy} guess with an accuracy of {accuracy:.2f}."


def nested_runs(parent_run_id: Any) -> str:
    """Lesson 1.1: a tagged parent run with at least three different children."""
    parent = look.finished_run(parent_run_id, "parent_run_id")
    if parent.info.run_name != "my forest":
        raise NotYetError(f"The run is called {parent.info.run_name!r}.", "Start it with run_name='my forest'.")
    if not parent.data.tags.get("author"):
        raise NotYetError("The parent has no tag 'author'.", "Set it inside the parent: `mlflow.set_tag('author', …)`.")
    children = look.children(parent)
    if len(children) < FEWEST_CHILDREN:
        raise NotYetError(
            f"The parent has {len(children)} child run(s).", "Start at least three inside of it, with nested=True."
        )
    sizes = {look.parameter(child, "n_estimators") for child in children}
    if len(sizes) < FEWEST_CHILDREN:
        raise NotYetError(f"The children use {len(sizes)} different n_estimators.", "Give each child another number.")
    for child in children:
        look.metric(child, "accuracy", 0, 1)
    return f"{len(children)} children, each with its own n_estimators and accuracy, under one parent."


def logged_volume(run_id: Any) -> str:
    """Lesson 1.2: parameter, stepped metric, table and data set of the volume."""
    run = look.finished_run(run_id)
    if look.parameter(run, "column") != "volume":
        raise NotYetError(f"The parameter column is {run.data.params['column']!r}.", "Log it as 'volume'.")
    look.metric(run, "mean_volume", 0.1, 10)
    history = look.metric_history(run, "mean_volume", 5)
    if "volume.json" not in look.artifact_paths(run):
        raise NotYetError(
            "The run has no artifact volume.json.", "Log it with `mlflow.log_table(table, 'volume.json')`."
        )
    contexts = [tag.value for used in run.inputs.dataset_inputs for tag in used.tags]
    if "analysis" not in contexts:
        found = ", ".join(contexts) or "no data set"
        raise NotYetError(f"The run has {found}.", "Log the data with `mlflow.log_input(data, context='analysis')`.")
    return f"The volume of {len(history)} years, its table and its data set are in the store."


def autologged(run_id: Any) -> str:
    """Lesson 1.3: autologging and a score of one's own, nothing lost and nothing twice."""
    run = look.finished_run(run_id)
    look.autologged_alone(run, "LogisticRegression")
    score = look.metric(run, "test_accuracy", 0, 1)
    return f"Autologging left {len(run.data.params)} parameters, and your test accuracy of {score:.2f} is beside them."


def searched(count: Any, run_id: Any) -> str:
    """Lesson 1.4: a count and a best run, both compared with what the store holds."""
    ridge = look.runs_of("1.4 ridge")
    expected = sum(run.data.metrics.get("r2_score", 0) > GOOD_R2 for run in ridge)
    if look.number(count, "count") != expected:
        raise NotYetError(
            f"You count {count} of {len(ridge)} runs.",
            f"Use filter_string='metrics.r2_score > {GOOD_R2}' with experiment_names=['1.4 ridge'].",
        )
    run = look.finished_run(run_id)
    if run.data.params.get("max_depth") != "2":
        raise NotYetError(f"The run has max_depth {run.data.params.get('max_depth')}.", "Filter on max_depth '2'.")
    same_depth = [other for other in look.runs_of("1.4 forest") if other.data.params.get("max_depth") == "2"]
    least = min(other.data.metrics["rmse"] for other in same_depth)
    if look.metric(run, "rmse") > least:
        raise NotYetError(f"A run of that depth has an rmse of {least:.3g}.", "Use order_by=['metrics.rmse ASC'].")
    return f"{expected} runs are good enough, and your forest has the least error of its depth."


def tree_search(parent_run_id: Any) -> str:
    """Lesson 1.5: a search under one parent, reported by its best mean."""
    parent = look.finished_run(parent_run_id, "parent_run_id")
    if parent.info.run_name != "tree search":
        raise NotYetError(f"The run is called {parent.info.run_name!r}.", "Start it with run_name='tree search'.")
    children = look.children(parent)
    if len(children) < FEWEST_TRIALS:
        raise NotYetError(f"The parent has {len(children)} child run(s).", f"Try at least {FEWEST_TRIALS} depths.")
    for child in children:
        look.parameter(child, "max_depth")
        look.metric(child, "best_fold", 0, 1)
    means = [look.metric(child, "cv_mean", 0, 1) for child in children]
    look.reports_the_mean(look.metric(parent, "best_cv_mean", 0, 1), means, children)
    return f"{len(children)} trials, and the parent reports the best mean, {max(means):.3f}."


TASKS = {
    "0": Task(
        first_run,
        (
            "Two cells above do all of it with most_frequent: one trains, one logs. Copy both and change the strategy.",
            "DummyClassifier(strategy='uniform', random_state=seed).fit(X_train, y_train), then log inside "
            "`with mlflow.start_run() as my_run:`; the id is in my_run.info.",
        ),
    ),
    "1.1": Task(
        nested_runs,
        (
            "It is the section 'Nest runs' with another model. The tag is set inside the parent, outside of the loop.",
            "with mlflow.start_run(run_name='my forest') as my_parent: set the tag, then loop over three numbers; "
            "inside the loop `with mlflow.start_run(nested=True):` train, log_param('n_estimators', …), log_metric.",
        ),
    ),
    "1.2": Task(
        logged_volume,
        (
            "The four things are in the sections on parameters, steps, tables and the data set.",
            "by_year = prices['volume'].groupby(prices.index.year).mean() / 1e9 gives the metric; "
            "log it in a loop with step=year, and as a table after reset_index.",
        ),
    ),
    "1.3": Task(
        autologged,
        (
            "The section 'Combine both' has everything, with another model.",
            "mlflow.sklearn.autolog(log_models=False, log_post_training_metrics=False), then in one run: fit, and "
            "mlflow.log_metric('test_accuracy', model.score(X_test, y_test)).",
        ),
    ),
    "1.4": Task(
        searched,
        (
            "The first is len(mlflow.search_runs(…)); the second is the first row of another search.",
            "For the second: experiment_names=['1.4 forest'], filter_string=\"params.max_depth = '2'\", "
            "order_by=['metrics.rmse ASC'], then .run_id[0]. Turn the count into int(…) if in doubt.",
        ),
    ),
    "1.5": Task(
        tree_search,
        (
            "Start the parent, loop over depths inside of it, and start a nested run for each.",
            "In each child: scores = cross_val_score(DecisionTreeClassifier(max_depth=d, random_state=seed), X, y, "
            "cv=TimeSeriesSplit(folds)); log scores.mean() and scores.max(). Keep the means in a list for the parent.",
        ),
    ),
}
