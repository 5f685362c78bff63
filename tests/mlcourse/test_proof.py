"""Each task is proven: by right answers of different style, and by wrong ones of different kind with their messages.

The tables RIGHT and WRONG of the parts' tests hold them, and those tests try them.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcourse.tasks import TASKS

HERE = Path(__file__).parent
FEWEST_RIGHT, FEWEST_WRONG = 3, 5
PROVEN = ("2.", "3.", "5.", "models.", "registry.", "projects.", "market.", "questions.")
"""The tasks whose tables are complete."""


def tables(name: str) -> Iterator[tuple[Any, ...]]:
    """The rows of all tables of this name; those without the names of tasks are of one task alone."""
    for file in sorted(HERE.glob("*/test_*.py")):
        table = getattr(importlib.import_module(f"tests.mlcourse.{file.parent.name}.{file.stem}"), name, None)
        rows = table if isinstance(table, list) else ()
        yield from (row for row in rows if isinstance(row, tuple) and isinstance(row[0], str))


@pytest.fixture(scope="module")
def proofs() -> tuple[dict[str, int], dict[str, set[str]]]:
    """How many right answers each task has, and the messages of its wrong ones."""
    right, wrong = defaultdict(int), defaultdict(set)
    for task, _ in tables("RIGHT"):
        right[task] += 1
    for task, _, says in tables("WRONG"):
        wrong[task].add(says)
    return right, wrong


@pytest.mark.parametrize("task", [task for task in TASKS if task.startswith(PROVEN)])
def test_each_task_has_right_answers_and_wrong_ones_with_messages_of_their_own(
    task: str, proofs: tuple[dict[str, int], dict[str, set[str]]]
) -> None:
    right, wrong = proofs
    assert right[task] >= FEWEST_RIGHT
    assert len(wrong[task]) >= FEWEST_WRONG
