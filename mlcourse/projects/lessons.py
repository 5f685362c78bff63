"""Checks of part 4, projects. Each looks at a file, or at runs in the store, and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse.projects import project_runs, sweep_tables
from mlworkbench.tasks import NotYetError, Task


def written(project: Any) -> str:
    """Lesson 4.1: an MLproject with two entry points and an environment.

    Recomputed: the file is read as MLflow reads it.
    Not checked: whether the environment can be built.
    """
    main, other = project_runs.entry_points(project, "main", "check")
    project_runs.optional(main, "trees", project_runs.NUMBER)
    project_runs.required(main, "name", project_runs.TEXT)
    if other.parameters:
        raise NotYetError(f"The entry point check has the parameters {', '.join(other.parameters)}.", "Give it none.")
    project_runs.python_environment(project)
    return "Two entry points; `trees` may be left out, `name` must be given."


def at_two_commits(old: Any, new: Any, lesson_seed: Any) -> str:
    """Lesson 4.2: two runs of one project at two commits, with a seed that is not the lesson's.

    Cross-examined: commits, seeds and project of both runs.
    Not checked: that a project run made them; tags can be set by hand.
    """
    first = project_runs.project_run(old, "old")
    second = project_runs.project_run(new, "new", first.data.tags["mlflow.project.entryPoint"])
    commits = project_runs.two_commits(first, second)
    project_runs.same_parameters(first, second)
    if first.data.params.get("seed") == str(lesson_seed):
        raise NotYetError(f"Both runs have the lesson's seed, {lesson_seed}.", "Run both with a seed of yours.")
    return f"The same project, at the commits {commits[0][:7]} and {commits[1][:7]}."


def reused(first: Any, second: Any) -> str:
    """Lesson 4.3: a workflow that ran twice, the second time only from the changed step on.

    Cross-examined: the steps of both workflows, which ran and which were used again.
    """
    steps = project_runs.reused(project_runs.finished(first, "first"), project_runs.finished(second, "second"))
    step = list(steps)[1]
    if steps[step].outcome == "reused":
        raise NotYetError(f"{step} was reused: nothing had changed for it.", "Change test_share, as the task says.")
    told = {kind: [name for name, step in steps.items() if step.outcome == kind] for kind in ("reused", "ran")}
    return f"Reused: {', '.join(told['reused'])}. Ran anew: {', '.join(told['ran'])}."


def swept(table: Any) -> str:
    """Lesson 4.4: a sweep over two parameters.

    Cross-examined: points, outcomes and runs of the table.
    Not checked: the metrics in the table.
    """
    runs = sweep_tables.points(table, "how_deep.ipynb", "folds", "depth")
    for run in runs:
        sweep_tables.passed(run)
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
