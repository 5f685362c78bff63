"""Checks of the assignment of part 4 that look at reruns and sweeps of notebooks: tasks 6 to 8."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import number, shown, text
from mlcourse.projects import recomputed, sweep_tables
from mlcourse.projects.executed import code_cells, executed
from mlworkbench.errors import NotebookError
from mlworkbench.notebooks.parameters import parameters
from mlworkbench.orphans import OUTCOME_TAG
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from nbformat import NotebookNode

EXPERIMENT = "exercises: projects"
PUT_IN = 3
"""Cells that papermill puts before a failing one: a banner, the parameters, a mark."""
THROWS, SIDES, SWEPT_THROWS = 500, 20, 1000
ASKED_SIDES = "6", "20", "12"
SENSORS = {"attic", "cellar", "garden", "kitchen"}


def given_parameters(notebook: Any, run: Any) -> str:
    """Task 6: a notebook with parameters, and a rerun of it in which they count.

    Recomputed: number, mean and highest of the throws.
    Cross-examined: the parameters of the notebook against those of the run, and how it ended; that other cells use
    them; the executed notebook, its cells, times and values, and the run that it has made.
    Not checked: what else stands in the cells of dice.ipynb; what comes out of them is. The words in its outcome.
    """
    cells = _listening(notebook)
    done = logged_runs.known_run(run, "run")
    rerun = sweep_tables.rerun_of(done, "dice.ipynb", "run")
    sweep_tables.passed(done, "Correct that cell of the notebook, and rerun it.")
    logged_runs.run_in(EXPERIMENT, done, "run")
    for name, value in (("throws", THROWS), ("sides", SIDES)):
        logged_runs.parameter(done, name, value)
    if [cell.source.strip() for cell in code_cells(rerun)] != [cell.source.strip() for cell in cells]:
        raise NotYetError("The rerun has executed other cells than the notebook has now.", "Rerun it once more.")
    for name, value in (("count", THROWS), ("highest", SIDES)):
        if (got := logged_runs.metric(done, name)) != value:
            raise NotYetError(
                f"The notebook was given throws={THROWS} and sides={SIDES}, and its metric {name} is {got:.6g}.",
                "Use the parameters in the cells below, in place of the numbers.",
            )
    logged_runs.agree(
        done, recomputed.thrown(THROWS, SIDES), "Leave the seed, and what the cells do with it, as it is."
    )
    return f"{THROWS} throws of a die with {SIDES} sides, by the notebook that used to know one die."


def _listening(notebook: Any) -> list[NotebookNode]:
    """The code cells of a notebook with the parameters of the task, which other cells use."""
    import nbformat

    try:
        known = {parameter.name: parameter for parameter in parameters(notebook)}
    except NotebookError as error:
        raise NotYetError(f"{error.found[0].upper()}{error.found[1:]}", error.do) from error
    for name, default in (("throws", 20), ("sides", 6)):
        if name not in known:
            raise NotYetError(
                f"The notebook has the parameters: {', '.join(known) or 'none'}.",
                f"A cell with the tag `parameters` needs a line `{name} = {default}`.",
            )
        if known[name].default != default:
            raise NotYetError(f"The default of {name} is {shown(known[name].default)}.", f"Make it {default}.")
    cells = code_cells(nbformat.read(notebook, as_version=4))
    _use(cells, "throws", "sides")
    return cells


def _use(cells: list[NotebookNode], *names: str) -> None:
    """A cell below that with the parameters uses each of them."""
    below = "\n".join(cell.source for cell in cells if "parameters" not in cell.metadata.get("tags", []))
    for name in names:
        if not re.search(rf"(?m)^[^#\n]*\b{name}\b(?!\s*=[^=])", below):
            raise NotYetError(f"No other cell uses the parameter {name}.", "Put it there in place of the number.")


def grown(first: Any, second: Any) -> str:
    """Task 7: a sweep that was continued with one more value.

    Recomputed: number, mean and highest of the throws of each point.
    Cross-examined: the points, outcomes, metrics and runs of both tables, and the executed notebook of each; in the
    second table, reused of those that were there.
    Not checked: seconds, which nobody can measure again; reused of other points; throws in the tables, which the runs
    know; whether one call has run a table (mlflow.parentRunId).
    """
    runs = [
        sweep_tables.points(table, "dice.ipynb", "sides", fewest=fewest, what=what)
        for table, fewest, what in ((first, 2, "first"), (second, 3, "second"))
    ]
    _here(runs[0] + runs[1])
    _with_sides(first, "first", ASKED_SIDES[:-1])
    _with_sides(second, "second", ASKED_SIDES)
    for run in (*runs[0], *runs[1]):
        sweep_tables.passed(run)
        logged_runs.parameter(run, "throws", SWEPT_THROWS)
        if not (sides := logged_runs.parameter(run, "sides")).isdigit() or int(sides) < 1:
            raise NotYetError(f"A point has sides={shown(sides)}.", "Sweep whole numbers of sides.")
        do = "Leave the notebook as it is after task 6."
        logged_runs.agree(run, recomputed.thrown(SWEPT_THROWS, int(sides)), do)
    before, after = ({run.info.run_id for run in each} for each in runs)
    if lost := before - after:
        raise NotYetError(
            f"{len(lost)} of the {len(before)} points of first are not in second.",
            "Call wb.sweep with the whole grid again and one value more; leave the notebook as it is.",
        )
    if not second.loc[second["run_id"].isin(before), "reused"].astype(bool).all():
        raise NotYetError(
            "second says of a point of first that it ran anew.", "Call wb.sweep twice, and give what each call returns."
        )
    if before == after:
        raise NotYetError("Both tables have the same points.", "Begin with 6 and 20, and add 12 the second time.")
    return f"All {len(before)} points of first are in second, and {len(after - before)} more."


def _here(runs: list[Run]) -> None:
    """The points are of this assignment, and of today: earlier ones have left its experiment."""
    for place in {run.info.experiment_id for run in runs}:
        if (found := logged_runs.client().get_experiment(place).name) != EXPERIMENT:
            raise NotYetError(f"The run is in the experiment {shown(found)}.", "Sweep in the notebook of the tasks.")


def _with_sides(table: Any, what: str, wanted: tuple[str, ...]) -> None:
    """The table has the sides of the task; others may be there too."""
    if missing := [sides for sides in wanted if sides not in set(table["sides"].astype(str))]:
        raise NotYetError(f"{what} has no point with {missing[0]} sides.", f"Sweep {', '.join(wanted)}.")


def diagnosed(table: Any, run_id: Any, cell: Any, error: Any) -> str:
    """Task 8: which point of a sweep failed, in which cell, and why.

    Cross-examined: points, outcomes and runs of the table; the run that failed, its sensor, cell and error, and the
    error in its executed notebook.
    Not checked: seconds, which nobody can measure again, and reused; whether one call has run it (mlflow.parentRunId).
    """
    runs = sweep_tables.points(table, "readings.ipynb", "sensor", fewest=4)
    if busy := [run for run in runs if run.info.status not in ("FINISHED", "FAILED")]:
        raise NotYetError(f"A point has the status {busy[0].info.status}.", "Let the sweep come to its end.")
    _here(runs)
    if others := sorted(SENSORS ^ {logged_runs.parameter(run, "sensor") for run in runs}):
        raise NotYetError(f"Not one of the four sensors, or missing: {shown(others[0])}.", "Sweep those of the task.")
    failed = {run.info.run_id: run.data.tags.get(OUTCOME_TAG, "") for run in runs if run.info.status == "FAILED"}
    if len(failed) > 1:
        raise NotYetError(f"{len(failed)} points failed.", "Sweep the notebook as it is: one sensor has given trouble.")
    mine = logged_runs.known_run(run_id).info.run_id
    if mine not in failed:
        raise NotYetError("That run is no point that failed.", "Look for it in the column outcome.")
    if not (told := re.search(r"in cell (\d+): (\w+)", failed[mine])):
        raise NotYetError(f"Of that run the store says {shown(failed[mine])}.", "Sweep the notebook as it is.")
    where, why = told.groups()
    rerun = executed(logged_runs.known_run(mine), "readings.ipynb")
    if why not in (output.get("ename") for cell in code_cells(rerun) for output in cell.outputs):
        raise NotYetError(f"The store says {why} of that run, its executed notebook does not.", "Sweep it again.")
    if number(cell, "cell") in (int(where) + 1, int(where) + PUT_IN):
        raise NotYetError(
            f"Cell {cell} of the executed copy, perhaps: papermill has put cells into it.",
            "Count in the notebook as it was written; the column outcome does.",
        )
    if number(cell, "cell") != int(where):
        raise NotYetError(f"It did not fail in cell {cell}.", "Count every cell from 1, also those with text.")
    if text(error, "error") != why:
        raise NotYetError(f"The error is not {shown(error)}.", "Give the name in front of the colon, as a text.")
    sensor = logged_runs.parameter(logged_runs.known_run(run_id), "sensor")
    return f"The sensor {shown(sensor)} fails in cell {where}: {why}."
