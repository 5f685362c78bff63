"""Long metric histories, written quickly and whole."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, explained, shown
from mlworkbench.garbage import no_garbage_collection
from mlworkbench.mlflow_internals import check_metric_name
from mlworkbench.store_watch import using_store

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Metric

BATCH = 1000
"""The most metrics that MLflow takes in one call of ``log_batch``."""
_STEPS = 2**63  # what databases keep


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
        The step of each value, each once; 0 to n - 1 when left out.
    run_id : str, optional
        The run; the active one when left out.

    Raises
    ------
    WorkbenchError
        When there is no run, the lengths differ, or a name, value or step is none. Nothing is logged then.

    References
    ----------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.client.html#mlflow.client.MlflowClient.log_batch

    Examples
    --------
    >>> with mlflow.start_run():
    ...     wb.log_history({"loss": [0.9, 0.5, 0.4]})
    """
    import mlflow

    run_id = _active_run_id() if run_id is None else run_id
    points = _points(metrics, step)
    asked = explained(f"metrics for the run {shown(run_id)}", "Correct what the brackets name.")
    with using_store(), asked, no_garbage_collection():
        client = mlflow.MlflowClient()
        for begin in range(0, len(points), BATCH):
            client.log_batch(run_id, metrics=points[begin : begin + BATCH])


def _points(metrics: Mapping[str, Sequence[float]] | pd.DataFrame, step: Sequence[int] | None) -> list[Metric]:
    """Every point, the last step first: each later one would replace MLflow's "latest value" once more."""
    from mlflow.entities import Metric

    columns = _columns(metrics)
    steps, now = _steps(columns, step), int(time.time() * 1000)
    points = [
        Metric(name, value, now, at)
        for name, values in columns.items()
        for value, at in zip(values, steps, strict=True)
    ]
    return points[::-1]


def _active_run_id() -> str:
    import mlflow

    run = mlflow.active_run()
    if run is None:
        raise WorkbenchError(
            "no active run.", "a run to log to.", "Call it inside `with mlflow.start_run():`, or give run_id."
        )
    return str(run.info.run_id)


def _columns(metrics: Mapping[str, Sequence[float]] | pd.DataFrame) -> dict[str, list[float]]:
    """The values by name, each name one that MLflow takes and each value a number."""
    if not hasattr(metrics, "items"):
        do = 'Write, say, wb.log_history({"loss": [0.5, 0.4]}).'
        raise WorkbenchError(f"metrics that are a {type(metrics).__name__}.", "values by the name of the metric.", do)
    columns = {}
    for name, values in metrics.items():
        text: Any = str(name) if isinstance(name, Integral) else name
        with explained(f"the metric name {shown(name)}", "Use letters, digits, '_', '-', '.', ':', '/' and blanks."):
            check_metric_name(text)
        columns[text] = [_number(name, value) for value in _several(values)]
    return columns


def _steps(columns: dict[str, list[float]], step: Sequence[int] | None) -> list[int]:
    lengths = {name: len(values) for name, values in columns.items()}
    steps = list(range(max(lengths.values(), default=0))) if step is None else [_step(at) for at in _several(step)]
    if any(length != len(steps) for length in lengths.values()):
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise WorkbenchError(
            f"histories of different lengths: {told}; steps {len(steps)}.",
            "one value of each metric for each step.",
            "Cut them to the same length, or log them in two calls.",
        )
    at, times = Counter(steps).most_common(1)[0] if steps else (0, 1)
    if times > 1:
        raise WorkbenchError(
            f"the step {at} {times} times.", "each step once.", "Number the values anew, or leave step out."
        )
    return steps


def _several(values: Any) -> Iterable[Any]:
    return values if isinstance(values, Iterable) else [values]


def _number(name: object, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise WorkbenchError(
            f"{shown(value, 50)} in the history of {shown(name)}.",
            "numbers (NaN and infinity count).",
            "Convert or drop it.",
        ) from error


def _step(value: Any) -> int:
    try:
        if (whole := int(value)) == value and abs(whole) < _STEPS:
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise WorkbenchError(f"the step {shown(value, 50)}.", "whole numbers below 2**63.", "Number the values 0, 1, 2, …")
