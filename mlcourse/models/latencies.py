"""What checks look at in latencies."""

from __future__ import annotations

from typing import Any

from mlcourse.models import logged_models
from mlworkbench.serving.latency import Latency
from mlworkbench.tasks import NotYetError

_AS_IT_IS = "Give what `endpoint.latency(…)` returns, as it is."


def enough(answer: Any, fewest: int) -> Latency:
    """A latency of enough requests with one row each."""
    if not isinstance(answer, Latency):
        raise NotYetError(f"latency is of type {type(answer).__name__}.", "Give what `endpoint.latency(…)` returns.")
    if answer.rows != 1:
        raise NotYetError(f"Each request had {answer.rows} rows.", "Send one row: X_test.head(1).")
    times = logged_models.numbers(answer.milliseconds, "The milliseconds")
    if len(times) < fewest:
        raise NotYetError(f"{len(times)} requests were timed.", f"Time at least {fewest}.")
    if times.min() <= 0:
        raise NotYetError(f"A request took {times.min():g} ms.", _AS_IT_IS)
    if len(set(times)) == 1:
        raise NotYetError(f"All {len(times)} requests took {times[0]:g} ms: no clock says that.", _AS_IT_IS)
    return answer
