"""Checks of the assignment of part 4. They read files, Git and the store; no answer is kept here."""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import number, shown
from mlcourse.projects import project_runs
from mlcourse.projects.notebook_jobs import EXPERIMENT, diagnosed, given_parameters, grown
from mlcourse.projects.project_runs import FILE, NUMBER, TEXT
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    from mlflow.entities import Run

COLUMN, ROWS = "sepal_length", 100
DICE = {"throws": 100, "sides": 6, "seed": 7}
OLD_COMMIT = "Guess the mean"


def _own(answer: Any, what: str, entry_point: str = "main") -> Run:
    """A project's run in the experiment of the assignment."""
    return logged_runs.run_in(EXPERIMENT, project_runs.project_run(answer, what, entry_point), what)


def written(project: Any) -> str:
    """Task 1: an MLproject with two entry points for two scripts.

    Recomputed: the file is read as MLflow reads it; names, types, defaults and commands.
    Not checked: that it runs; task 3 does.
    """
    main, count = project_runs.entry_points(project, "main", "count")
    project_runs.required(main, "file", FILE)
    project_runs.optional(main, "column", TEXT, "petal_length")
    project_runs.optional(main, "rows", NUMBER, 150)
    project_runs.starts(main, "python", "fit.py", "{file}", "{column}", "{rows}")
    project_runs.required(count, "file", FILE)
    project_runs.required(count, "species", TEXT)
    project_runs.starts(count, "python", "count.py", "{file}", "{species}")
    return "Two scripts, two entry points, five parameters with their types."


def mended(project: Any, run: Any) -> str:
    """Task 2: a project that runs again, without any value given.

    Recomputed: the file is read as MLflow reads it.
    Cross-examined: the parameters of the run against its defaults.
    """
    (main,) = project_runs.entry_points(project, "main")
    for name, default in DICE.items():
        project_runs.optional(main, name, NUMBER, default)
    project_runs.starts(main, "python", "dice.py", "{throws}", "{sides}", "{seed}")
    proof = _own(run, "run")
    if str(project_runs.folder_of(project)) not in project_runs.sources_of(proof):
        raise NotYetError("That is a run of another project.", "Run this one.")
    for name, default in DICE.items():
        logged_runs.parameter(proof, name, default)
    values = ", ".join(f"{name} {value}" for name, value in DICE.items())
    return f"It can be read, its names agree, and it ran with {values}."


def found(run: Any, filter_string: Any) -> str:
    """Task 3: a run with parameters, and a filter that finds it by entry point and parameter.

    Recomputed: what the filter finds, against all runs of the experiment.
    Cross-examined: entry point, parameters and files of the run.
    """
    mine = _own(run, "run")
    logged_runs.parameter(mine, "rows", ROWS)
    if (column := logged_runs.parameter(mine, "column")) != COLUMN:
        raise NotYetError(f"The column is {shown(column)}.", f"Use {COLUMN!r}.")
    logged_runs.metric(mine, "error")
    ids = logged_runs.found_by(filter_string, mine.info.experiment_id)
    every = logged_runs.client().search_runs([mine.info.experiment_id], max_results=5000)
    wanted = {run.info.run_id for run in every if _is_main_on_column(run)}  # failed attempts too
    if ids - wanted:
        raise NotYetError(
            f"The filter finds {len(ids - wanted)} run(s) that it should not.",
            "Join two conditions with `and`: the tag of the entry point, and the parameter.",
        )
    if wanted - ids:
        raise NotYetError(
            f"The filter finds {len(ids)} of {len(wanted)} run(s).", "Look at run.data.tags for the name of the tag."
        )
    return f"The filter finds what `main` did with {COLUMN}, and nothing else."


def _is_main_on_column(run: Run) -> bool:
    return bool(run.data.tags.get("mlflow.project.entryPoint") == "main" and run.data.params.get("column") == COLUMN)


