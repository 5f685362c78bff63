"""Checks of the assignment of part 4. They read files, Git and the store; no answer is kept here."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import number, same, shown
from mlcourse.projects import mlproject, project_runs, recomputed
from mlcourse.projects.mlproject import FILE, NUMBER, TEXT
from mlcourse.projects.notebook_jobs import EXPERIMENT, diagnosed, given_parameters, grown
from mlcourse.projects.stale import mended_cache
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    from mlflow.entities import Run

COLUMN, ROWS = "sepal_length", 100
DICE = {"throws": 100, "sides": 6, "seed": 7}
OLD_COMMIT, NEW_COMMIT = "Guess the mean", "Guess the median"
TWO_DIGITS = 0.006


def _own(answer: Any, what: str, entry_point: str = "main") -> Run:
    """A project's run in the experiment of the assignment."""
    return logged_runs.run_in(EXPERIMENT, project_runs.project_run(answer, what, entry_point), what)


def written(project: Any) -> str:
    """Task 1: an MLproject with two entry points for two scripts.

    Recomputed: the file is read as MLflow reads it; names, types, defaults and commands.
    Not checked: that it runs, with fit.py, count.py and flowers.csv; task 3 does. A name of the project.
    """
    main, count = mlproject.entry_points(project, "main", "count")
    mlproject.use_their_parameters(main, count)
    mlproject.required(main, "file", FILE)
    mlproject.optional(main, "column", TEXT, "petal_length")
    mlproject.optional(main, "rows", NUMBER, 150)
    mlproject.starts(main, "python", "fit.py", "{file}", "{column}", "{rows}")
    mlproject.required(count, "file", FILE)
    mlproject.required(count, "species", TEXT)
    mlproject.starts(count, "python", "count.py", "{file}", "{species}")
    return "Two scripts, two entry points, five parameters with their types."


def mended(project: Any, run: Any) -> str:
    """Task 2: a project that runs again, without any value given.

    Recomputed: the file is read as MLflow reads it.
    Cross-examined: the parameters of the run against its defaults, its project, and that a project was run.
    Not checked: what dice.py prints; it logs nothing. A name of the project.
    """
    (main,) = mlproject.entry_points(project, "main")
    mlproject.use_their_parameters(main)
    for name, default in DICE.items():
        mlproject.optional(main, name, NUMBER, default)
    mlproject.starts(main, "python", "dice.py", "{throws}", "{sides}", "{seed}")
    proof = _own(run, "run")
    if not (mlproject.folder_of(project) / "dice.py").is_file():
        raise NotYetError("The folder has no dice.py.", "Run the cell that prepares this task again.")
    if str(mlproject.folder_of(project)) not in project_runs.sources_of(proof):
        raise NotYetError("That is a run of another project.", "Run this one.")
    for name, default in DICE.items():
        logged_runs.parameter(proof, name, default)
    values = ", ".join(f"{name} {value}" for name, value in DICE.items())
    return f"It can be read, its names agree, and it ran with {values}."


def found(run: Any, filter_string: Any) -> str:
    """Task 3: a run with parameters, and a filter that finds it by entry point and parameter.

    Recomputed: what the filter finds, against all runs of the experiment, and that it asks for nothing else; the line
    and its error.
    Cross-examined: entry point and parameters of the run, and that a project was run.
    Not checked: the parameter file, whose name nobody else knows; its flowers decide the error.
    """
    mine = _own(run, "run")
    logged_runs.parameter(mine, "rows", ROWS)
    if (column := logged_runs.parameter(mine, "column")) != COLUMN:
        raise NotYetError(f"The column is {shown(column)}.", f"Use {COLUMN!r}.")
    _fitted(mine, COLUMN)
    ids = logged_runs.found_by(filter_string, mine.info.experiment_id)
    every = logged_runs.client().search_runs([mine.info.experiment_id], max_results=5000)
    wanted = {run.info.run_id for run in every if _is_main_on_column(run)}  # failed attempts too
    if ids - wanted:
        raise NotYetError(
            f"The filter finds {len(ids - wanted)} run(s) that it should not.",
            "Join two conditions with `and`: the tag of the entry point, and the parameter.",
        )
    if wanted - ids:
        do = "Ask for the entry point and the column alone: another condition leaves runs out."
        raise NotYetError(
            f"The filter finds {len(ids)} of {len(wanted)} run(s).",
            do if ids else "Look at run.data.tags for the name of the tag.",
        )
    _of_tomorrow(filter_string)
    logged_runs.asks_for(filter_string, entryPoint="main", column=COLUMN)
    return f"The filter finds what `main` did with {COLUMN}, and nothing else."


def _of_tomorrow(condition: str) -> None:
    """Every part of a filter asks for the column, or for what a project's run always has."""
    plain = re.sub("'[^']*'|\"[^\"]*\"(?!\\s*(=|like))", "''", condition, flags=re.IGNORECASE)
    for part in re.split(r"\band\b", plain, flags=re.IGNORECASE):
        if not re.search(r"param\w*\.\W?column|mlflow\.(project\.entryPoint|project\.backend|source\.type)", part):
            raise NotYetError(f"The filter asks for {shown(part.strip())} too.", "A run to come may differ in that.")


