"""What runs recorded, as tidy tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, explained, find_run, is_among, shown, unknown_name
from mlworkbench.garbage import no_garbage_collection
from mlworkbench.mlflow_internals import active_experiment_id
from mlworkbench.store_watch import using_store

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

_MOST = 10**9  # runs that MLflow looks for
_PAGE = 10_000  # runs that MLflow is asked for at once
_INFO = ("run_id", "experiment_id", "status", "start_time", "end_time")
_MISSING: dict[str, Any] = {"params": None, "metrics": float("nan"), "tags": None}
_GRAMMAR = "Write it as https://mlflow.org/docs/latest/ml/search/search-runs/ tells."
_CONTEXT = {
    "run_id": "run_id",
    "tags.mlflow.runName": "name",
    "experiment": "experiment",
    "status": "status",
    "start_time": "started",
    "seconds": "seconds",
    "tags.mlworkbench.lesson": "lesson",
    "tags.mlworkbench.notebook": "notebook",
}


def runs_table(
    experiments: str | Sequence[str] | None = None,
    filter_string: str = "",
    order_by: str | Sequence[str] | None = None,
    max_results: int | None = None,
) -> pd.DataFrame:
    """Read runs into one tidy table.

    Parameters
    ----------
    experiments : str or sequence of str, optional
        Names of experiments; the active one when left out.
    filter_string, order_by
        As `mlflow.search_runs` takes them.
    max_results : int, optional
        The most rows; every run when left out, however many there are.

    Returns
    -------
    pandas.DataFrame
        A row a run: ``run_id``, ``name``, ``experiment``, ``status``, ``started`` (UTC), ``seconds`` (NaN while it
        runs), ``lesson``, ``notebook``, then parameters (text), metrics (float) and tags under their own names, with
        the prefix ``params.``, ``metrics.`` or ``tags.`` only where two of them share a name.

    Raises
    ------
    WorkbenchError
        For an experiment that does not exist (MLflow alone ignores it), and for what MLflow cannot search for.

    References
    ----------
    https://mlflow.org/docs/latest/ml/search/search-runs/

    Examples
    --------
    >>> wb.runs_table("wine", "metrics.accuracy > 0.8").name.tolist()
    ['depth 3', 'depth 2']
    """
    return _tidy(_search(experiments, filter_string, order_by, max_results))


def _search(
    experiments: str | Sequence[str] | None,
    filter_string: str,
    order_by: str | Sequence[str] | None = None,
    max_results: int | None = None,
) -> pd.DataFrame:
    """Runs as MLflow gives them, with the names of their experiments and their seconds."""
    import mlflow
    import pandas as pd

    if max_results is not None and (
        type(max_results) is bool or not isinstance(max_results, Integral) or max_results < 1
    ):
        raise WorkbenchError(f"max_results={shown(max_results)}.", "a number from 1.", "Leave it out to get every run.")
    asked = f"a search with filter_string={shown(filter_string)}, order_by={shown(order_by)}"
    with using_store(writes=False):
        names = _experiment_names(experiments)
        with explained(asked, _GRAMMAR):
            ids = [active_experiment_id()] if names is None else list(names)
            order = [order_by] if isinstance(order_by, str) else list(order_by or [])
            found = _columns(_pages(ids, filter_string, order, min(max_results or _MOST, _MOST)))
        if names is None:
            names = {number: mlflow.get_experiment(number).name for number in found["experiment_id"].unique()}
    found["experiment"] = found["experiment_id"].map(names)
    for name in ("start_time", "end_time"):
        found[name] = pd.to_datetime(found[name], unit="ms", utc=True, errors="coerce")  # a clock may be wrong
    found["seconds"] = (found["end_time"] - found["start_time"]).dt.total_seconds()
    return found


def _pages(ids: list[str], filter_string: str, order_by: list[str], most: int) -> Iterator[Run]:
    """Runs, asked for page by page, so that MLflow's many objects for each are there for one page alone."""
    import mlflow

    client, token = mlflow.MlflowClient(), None
    while ids and most:
        with no_garbage_collection():
            page = client.search_runs(
                ids, filter_string, max_results=min(most, _PAGE), order_by=order_by, page_token=token
            )
        yield from page
        most, token = most - len(page), page.token
        if not token:
            return


