"""Paired measurements: the plain way and ours in turn, in one run, and the ratio of their medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def compare(what: str, plain: Callable[[], object], ours: Callable[[], object], repeats: int = 5) -> float:
    """Measure both in turn, print one line, and return how many times faster ours is."""
    pairs = [(seconds(plain), seconds(ours)) for _ in range(repeats)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(x / y for x, y in pairs)
    print(f"{what:<44} plain {a:8.3f} s   ours {b:8.3f} s   {ratio:7.1f} times faster   (median of {repeats})")
    return ratio
