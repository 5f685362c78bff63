"""Checks of the assignment of part 1, continued: a search, the choice in it, and a score to beat."""

from __future__ import annotations

from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import apart, shown
from mlcourse.recipe import rebuilt
from mlcourse.tracking import cancer, scores
from mlworkbench.tasks import NotYetError

EXPERIMENT = "exercises: tracking"
FEWEST_CHILDREN, FOLDS = 5, 5
WANTED_DEPTH = "3"
SCORE_TO_BEAT = 0.96
SHORTEST_DESCRIPTION = 20
A_FEW_ROWS, LUCK = 0.037, 0.013  # of a fold of 85 rows, and of the mean, where a model draws random numbers
FEWEST_EQUAL = 3  # folds whose score is the same again, of a model that draws none; on another machine a row may differ


def parent_and_children(parent_run_id: Any) -> str:
    """Task 7: a search, one child a setting, with all folds.

    Recomputed: the five scores of each tree, cut in order, stratified or not, or shuffled with seed 7.
    Cross-examined: the mean against the folds, five folds, different depths, children of this parent.
    Not checked: whether a child is unfinished; its scores are computed again.
    """
    parent = logged_runs.run_in(EXPERIMENT, parent_run_id, "parent_run_id")
    children = logged_runs.children(parent)
    if len(children) < FEWEST_CHILDREN:
        told = f"The parent has {len(children)} child run(s)."
        if "max_depth" in parent.data.params:
            told += f" Its own max_depth is {shown(parent.data.params['max_depth'])}."
        raise NotYetError(told, f"Start at least {FEWEST_CHILDREN} nested runs, with one max_depth each.")
    _different_depths([logged_runs.parameter(child, "max_depth") for child in children])
    for child in children:
        _tree(child)
    return f"{len(children)} children, each with {FOLDS} folds and their mean."


def _tree(child: Any) -> None:
    """The scores of a child are those of its tree."""
    scores.mean_of_folds(child, FOLDS)
    depth = logged_runs.parameter(child, "max_depth")
    found, expected = scores.folds_of(child, FOLDS), cancer.tree_folds(depth)
    if not any(cancer.agree(found, each) for each in expected):
        raise NotYetError(
            f"The scores of the child with max_depth {depth} have the mean {sum(found) / FOLDS:.3f}; in five folds of "
            f"the training data this tree has {sum(expected[0]) / FOLDS:.3f}.",
            "cross_val_score(DecisionTreeClassifier(max_depth=…, random_state=7), X_train, y_train, cv=5).",
        )


def _different_depths(depths: list[str]) -> None:
    """One whole number a child, enough different ones, and the one that task 8 looks for."""
    bad = [depth for depth in depths if not (depth.isdigit() and int(depth) > 0) and depth != "None"]
    if bad:
        raise NotYetError(f"A child has max_depth {shown(bad[0])}.", "Log one whole number in each child, not a list.")
    if len(set(depths)) < FEWEST_CHILDREN:
        raise NotYetError(f"The children use {len(set(depths))} different depths.", "Give each child another one.")
    if WANTED_DEPTH not in depths:
        told = ", ".join(sorted(set(depths), key=lambda depth: (len(depth), depth)))
        raise NotYetError(f"The children have the depths {shown(told)}.", f"Try {WANTED_DEPTH} among them.")


def filtered(parent_run_id: Any, filter_string: Any) -> str:
    """Task 8: a filter, tried on the store and compared with the runs themselves.

    Recomputed: which runs the filter finds.
    Cross-examined: against the children of this parent with max_depth 3, and no other run of the experiment.
    Not checked: scores of the children; task 7 looks at them.
    """
    parent = logged_runs.run_in(EXPERIMENT, parent_run_id, "parent_run_id")
    wanted = {
        run.info.run_id
        for run in logged_runs.children(parent)
        if logged_runs.parameter(run, "max_depth") == WANTED_DEPTH
    }
    if not wanted:
        raise NotYetError(f"Your search has no child of depth {WANTED_DEPTH}.", "Add one to the search of task 7.")
    ids = logged_runs.found_by(filter_string, parent.info.experiment_id)
    if ids - wanted:
        raise NotYetError(
            f"The filter finds {len(ids - wanted)} run(s) that it should not.",
            "Join two conditions with AND: the parent's tag, and max_depth = '3'.",
        )
    if wanted - ids:
        raise NotYetError(f"The filter finds {len(ids)} of {len(wanted)} run(s).", "Check the names in it.")
    if missing := [name for name in ("parentRunId", "max_depth") if name not in filter_string]:
        raise NotYetError(
            f"The filter finds these runs without a look at {missing[0]}.",
            "Let it ask for the parent and the depth, so that it finds the children of another search as well.",
        )
    return f"The filter finds exactly the {len(wanted)} run(s) of depth {WANTED_DEPTH} of your search."


