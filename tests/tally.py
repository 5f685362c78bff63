"""What the tests of the checks have tried, told in one line at the end of all tests."""

from __future__ import annotations

from collections import Counter
from typing import Any

RIGHT, WRONG, NOTICED, NAMED = "right", "wrong", "noticed", "named"
TRIED = "tried"
"""Under this name a test's report holds a list of pairs: a task, and one of the four."""


def told(reports: list[Any]) -> str:
    """The line about the reports of all tests; empty when none of them has tried a check."""
    kept = [pairs for report in reports for name, pairs in report.user_properties if name == TRIED]
    tried = [tuple(pair) for pairs in kept for pair in pairs]
    count = Counter(kind for _, kind in tried)
    line = (
        f"checks: {len({task for task, _ in tried})} tasks, {count[RIGHT]} right answers accepted, "
        f"{count[WRONG]} wrong ones refused, {count[NOTICED]} mutants noticed, {count[NAMED]} named as not checked"
    )
    return line if tried else ""
