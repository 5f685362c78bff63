"""Checks of lesson 0 and part 1, tracking. Each looks at what was logged and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import number, same, shown
from mlcourse.course_data import SEED, wine
from mlcourse.tracking import lesson_data, scores
from mlcourse.tracking.brought_back import brought_back
from mlcourse.tracking.volume import logged_volume
from mlworkbench.tasks import NotYetError, Task

FEWEST_CHILDREN = 3
FEWEST_TRIALS = 6
GOOD_R2 = 0.5
MOST_TREES = 2000


def first_run(run_id: Any) -> str:
    """Lesson 0: a second guessing model with another strategy.

    Recomputed: what such a guess reaches on the test wines, within chance.
    Cross-examined: the accuracy against the number of test wines; experiment and strategy.
    """
    from sklearn.dummy import DummyClassifier

    run = logged_runs.run_in("0 start here", run_id)
    strategy = logged_runs.parameter(run, "strategy")
    others = ("prior", "stratified", "uniform")
    if strategy not in others:
        raise NotYetError(f"The parameter strategy is {shown(strategy)}.", f"Use another one: {', '.join(others)}.")
    accuracy = logged_runs.metric(run, "accuracy", 0, 1)
    guess = DummyClassifier(strategy=strategy, random_state=SEED)
    lesson_data.near("accuracy", accuracy, guess, f"guessing by {strategy!r}", 0.01 if strategy == "prior" else 0.4)
    return f"The store holds your {strategy} guess with an accuracy of {accuracy:.2f}."


def nested_runs(parent_run_id: Any) -> str:
    """Lesson 1.1: a tagged parent run with at least three different children.

    Recomputed: what a forest of each size reaches on the test wines, within chance.
    Cross-examined: the accuracy against the number of test wines; children, their sizes and their parent.
    """
    from sklearn.ensemble import RandomForestClassifier

    parent = logged_runs.run_in("1.1 experiments and runs", parent_run_id, "parent_run_id")
    logged_runs.named(parent, "my forest")
    logged_runs.tag(parent, "author", "Set it inside the parent: `mlflow.set_tag('author', …)`.")
    children = logged_runs.children(parent)
    if len(children) < FEWEST_CHILDREN:
        raise NotYetError(
            f"The parent has {len(children)} child run(s).", "Start at least three inside of it, with nested=True."
        )
    sizes = {logged_runs.parameter(child, "n_estimators") for child in children}
    if len(sizes) < FEWEST_CHILDREN:
        raise NotYetError(f"The children use {len(sizes)} different n_estimators.", "Give each child another number.")
    for child in children:
        size = whole_number(child, "n_estimators")
        forest = RandomForestClassifier(n_estimators=size, random_state=SEED)
        accuracy = logged_runs.metric(child, "accuracy", 0, 1)
        lesson_data.near("accuracy", accuracy, forest, f"a forest of {size} tree(s)")
    return f"{len(children)} children, each with its own n_estimators and accuracy, under one parent."


def whole_number(run: Any, name: str) -> int:
    """A parameter that is a whole number, above 0 and not so large that nobody would train it."""
    value = logged_runs.parameter(run, name)
    if not value.isdigit() or not 0 < int(value) <= MOST_TREES:
        raise NotYetError(f"The parameter {name} is {shown(value)}.", f"Log a whole number from 1 to {MOST_TREES}.")
    return int(value)


def autologged(run_id: Any) -> str:
    """Lesson 1.3: autologging and a score of one's own, nothing lost and nothing twice.

    Recomputed: the accuracy of LogisticRegression on the test wines, scaled or not.
    Cross-examined: the parameters that autologging records, max_iter, the number of training rows, no model, nothing
    twice, autologging off.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    run = logged_runs.finished_run(run_id)
    scaled = run.data.tags.get("estimator_name") == "Pipeline" and "logisticregression__max_iter" in run.data.params
    scores.autologged_alone(run, "Pipeline" if scaled else "LogisticRegression")
    logged_runs.parameter(run, "logisticregression__max_iter" if scaled else "max_iter", 5000)
    score = logged_runs.metric(run, "test_accuracy", 0, 1)
    scores.autologging_is_off()
    model = LogisticRegression(max_iter=5000)
    model = make_pipeline(StandardScaler(), model) if scaled else model
    lesson_data.near("test_accuracy", score, model, "this model", 0.03)
    scores.trained_on(run, len(wine().X_train))
    return f"Autologging left {len(run.data.params)} parameters, and your test accuracy of {score:.2f} is beside them."


def searched(count: Any, run_id: Any) -> str:
    """Lesson 1.4: a count and a best run, both compared with what the store holds.

    Recomputed: how many runs are above the limit, and which forest of that depth has the least error.
    Not checked: the scores of those runs; the lesson has logged them.
    """
    ridge = logged_runs.runs_of("1.4 ridge")
    expected = sum(run.data.metrics.get("r2_score", 0) > GOOD_R2 for run in ridge)
    if number(count, "count", "Give one number: len(…) counts rows.") != expected:
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
    """Lesson 1.5: a search under one parent, reported by its best mean.

    Recomputed: what a tree of each depth reaches on the lesson's days, within chance.
    Cross-examined: the reported mean against those of the children, each mean against its best fold.
    """
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
    for child, mean in zip(children, means, strict=True):
        lesson_data.tree_mean(logged_runs.parameter(child, "max_depth"), mean)
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
    "1.6": Task(
        brought_back,
        (
            "Three clients play a part: one of the copy, which reads, one of this workbook's store, which writes, and "
            "sqlite3, which makes the copy.",
            "old = mlflow.MlflowClient(f'sqlite:///{my_backup}'); new = mlflow.MlflowClient(). "
            "new.create_run(session.experiment.experiment_id, start_time=…, tags=…, run_name=…), then new.log_batch("
            "id, metrics=old.get_metric_history(…), params=[mlflow.entities.Param(…)]), new.log_artifacts, and "
            "new.set_terminated(id, end_time=…).",
        ),
    ),
}
