"""A right answer in which one thing is changed is refused, or the page of the checks names what is not looked at."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse.checks_page import known
from mlcourse.tasks import TASKS
from mlworkbench.tasks import check
from tests import tally
from tests.mlcourse.mutants import mutants

HERE = Path(__file__).parent
PARTS = {"0": "tracking", "1": "tracking", "2": "models", "3": "registry", "4": "projects", "5": "market"}
MOST = 40
"""Mutants of a task that are tried; where there are more, evenly chosen ones."""


def right_answers() -> dict[str, Callable[[], dict]]:
    """The first right answer to each task, from the tables called RIGHT of the tests of each part."""
    found: dict[str, Callable[[], dict]] = {}
    for file in sorted(HERE.glob("*/test_*.py")):
        table = getattr(importlib.import_module(f"tests.mlcourse.{file.parent.name}.{file.stem}"), "RIGHT", None)
        for row in table if isinstance(table, list) else ():
            if isinstance(row, tuple):  # a task and what makes its answers; other tables are of one task alone
                found.setdefault(*row)
    return {task: found[task] for task in TASKS if task in found}


def part_of(task: str) -> str:
    return PARTS.get(task[0], task.partition(".")[0])


def experiment_of(task: str) -> str:
    """Where the answers to a task are logged, unless they say where; all lessons of part 5 share an experiment."""
    return "5 stock market" if task.startswith("5.") else f"exercises: {part_of(task)}"


WRONG_KINDS = (
    None,
    math.nan,
    10**400,
    "\ud800",
    "9" * 5000,
    [],
    [[1], [2]],
    pd.NA,
    pd.DataFrame([[1, 2]], columns=["a"] * 2),
)
READY = ("tracking", "projects", "models", "registry", "market", "questions")
"""Parts whose checks are held to it."""

ANSWERS = {task: make for task, make in right_answers().items() if part_of(task) in READY}


def every_wrong_kind_gets_a_sentence(task: str, answers: dict) -> None:
    """One of them among right answers is told by the check itself."""
    for name in answers:
        for value in WRONG_KINDS:
            assert "The check stopped" not in check(task, **{**answers, name: value}).message, (name, value)


@pytest.mark.slow
@pytest.mark.parametrize("task", ANSWERS)
def test_what_is_changed_is_noticed_or_named_as_not_checked(
    task: str, stores: Callable[[str], Path], tried: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(stores(part_of(task))))
    wb.start(experiment_of(task))
    answers = ANSWERS[task]()
    assert wb.check(task, **answers)
    every_wrong_kind_gets_a_sentence(task, answers)
    excused = " ".join(known(task).get(kind, "") for kind in ("Plausible", "Not checked"))
    every = list(mutants(answers))
    unnoticed = []
    for mutant in every[:: -(-len(every) // MOST)]:
        with mutant.answers() as changed:
            feedback = check(task, **changed)
        assert "The check stopped" not in feedback.message, mutant.what
        noticed = not feedback
        if not noticed and not mutant.is_named(excused):
            unnoticed.append(mutant.what)
        tried.append((task, tally.NOTICED if noticed else tally.NAMED))
    assert not unnoticed
    assert wb.check(task, **answers), "what was changed is as it was"
