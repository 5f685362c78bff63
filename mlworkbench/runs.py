"""What runs recorded, as tidy tables; long metric histories written quickly."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

BATCH = 1000
"""The most metrics that MLflow takes in one call of ``log_batch``."""

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
    order_by: Sequence[str] | None = None,
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
        For an experiment that does not exist (MLflow alone ignores it), with the nearest name.
    mlflow.MlflowException
        For a filter that MLflow cannot read.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/search/search-runs/
    """
    import mlflow
    import pandas as pd

    names = _experiment_names(experiments)
    found = mlflow.search_runs(
        experiment_ids=None if names is None else list(names),
        filter_string=filter_string,
        order_by=list(order_by or []),
        max_results=max_results or 10**9,
    )
    if names is None:
        names = {number: mlflow.get_experiment(number).name for number in found["experiment_id"].unique()}
    found["experiment"] = found["experiment_id"].map(names)
    ended, started = (pd.to_datetime(found[name], utc=True) for name in ("end_time", "start_time"))
    found["seconds"] = (ended - started).dt.total_seconds()
    return _tidy(found)


def _experiment_names(experiments: str | Sequence[str] | None) -> dict[str, str] | None:
    """Names by id of the experiments asked for; None for the active one."""
    import mlflow

    if experiments is None:
        return None
    every = {e.name: e.experiment_id for e in mlflow.search_experiments()}
    wanted = [experiments] if isinstance(experiments, str) else list(experiments)
    for name in wanted:
        if name not in every:
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

    Returns
    -------
    mlflow.entities.Run

    Raises
    ------
    WorkbenchError
        When no finished run has the metric, with the names of those that are there.
    """
    import mlflow

    table = runs_table(experiments, filter_string)
    column = next((name for name in (f"metrics.{metric}", metric) if name in table), None)
    usable = table[table["status"] == "FINISHED"].dropna(subset=[column]) if column else table.iloc[:0]
    if column is None or usable.empty:
        run_ids = table["run_id"].tolist()
        there = sorted({name for run_id in run_ids[:50] for name in mlflow.get_run(run_id).data.metrics})
        raise WorkbenchError(
            f"no finished run with the metric {metric!r} among {len(table)} run(s).",
            f"at least one; the metrics there are: {', '.join(there) or 'none'}.",
            "Correct the name, or name the experiments to look in.",
        )
    values = usable[column]
    best = values.argmin() if lower_is_better else values.argmax()
    return mlflow.get_run(usable["run_id"].iloc[best])


def log_history(
    metrics: Mapping[str, Sequence[float]] | pd.DataFrame,
    step: Sequence[int] | None = None,
    *,
    run_id: str | None = None,
) -> None:
    """Log whole histories of metrics at once, in batches instead of point by point.

    Parameters
    ----------
    metrics : mapping of str to sequence of float, or DataFrame
        Values by the name of the metric; all of one length, n.
    step : sequence of int, length n, optional
        The step of each value; 0 to n - 1 when left out.
    run_id : str, optional
        The run; the active one when left out.

    Raises
    ------
    WorkbenchError
        When no run is active, the lengths differ, or a value is not a number.

    See Also
    --------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.client.html#mlflow.client.MlflowClient.log_batch
    """
    import mlflow
    from mlflow.entities import Metric

    run_id = run_id or _active_run_id()
    columns: dict[str, list[Any]] = {str(name): list(values) for name, values in metrics.items()}
    steps = _steps(columns, step)
    now = int(time.time() * 1000)
    points = [
        Metric(name, _number(name, value), now, int(at))
        for name, values in columns.items()
        for value, at in zip(values, steps, strict=True)
    ]
    client = mlflow.MlflowClient()
    points.reverse()  # the last step first: every later one would replace MLflow's "latest value" once more
    with _no_garbage_collection():
        for begin in range(0, len(points), BATCH):
            client.log_batch(run_id, metrics=points[begin : begin + BATCH])


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Put off looking for garbage: MLflow makes so many objects that this takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _active_run_id() -> str:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        raise WorkbenchError(
            "no active run.", "a run to log to.", "Call it inside `with mlflow.start_run():`, or give run_id."
        )
    return str(run.info.run_id)


def _steps(columns: dict[str, list[Any]], step: Sequence[int] | None) -> list[int]:
    lengths = {name: len(values) for name, values in columns.items()}
    wanted = next(iter(lengths.values()), 0) if step is None else len(step)
    if any(length != wanted for length in lengths.values()):
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise WorkbenchError(
            f"histories of different lengths: {told}; steps {wanted}.",
            "one value of each metric for each step.",
            "Cut them to the same length, or log them in two calls.",
        )
    return list(range(wanted)) if step is None else list(step)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise WorkbenchError(
            f"{value!r} in the history of {name!r}.", "numbers (NaN and infinity count).", "Convert or drop it."
        ) from error
