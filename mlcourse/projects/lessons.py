"""Checks of part 4, projects. Each looks at a file, or at runs in the store, and returns a sentence, or raises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import shown
from mlcourse.projects import mlproject, project_runs, recomputed, sweep_tables
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    from mlflow.entities import Run

    from mlcourse.projects.project_runs import Step

WINE_STEPS = ("load", "validate", "train", "evaluate", "register")


def written(project: Any) -> str:
    """Lesson 4.1: an MLproject with two entry points and an environment.

    Recomputed: the file is read as MLflow reads it.
    Cross-examined: the file of the environment, which has the version of a Python and a list of packages.
    Not checked: the commands and the default of trees, which may be what you like; whether the environment can be
    built; the line python_env, since MLflow takes a python_env.yaml that lies beside; which version of python it is.
    """
    main, other = mlproject.entry_points(project, "main", "check")
    mlproject.optional(main, "trees", mlproject.NUMBER)
    mlproject.required(main, "name", mlproject.TEXT)
    if other.parameters:
        raise NotYetError(f"The entry point check has the parameters {', '.join(other.parameters)}.", "Give it none.")
    mlproject.use_their_parameters(main)
    mlproject.python_environment(project)
    return "Two entry points; `trees` may be left out, `name` must be given."


def at_two_commits(old: Any, new: Any, lesson_seed: Any) -> str:
    """Lesson 4.2: two runs of one project at two commits, with a seed that is not the lesson's.

    Recomputed: the wines that each run hands on, in the order that its seed gives them, and their number.
    Cross-examined: commits, seeds, project and entry point of both runs, and that a project was run.
    Not checked: lesson_seed, which the lesson gives.
    """
    first, second = (project_runs.project_run(run, what, "load") for run, what in ((old, "old"), (new, "new")))
    commits = project_runs.two_commits(first, second)
    project_runs.same_parameters(first, second)
    seed = logged_runs.parameter(first, "seed")
    if seed == str(lesson_seed):
        raise NotYetError(f"Both runs have the lesson's seed, {lesson_seed}.", "Run both with a seed of yours.")
    for what, run, share in (("old", first, 1.0), ("new", second, 0.5)):
        _handed_on(what, run, seed, share)
    return f"The same project, at the commits {commits[0][:7]} and {commits[1][:7]}."


def _handed_on(what: str, run: Run, seed: str, share: float) -> None:
    """The run has logged the wines of its commit: all of them, or half."""
    if not seed.isdigit():
        raise NotYetError(f"The seed is {shown(seed)}.", "Give a whole number.")
    expected, do = recomputed.wines(int(seed), share), "Let `load.py` log what it loads, and add nothing by hand."
    logged_runs.agree(run, {"rows": len(expected)}, do)
    if run_files.text(run, "wine.csv") != expected.to_csv(index=False):
        raise NotYetError(f"wine.csv of {what} does not hold the wines that the seed {seed} gives.", do)


def reused(first: Any, second: Any) -> str:
    """Lesson 4.3: a workflow that ran twice, the second time only from the changed step on.

    Recomputed: what the model of each workflow reaches on its test wines.
    Cross-examined: the steps of both workflows, which ran and which were used again, and what was changed.
    Not checked: the parameter data and other metrics of the steps; what they hand on decides what is measured.
    """
    before, now = project_runs.finished(first, "first"), project_runs.finished(second, "second")
    steps = project_runs.reused(before, now)
    if missing := [name for name in WINE_STEPS if name not in steps]:
        raise NotYetError(f"The steps are {', '.join(steps)}, without {missing[0]}.", "Give what run_workflow returns.")
    if steps["validate"].outcome == "reused":
        raise NotYetError("validate was reused: nothing had changed for it.", "Change test_share, as the task says.")
    project_runs.one_change(before, now, "test_share")
    for what, run in (("first", before), ("second", now)):
        _measured(project_runs.steps(run, what))
    told = {kind: [name for name, step in steps.items() if step.outcome == kind] for kind in ("reused", "ran")}
    return f"Reused: {', '.join(told['reused'])}. Ran anew: {', '.join(told['ran'])}."


def _measured(steps: dict[str, Step]) -> None:
    """The evaluation of a workflow is that of its parameters."""
    where = {"test_share": "validate", "C": "train", "seed": "load"}
    told = {name: logged_runs.parameter(steps[step].run, name) for name, step in where.items()}
    if (
        not all(re.fullmatch(r"\d{1,6}(\.\d+)?", value) for value in told.values())
        or not 0 < float(told["test_share"]) < 1
    ):
        found = ", ".join(f"{name}={shown(value)}" for name, value in told.items())
        raise NotYetError(f"The steps have {found}.", "Take a test_share between 0 and 1, and leave the others.")
    share, strength, seed = map(float, told.values())
    do = "Let the steps log what they measure, and change nothing by hand."
    logged_runs.agree(steps["evaluate"].run, recomputed.evaluated(share, strength, int(seed)), do)


def swept(table: Any) -> str:
    """Lesson 4.4: a sweep over two parameters.

    Recomputed: accuracy and spread of the tree at each point.
    Cross-examined: points, outcomes, metrics and runs of the table; the executed notebook of each, its times and
    values, and the run that it has made.
    Not checked: seconds, which nobody can measure again, and reused; whether one call has run the whole grid
    (mlflow.parentRunId).
    """
    runs = sweep_tables.points(table, "how_deep.ipynb", "folds", "depth")
    for run in runs:
        sweep_tables.passed(run)
        depth, folds, seed = (run.data.params.get(name, "7") for name in ("depth", "folds", "seed"))
        if not (folds.isdigit() and seed.isdigit() and (depth.isdigit() or depth == "None")):
            raise NotYetError(f"A point has depth={shown(depth)} and folds={shown(folds)}.", "Sweep whole numbers.")
        expected = recomputed.tree(None if depth == "None" else int(depth), int(folds), int(seed))
        logged_runs.agree(run, expected, "Sweep the notebook as it is, and let it log what it measures.")
    return f"All {len(runs)} points are in the store, each with its executed notebook."


TASKS = {
    "4.1": Task(
        written,
        (
            "The section 'Offer several entry points' has all of it. Indentation counts: two spaces a level.",
            "In main: `trees: {type: float, default: 100}` and `name: string` below parameters, and both in braces in "
            "the command. check has a line with its command, and no line for parameters. `python_env: python_env.yaml` "
            "stands below the name, and the file beside MLproject.",
        ),
    ),
    "4.2": Task(
        at_two_commits,
        (
            "wb.run_project takes the commit, a tag or a branch as version=….",
            "Run the same entry point twice: once with version='…' of an older commit, once without.",
        ),
    ),
    "4.3": Task(
        reused,
        (
            "Call run_workflow twice, the second time with a value for test_share that the lesson has not used.",
            "my_first = run_workflow() and my_second = run_workflow(test_share=…), in this order.",
        ),
    ),
    "4.4": Task(
        swept,
        (
            "The section 'Sweep a grid', with two lists: one for each parameter.",
            'The grid is {"folds": [3, 5], "depth": [1, 2]}, and the table is what wb.sweep returns.',
        ),
    ),
}