def chosen_run(parent_run_id: Any, run_id: Any) -> str:
    """Task 9: the child with the highest mean.

    Recomputed: the scores of the chosen child.
    Cross-examined: its mean against those of the other children of the parent.
    Not checked: of the children that were not chosen, max_depth and fold_accuracy, whether they are unfinished, and
    whether a cv_mean below the best is right; task 7 looks at them. Nor is one missed that was deleted, or has lost
    its tag mlflow.parentRunId.
    """
    parent = logged_runs.run_in(EXPERIMENT, parent_run_id, "parent_run_id")
    run = logged_runs.run_in(EXPERIMENT, run_id)
    children = {child.info.run_id: child for child in logged_runs.children(parent)}
    if run.info.run_id not in children:
        raise NotYetError(
            f"The run {shown(run.info.run_name)} is no child of that parent.", "Search by the parent's tag."
        )
    means = {key: logged_runs.metric(child, "cv_mean", 0, 1) for key, child in children.items()}
    folds = {
        key: max(p.value for p in logged_runs.metric_history(c, "fold_accuracy", FOLDS)) for key, c in children.items()
    }
    if means[run.info.run_id] == max(means.values()):
        _tree(run)
        return f"You chose by the mean: {max(means.values()):.3f}."
    if means[run.info.run_id] == min(means.values()):
        raise NotYetError("This is the child with the lowest mean.", "Order by cv_mean DESC: higher is better.")
    if folds[run.info.run_id] == max(folds.values()):
        raise NotYetError("This child has the best fold, not the best mean.", "Compare cv_mean.")
    told, best = apart(means[run.info.run_id], max(means.values()))
    raise NotYetError(f"Its mean is {told}.", f"One child has {best}.")


def beaten(run_id: Any) -> str:
    """Task 10, open: beat a cross-validated score and prove it by the run.

    Recomputed: the five scores, with a new model that has the classes and settings of the stored one.
    Cross-examined: the mean against the folds, five folds.
    Not checked: what the description, mlflow.note.content, and the parameter model say; a teacher reads them. On which
    rows the stored model was fitted.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
    mean = scores.mean_of_folds(run, FOLDS)
    logged_runs.parameter(run, "model")
    description = run.data.tags.get("mlflow.note.content", "").strip()
    if not description:
        raise NotYetError("The run has no description.", "Set the tag mlflow.note.content: what did you change, why?")
    if len(description) < SHORTEST_DESCRIPTION:
        raise NotYetError(
            f"The description has {len(description)} characters.", "Say in a sentence what you changed and why."
        )
    if mean <= SCORE_TO_BEAT:
        told, bar = apart(mean, SCORE_TO_BEAT)
        raise NotYetError(
            f"The mean of the folds is {told}, not above {bar}.", f"Beat {SCORE_TO_BEAT}: scale the features first?"
        )
    again = _cross_validated_again(run, mean)
    if again <= SCORE_TO_BEAT:
        raise NotYetError(
            f"Cross-validated again, the mean is {again:.4f}.", f"Find a model that beats {SCORE_TO_BEAT}."
        )
    return f"{mean:.3f} beats {SCORE_TO_BEAT}, and the run proves it fold by fold."


def _cross_validated_again(run: Any, mean: float) -> float:
    """The mean of the folds, computed again with the model that the run has stored."""
    models = run.outputs.model_outputs if run.outputs else []
    if not models:
        raise NotYetError(
            "The run holds no model, so that nobody can compute its scores again.",
            "Store the model in the same run: wb.log_model(model, 'model', example=X_train.head(3)).",
        )
    model, found = rebuilt(models[-1].model_id), scores.folds_of(run, FOLDS)
    first = next(cancer.folds(model))
    equal = FEWEST_EQUAL if next(cancer.folds(model)) == first else 0
    for expected in cancer.folds(model):
        again = sum(expected) / FOLDS
        close = cancer.agree(found, expected, A_FEW_ROWS) and abs(again - mean) < LUCK
        if close and cancer.equal_folds(found, expected) >= equal:
            return again
    raise NotYetError(
        f"The mean of the folds is {mean:.3f}; with the stored model it is {sum(first) / FOLDS:.3f}.",
        "Store the model that you have cross-validated, with a random_state if it has one, and use five folds of the "
        "training data.",
    )
