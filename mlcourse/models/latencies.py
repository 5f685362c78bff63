"""What checks look at in latencies."""

from __future__ import annotations

from typing import Any

from mlworkbench.serving.latency import Latency
from mlworkbench.tasks import NotYetError


def enough(answer: Any, fewest: int) -> Latency:
    """A latency of enough requests with one row each."""
    if not isinstance(answer, Latency):
        raise NotYetError(f"latency is of type {type(answer).__name__}.", "Give what `endpoint.latency(…)` returns.")
    if answer.rows != 1:
        raise NotYetError(f"Each request had {answer.rows} rows.", "Send one row: X_test.head(1).")
    if len(answer.milliseconds) < fewest:
        raise NotYetError(f"{len(answer.milliseconds)} requests were timed.", f"Time at least {fewest}.")
    return answer