def _columns(runs: Iterable[Run]) -> pd.DataFrame:
    """A table with the names of the columns that `mlflow.search_runs` gives, made column by column."""
    import pandas as pd

    infos: dict[str, list[Any]] = {name: [] for name in _INFO}
    values: dict[str, dict[int, Any]] = defaultdict(dict)  # by column and row
    for row, run in enumerate(runs):
        for name, column in infos.items():
            column.append(getattr(run.info, name))
        for kind in _MISSING:
            for name, value in getattr(run.data, kind).items():
                values[f"{kind}.{name}"][row] = value
    rows = range(len(infos["run_id"]))
    found = {
        name: [column.get(row, _MISSING[name.partition(".")[0]]) for row in rows] for name, column in values.items()
    }
    return pd.DataFrame(infos | found)


def _experiment_names(experiments: str | Sequence[str] | None) -> dict[str, str] | None:
    """Names by id of the experiments asked for; None for the active one."""
    import mlflow

    if experiments is None:
        return None
    one = isinstance(experiments, str) or not isinstance(experiments, Iterable)
    wanted: list[Any] = [experiments] if one else list(experiments)
    every = {e.name: e.experiment_id for e in mlflow.search_experiments()}
    for name in wanted:
        if not is_among(name, every):
            raise unknown_name("experiment", name, every)
    return {every[name]: name for name in wanted}


def _tidy(found: pd.DataFrame) -> pd.DataFrame:
    """Bring the columns into order, without prefixes where that is unambiguous, and without MLflow's own tags."""
    own = [c for c in found.columns if c.startswith(("params.", "metrics.", "tags.")) and c not in _CONTEXT]
    own = [c for c in own if not c.startswith(("tags.mlflow.", "tags.mlworkbench."))]
    short = [column.split(".", 1)[1] for column in own]
    taken = list(_CONTEXT.values()) + short
    names = {column: name if taken.count(name) == 1 else column for column, name in zip(own, short, strict=True)}
    order = sorted(own, key=lambda c: (["params", "metrics", "tags"].index(c.split(".")[0]), c))
    return found.reindex(columns=[*_CONTEXT, *order]).rename(columns={**_CONTEXT, **names})


def best_run(
    metric: str,
    *,
    lower_is_better: bool,
    experiments: str | Sequence[str] | None = None,
    filter_string: str = "",
) -> Run:
    """Find the finished run with the best value of a metric.

    Parameters
    ----------
    metric : str
        Name of the metric; its last value counts. NaN never wins.
    lower_is_better : bool
        True for errors and losses, False for scores. There is no default: guessing would be wrong half of the time.
    experiments, filter_string
        As in `runs_table`.

    Raises
    ------
    WorkbenchError
        When no finished run has the metric, with the names of those that are there.
    """
    import numpy as np

    if not isinstance(lower_is_better, bool | np.bool_):
        do = "Say True for errors and losses, False for scores."
        raise WorkbenchError(f"lower_is_better={shown(lower_is_better)}.", "True or False.", do)
    found, column = _search(experiments, filter_string), f"metrics.{metric}" if isinstance(metric, str) else None
    rows = found[found["status"] == "FINISHED"].dropna(subset=[column]) if column in found else found.iloc[:0]
    if rows.empty:
        there = sorted(name.removeprefix("metrics.") for name in map(str, found) if name.startswith("metrics."))
        raise WorkbenchError(
            f"no finished run with the metric {shown(metric)} among {len(found)} run(s).",
            f"at least one; the metrics there are: {', '.join(there) or 'none'}.",
            "Correct the name, or name the experiments to look in.",
        )
    best = rows[column].argmin() if lower_is_better else rows[column].argmax()
    return find_run(rows["run_id"].iloc[best])
