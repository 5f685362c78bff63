"""Checks of lesson 0 and part 1, tracking. Each looks at what was logged and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import number, same, shown
from mlcourse.tracking import scores
from mlworkbench.tasks import NotYetError, Task

FEWEST_CHILDREN = 3
FEWEST_TRIALS = 6
GOOD_R2 = 0.5
YEARS = range(1999, 2019)  # of the S&P 500 data
LEAST_VOLUME, MOST_VOLUME = 0.1, 10  # billions of shares a day


def first_run(run_id: Any) -> str:
    """Lesson 0: a second guessing model with another strategy."""
    run = logged_runs.run_in("0 start here", run_id)
    strategy = logged_runs.parameter(run, "strategy")
    others = ("prior", "stratified", "uniform")
    if strategy not in others:
        raise NotYetError(f"The parameter strategy is {shown(strategy)}.", f"Use another one: {', '.join(others)}.")
    accuracy = logged_runs.metric(run, "accuracy", 0, 1)
    return f"The store holds your {strategy} guess with an accuracy of {accuracy:.2f}."


def nested_runs(parent_run_id: Any) -> str:
    """Lesson 1.1: a tagged parent run with at least three different children."""
    parent = logged_runs.run_in("1.1 experiments and runs", parent_run_id, "parent_run_id")
    logged_runs.named(parent, "my forest")
    if not parent.data.tags.get("author"):
        raise NotYetError("The parent has no tag 'author'.", "Set it inside the parent: `mlflow.set_tag('author', …)`.")
    children = logged_runs.children(parent)
    if len(children) < FEWEST_CHILDREN:
        raise NotYetError(
            f"The parent has {len(children)} child run(s).", "Start at least three inside of it, with nested=True."
        )
    sizes = {logged_runs.parameter(child, "n_estimators") for child in children}
    if len(sizes) < FEWEST_CHILDREN:
        raise NotYetError(f"The children use {len(sizes)} different n_estimators.", "Give each child another number.")
    for child in children:
        logged_runs.metric(child, "accuracy", 0, 1)
    return f"{len(children)} children, each with its own n_estimators and accuracy, under one parent."


def logged_volume(run_id: Any) -> str:
    """Lesson 1.2: parameter, stepped metric, table and data set of the volume."""
    run = logged_runs.run_in("1.2 logging", run_id)
    column = logged_runs.parameter(run, "column")
    if column != "volume":
        raise NotYetError(f"The parameter column is {shown(column)}.", "Log it as 'volume'.")
    logged_runs.metric(run, "mean_volume", LEAST_VOLUME, MOST_VOLUME)
    _every_year({point.step for point in logged_runs.metric_history(run, "mean_volume", 5)})
    table = logged_runs.table(run, "volume.json", {"year", "mean_volume"})
    _billions(table["mean_volume"])
    logged_runs.data_set(run, "analysis")
    return f"The volume of {len(YEARS)} years, its table and its data set are in the store."


def _every_year(steps: set[int]) -> None:
    """The steps are the years of the data."""
    if not steps <= set(YEARS):
        raise NotYetError(
            f"The steps of mean_volume go from {min(steps)} to {max(steps)}.",
            f"Log each mean with its year as the step; the data have the years {YEARS[0]} to {YEARS[-1]}.",
        )
    if len(steps) < len(YEARS):
        raise NotYetError(f"mean_volume has {len(steps)} of {len(YEARS)} years.", "Log one step for each year.")


def _billions(values: Any) -> None:
    """The values of a column of volumes are in billions of shares."""
    import pandas as pd

    told = pd.to_numeric(values, errors="coerce")
    bad = told[~told.between(LEAST_VOLUME, MOST_VOLUME)]
    if len(bad):
        raise NotYetError(
            f"The column mean_volume of the table holds {bad.iloc[0]:.3g}.", "Give billions of shares: divide by 1e9."
        )


def autologged(run_id: Any) -> str:
    """Lesson 1.3: autologging and a score of one's own, nothing lost and nothing twice."""
    run = logged_runs.finished_run(run_id)
    scores.autologged_alone(run, "LogisticRegression")
    logged_runs.parameter(run, "max_iter", 5000)
    score = logged_runs.metric(run, "test_accuracy", 0, 1)
    scores.autologging_is_off()
    return f"Autologging left {len(run.data.params)} parameters, and your test accuracy of {score:.2f} is beside them."


def searched(count: Any, run_id: Any) -> str:
    """Lesson 1.4: a count and a best run, both compared with what the store holds."""
    ridge = logged_runs.runs_of("1.4 ridge")
    expected = sum(run.data.metrics.get("r2_score", 0) > GOOD_R2 for run in ridge)
    if number(count, "count") != expected:
        raise NotYetError(
            f"You count {count:g} of {len(ridge)} runs.",
            f"Use filter_string='metrics.r2_score > {GOOD_R2}' with experiment_names=['1.4 ridge'].",
        )
    run = logged_runs.finished_run(run_id)
    if (depth := run.data.params.get("max_depth", "of no value")) != "2":
        raise NotYetError(f"The run has max_depth {depth}.", "Filter on max_depth '2'.")
    same_depth = [other for other in logged_runs.runs_of("1.4 forest") if other.data.params.get("max_depth") == "2"]
    least = min(other.data.metrics["rmse"] for other in same_depth)
    if logged_runs.metric(run, "rmse") > least:
        raise NotYetError(f"A run of that depth has an rmse of {least:.3g}.", "Use order_by=['metrics.rmse ASC'].")
    return f"{expected} runs are good enough, and your forest has the least error of its depth."


def tree_search(parent_run_id: Any) -> str:
    """Lesson 1.5: a search under one parent, reported by its best mean."""
    parent = logged_runs.finished_run(parent_run_id, "parent_run_id")
    logged_runs.named(parent, "tree search")
    children = logged_runs.children(parent)
    if len(children) < FEWEST_TRIALS:
        raise NotYetError(f"The parent has {len(children)} child run(s).", f"Try at least {FEWEST_TRIALS} depths.")
    depths = {logged_runs.parameter(child, "max_depth") for child in children}
    if len(depths) < FEWEST_TRIALS:
        raise NotYetError(f"The children use {len(depths)} different max_depth.", f"Try at least {FEWEST_TRIALS}.")
    means = [_mean_below_best_fold(child) for child in children]
    scores.reports_the_mean(logged_runs.metric(parent, "best_cv_mean", 0, 1), means, children)
    return f"{len(children)} trials, and the parent reports the best mean, {max(means):.3f}."


def _mean_below_best_fold(child: Any) -> float:
    """The mean of a trial, which cannot be larger than its best fold."""
    best, mean = logged_runs.metric(child, "best_fold", 0, 1), logged_runs.metric(child, "cv_mean", 0, 1)
    if best < mean and not same(best, mean):
        raise NotYetError(
            f"The child {shown(child.info.run_name)} has a best_fold of {best:.3f}, below its cv_mean of {mean:.3f}.",
            "Log scores.max() as best_fold and scores.mean() as cv_mean.",
        )
    return mean


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
            "order_by=['metrics.rmse ASC'], then .run_id[0].",
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
