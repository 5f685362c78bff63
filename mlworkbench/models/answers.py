"""What models answer: asked for without stopping at an error, and compared in whatever form it comes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlworkbench.models.job import Job


class Answer:
    """What a model says to the example of a job: ``value``, or the ``error`` that it raised."""

    def __init__(self, job: Job, ask: Callable[..., Any]) -> None:
        self.value: Any = None
        self.error: Any = None
        try:
            self.value = ask(copy.deepcopy(job.example), **job.params)
        except Exception as error:
            self.error = error

    def is_like(self, other: Any) -> bool:
        """Whether both answered, and the same."""
        return not (self.error or other.error) and same(self.value, other.value)


def same(one: Any, other: Any) -> bool:
    """Whether two answers are equal, in whatever form; gaps are equal to gaps, and rounding is forgiven."""
    import numpy as np
    import pandas as pd

    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if all(isinstance(each, list | tuple) and any(hasattr(part, "ndim") for part in each) for each in (one, other)):
        return len(one) == len(other) and all(map(same, one, other))  # an array for each output of a network
    left, right = _flat(one), _flat(other)
    if len(left) != len(right):
        return False
    try:
        if not any(isinstance(value, str) for value in (*left, *right)):
            return bool(np.allclose(left.astype(float), right.astype(float), rtol=1e-5, equal_nan=True))
    except (TypeError, ValueError):
        pass
    return bool(pd.Series(left, dtype=object).equals(pd.Series(right, dtype=object)))


def _flat(answer: Any) -> Any:
    import numpy as np

    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer, dtype=object).ravel()