def compared(repository: Any, old: Any, new: Any, difference: Any) -> str:
    """Task 4: one project at two commits, and what that changed.

    Recomputed: the difference of both errors.
    Cross-examined: the commits of both runs against the repository.
    """
    before, after = _own(old, "old"), _own(new, "new")
    commits = project_runs.two_commits(before, after)
    folder = project_runs.folder_of(repository)
    if str(folder) not in project_runs.sources_of(after):
        raise NotYetError("The runs are of another project.", "Run the repository of this task.")
    command = ["git", "-C", str(folder), "log", "--format=%H %s", "main"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    messages = dict(line.split(" ", 1) for line in log.splitlines())  # the newest first
    for what, commit, wanted in (
        ("old", commits[0], OLD_COMMIT),
        ("new", commits[1], next(iter(messages.values()))),
    ):
        if messages.get(commit) != wanted:
            raise NotYetError(f"{what} executed the commit {shown(messages.get(commit))}.", f"Run {wanted!r}.")
    change = logged_runs.metric(after, "error") - logged_runs.metric(before, "error")
    if not math.isclose(number(difference, "difference"), change, abs_tol=0.006):
        raise NotYetError(f"difference is {difference:.3g}.", "Subtract the error of old from the error of new.")
    return f"The new commit changes the error by {change:.2f}."


def resumed_workflow(first: Any, second: Any) -> str:
    """Task 5: three steps, of which the second time only two ran.

    Cross-examined: the steps of both workflows, which ran and which were used again.
    """
    before, after = logged_runs.run_in(EXPERIMENT, first, "first"), logged_runs.run_in(EXPERIMENT, second, "second")
    steps = project_runs.reused(before, after)
    if set(steps) != {"select", "fit", "report"}:
        raise NotYetError(f"The steps are {', '.join(steps)}.", "Run select, fit and report.")
    for what, run in (("first", before), ("second", after)):
        made = project_runs.steps(run, what)
        for later, name, earlier in (("fit", "file", "select"), ("report", "line", "fit")):
            if made[earlier].run.info.run_id not in logged_runs.parameter(made[later].run, name):
                raise NotYetError(
                    f"In {what}, {later} did not get the result of {earlier}.",
                    f"Give it {name}=f'runs:/{{run_id}}/…' with the id of that run.",
                )
    if steps["select"].outcome == "ran":
        raise NotYetError("The second time select ran anew.", "Change nothing but the column.")
    if (column := logged_runs.parameter(steps["fit"].run, "column")) != COLUMN:
        raise NotYetError(f"The second time the column is {shown(column)}.", f"Use {COLUMN!r}.")
    return "select was reused; fit and report ran anew, since the column had changed."


_HINTED: dict[str, tuple[Any, str, str]] = {
    "projects.1": (
        written,
        "Lesson 4.1, 'Answer them in one file' and 'Offer several entry points'.",
        "A parameter with a default is {type: …, default: …}; one without is a name and a type, as in `file: path`.",
    ),
    "projects.2": (
        mended,
        "wb.describe_project tells line and column of what YAML cannot read, and after that which names do not agree.",
        "Compare each line with the others of its kind: a colon, a default, a name in braces.",
    ),
    "projects.3": (
        found,
        "Lesson 4.2: wb.run_project(folder, name=value, …). MLflow notes the entry point as a tag of the run.",
        "Two conditions, joined by `and`: tags.mlflow.project.entryPoint = '…' and params.column = '…'.",
    ),
    "projects.4": (
        compared,
        "Lesson 4.2: wb.run_project takes a commit as version=…; the cell above prints their short names.",
        "run.data.metrics['error'] of both runs; the difference is new minus old.",
    ),
    "projects.5": (
        resumed_workflow,
        "Lesson 4.3. Put the three calls of wb.run_step into a function of the column, and call it twice.",
        "with mlflow.start_run() as run: around the three calls. fit gets file=f'runs:/{id of select}/flowers.csv', "
        "report gets line=f'runs:/{id of fit}/line.json'.",
    ),
    "projects.6": (
        given_parameters,
        "Lesson 4.4, 'Give a notebook parameters': nbformat.read, insert and change cells, nbformat.write.",
        "new_code_cell('throws = 20\\nsides = 6', metadata={'tags': ['parameters']}), inserted before the other code; "
        "then put the names in place of 20 and 6.",
    ),
    "projects.7": (
        grown,
        "Lesson 4.4, 'Sweep a grid' and 'Go on after an interruption'.",
        "The second grid has all values of the first, and 12 in the list of sides.",
    ),
    "projects.8": (
        diagnosed,
        "Lesson 4.4, 'Keep failures too'. A sweep goes on when a point fails; its table tells how each one ended.",
        "table.loc[table['outcome'] != 'passed'] has one row: outcome names cell and error.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
