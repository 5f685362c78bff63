"""Paired measurements: the plain way and ours in turn, in one run, and the ratio of their medians.

Each figure is printed and, under ``make bench``, noted for docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

NOTES_VARIABLE = "BENCHMARK_NOTES"
"""Environment variable with the file to which figures are noted, a JSON object a line."""

MOST_LOAD, LEAST_CORES = 1.5, 2


def sized(full: int, few: int) -> int:
    """How many of something: what the claim is about, or with ``--few`` on the command line, a try of seconds."""
    return few if "--few" in sys.argv else full


def busy_cores(seconds: float = 3) -> float:
    """How many cores work just now, which unlike the load forgets at once what the last benchmark did."""
    return psutil.cpu_percent(seconds) / 100 * (os.cpu_count() or 1)


def require_quiet() -> None:
    """End the process with a sentence where nothing can be measured: on one core, or on a machine that is busy."""
    cores = os.cpu_count() or 1
    load = busy_cores() if NOTES_VARIABLE in os.environ else os.getloadavg()[0]
    if cores < LEAST_CORES:
        sys.exit(f"Found: {cores} core. Expected: at least {LEAST_CORES}. Do this: measure on another machine.")
    if load > MOST_LOAD:
        sys.exit(
            f"Found: a load of {load:.1f}. Expected: at most {MOST_LOAD}. Do this: measure when nothing else runs."
        )


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def note(work: str, figure: str, *, wanted: str = "", reached: bool = True, spread: str = "", repeats: int = 1) -> bool:
    """Print a figure beside what is wanted, note both, and return whether it is reached."""
    verdict = f"   wanted: {wanted}, {'reached' if reached else 'MISSED'}" if wanted else ""
    print(f"{work:<52} {figure}{verdict}   (median of {repeats})", flush=True)
    if notes := os.environ.get(NOTES_VARIABLE):
        row = {"work": work, "figure": figure, "wanted": wanted, "reached": reached}
        with Path(notes).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"spread": spread, "repeats": repeats}) + "\n")
    return reached


def compare(
    what: str, plain: Callable[[], object], ours: Callable[[], object], repeats: int = 5, *, least: float | None = None
) -> bool:
    """Measure both in turn and note how many times faster ours is; whether that is at least what is wanted."""
    return compare_each(plain, {what: (ours, least)}, repeats)


def compare_each(
    plain: Callable[[], object], ways: dict[str, tuple[Callable[[], object], float | None]], repeats: int = 5
) -> bool:
    """The same for several ways of ours, each with what is wanted of it, against one measurement of the plain way."""
    rounds = [[seconds(plain), *(seconds(ours) for ours, _ in ways.values())] for _ in range(repeats)]
    base, *columns = zip(*rounds, strict=True)
    reached = [
        _note_ratio(what, base, column, least) for (what, (_, least)), column in zip(ways.items(), columns, strict=True)
    ]
    return all(reached)


def _note_ratio(what: str, plain: Sequence[float], ours: Sequence[float], least: float | None) -> bool:
    """Note how many times faster ours was, pair by pair."""
    ratios = sorted(a / b for a, b in zip(plain, ours, strict=True))
    ratio = statistics.median(ratios)
    return note(
        what,
        f"{statistics.median(plain):.3g} s plain, {statistics.median(ours):.3g} s ours, {ratio:.3g} times faster",
        wanted=f"{least:.3g} times" if least else "",
        reached=least is None or ratio >= least,
        spread=f"{ratios[0]:.3g} to {ratios[-1]:.3g}",
        repeats=len(ratios),
    )