def _fitted(run: Run, column: str) -> None:
    """The error and the line of a run of ``fit.py`` are those of the column."""
    expected = recomputed.line(column, ROWS)
    do = f"Let fit.py log them, on the flowers of the cell above, with the column {column!r} and {ROWS} rows."
    logged_runs.agree(run, {"error": expected["error"]}, do)
    found = run_files.dictionary(run, "line.json")
    for name in ("slope", "intercept"):
        if not isinstance(found.get(name), float) or not same(found[name], expected[name]):
            told = shown(found.get(name, "missing"))
            raise NotYetError(f"In line.json {name} is {told}; computed again it is {expected[name]:.3f}.", do)


def _is_main_on_column(run: Run) -> bool:
    return bool(run.data.tags.get("mlflow.project.entryPoint") == "main" and run.data.params.get("column") == COLUMN)


def compared(repository: Any, old: Any, new: Any, difference: Any) -> str:
    """Task 4: one project at two commits, and what that changed.

    Recomputed: the errors of both guesses, and their difference.
    Cross-examined: the commits of both runs against the repository, and that a project was run.
    Not checked: MLproject and other files of the repository, as they lie there now; a run takes those of its commit.
    """
    before, after = _own(old, "old"), _own(new, "new")
    commits = project_runs.two_commits(before, after)
    folder = mlproject.folder_of(repository)
    if str(folder) not in project_runs.sources_of(after):
        raise NotYetError("The runs are of another project.", "Run the repository of this task.")
    messages = _messages(folder)
    for what, commit, wanted, run, by in (
        ("old", commits[0], OLD_COMMIT, before, "mean"),
        ("new", commits[1], NEW_COMMIT, after, "median"),
    ):
        if messages.get(commit) != wanted:
            raise NotYetError(f"{what} executed the commit {shown(messages.get(commit))}.", f"Run {wanted!r}.")
        logged_runs.agree(run, {"error": recomputed.guessed(by)}, "Let guess.py log it, and add nothing by hand.")
    change = recomputed.guessed("median") - recomputed.guessed("mean")
    if not math.isclose(number(difference, "difference"), change, abs_tol=TWO_DIGITS):
        raise NotYetError(f"difference is {difference:.3g}.", "Subtract the error of old from the error of new.")
    return f"The new commit changes the error by {change:.2f}."


def _messages(folder: Path) -> dict[str, str]:
    """What each commit of the repository says."""
    command = ["git", "-C", str(folder), "log", "--format=%H %s", "main"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise NotYetError(
            f"{folder.name} is no Git repository with a branch main.", "Give the repository of this task."
        )
    return dict(line.split(" ", 1) for line in said.stdout.splitlines())


def resumed_workflow(first: Any, second: Any) -> str:
    """Task 5: three steps, of which the second time only two ran.

    Recomputed: the lines that both workflows have fitted, and their errors; the fingerprint of each step.
    Cross-examined: the steps of both workflows, which ran and which were used again, and what was changed.
    Not checked: the parameter file of select, whose flowers decide the errors; whether it is unfinished.
    """
    before, after = logged_runs.run_in(EXPERIMENT, first, "first"), logged_runs.run_in(EXPERIMENT, second, "second")
    steps = project_runs.reused(before, after)
    if set(steps) != {"select", "fit", "report"}:
        raise NotYetError(f"The steps are {', '.join(steps)}.", "Run select, fit and report.")
    if steps["select"].outcome == "ran":
        raise NotYetError("The second time select ran anew.", "Change nothing but the column.")
    for what, run, wanted in (("first", before, "petal_length"), ("second", after, COLUMN)):
        made = project_runs.steps(run, what)
        project_runs.handed_on(made, what, ("fit", "file", "select"), ("report", "line", "fit"))
        if changed := [name for name, step in made.items() if not project_runs.as_it_is(step.run)]:
            raise NotYetError(f"{changed[0]} of {what} ran with other files than lie there now.", "Run both again.")
        if (column := logged_runs.parameter(made["fit"].run, "column")) != wanted:
            raise NotYetError(f"The {what} time the column is {shown(column)}.", f"Use {wanted!r}.")
        _fitted(made["fit"].run, wanted)
    project_runs.one_change(before, after, "column")
    logged_runs.parameter(steps["select"].run, "rows", ROWS)
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
    "projects.9": (
        mended_cache,
        "Lesson 4.3: a step is reused when command, parameters, code and inputs are the same. Which of these is the "
        "content of the till's file? A run's tag step.count names the step that it used.",
        "A parameter of the type path counts by the content of its file, one of the type string by its text. For each "
        "day, compare the metric takings of its step with the sum of the till.csv of the day.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
