"""What checks look at in reruns and sweeps of notebooks, each gap with a message."""

from __future__ import annotations

import itertools
import math
import numbers
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import same, shown
from mlcourse.projects.executed import executed
from mlworkbench.notebooks.point import POINT_TAG
from mlworkbench.notebooks.resume import PARENT_TAG
from mlworkbench.orphans import OUTCOME_TAG
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run
    from nbformat import NotebookNode

_MOST_POINTS = 1000


def rerun_of(run: Run, notebook: str, what: str) -> NotebookNode:
    """The run must be a rerun of this notebook; returns it as it was executed."""
    from mlworkbench.context import NOTEBOOK_TAG

    found = run.data.tags.get(NOTEBOOK_TAG)
    if POINT_TAG not in run.data.tags:
        raise NotYetError(f"{what} is no rerun of a notebook.", "Give what `wb.rerun` or `wb.sweep` returns.")
    if found != notebook:
        raise NotYetError(f"{what} is a rerun of {shown(found)}.", f"Rerun {notebook}.")
    return executed(run, notebook)


def points(table: Any, notebook: str, *names: str, fewest: int = 2, what: str = "The table") -> list[Run]:
    """The runs of a sweep's table, all combinations of its values, as the store has them and under a parent."""
    wanted = [*names, "outcome", "reused", "run_id"]
    if missing := [name for name in wanted if name not in getattr(table, "columns", ())]:
        raise NotYetError(
            f"{what} has no column {', '.join(missing)}.", "Give the table that `wb.sweep` returns, as it is."
        )
    if len(table) > _MOST_POINTS or not table.columns.is_unique:
        raise NotYetError(f"{what} has {len(table)} rows, or a column twice.", "Give it as `wb.sweep` returns it.")
    runs = [logged_runs.known_run(run_id, "run_id") for run_id in table["run_id"]]
    for run, row in zip(runs, table.to_dict("records"), strict=True):
        rerun_of(run, notebook, f"The point {_told(row, names)}")
        if any(run.data.params.get(name) != str(row[name]) for name in names):
            raise NotYetError(f"The store has other values for {_told(row, names)}.", "Give the table as it is.")
        _as_stored(run, row, what)
    _under_a_parent(runs, list(table["reused"]))
    _combined(table, names, fewest, what)
    return runs


def passed(run: Run, do: str = "Choose values that the notebook can take.") -> None:
    """The rerun must have passed."""
    if run.info.status != "FINISHED":
        outcome = run.data.tags.get(OUTCOME_TAG, run.info.status)
        raise NotYetError(f"The rerun {run.info.run_name} {outcome}.", do)


def _as_stored(run: Run, row: dict[Any, Any], what: str) -> None:
    """Outcome and metrics in a row are those of its run."""
    if row["outcome"] != (stored := run.data.tags.get(OUTCOME_TAG)):
        raise NotYetError(f"{what} says {shown(row['outcome'])} of a run that {stored}.", "Give the table as it is.")
    for name in set(row) & set(run.data.metrics):
        found, logged = row[name], float(run.data.metrics[name])
        if not isinstance(found, numbers.Real) or not (same(float(found), logged) or math.isnan(logged)):
            raise NotYetError(
                f"{what} has {name}={shown(found)} where the run {run.info.run_name} has {logged:.6g}.",
                "Give the table as it is.",
            )


def _under_a_parent(runs: list[Run], reused: list[bool]) -> None:
    """New points belong to a sweep; points that were there already may also have been made by a rerun."""
    parents = [run.data.tags.get(PARENT_TAG) for run in runs]
    new = {parent for parent, old in zip(parents, reused, strict=True) if not old}
    if not any(parents) or None in new:
        raise NotYetError("The points stand under no parent.", "Let `wb.sweep` run them, with a value that is new.")


def _combined(table: pd.DataFrame, names: tuple[str, ...], fewest: int, what: str) -> None:
    table = table[[*names]].astype(str)
    found = set(table.itertuples(index=False, name=None))
    for name in names:
        if (values := table[name].nunique()) < fewest:
            raise NotYetError(f"{what} has {values} value(s) of {name}.", f"Sweep at least {fewest}.")
    for point in itertools.product(*(table[name].unique() for name in names)):
        if point not in found:
            told = _told(dict(zip(names, point, strict=True)), names)
            raise NotYetError(f"The point {told} is missing.", "A dictionary of lists as the grid makes all of them.")


def _told(row: dict[Any, Any], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={row[name]}" for name in names)
