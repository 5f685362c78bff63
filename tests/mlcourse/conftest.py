"""The store in which the answers to an assignment are tried, and a clone for those who use the course."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlworkbench as wb
from mlcourse.exercises import assignments
from mlcourse.grading.answers import in_data
from mlcourse.plain import from_data
from mlworkbench.tasks import Feedback, check
from tests import tally
from tests.paths import ROOT

ASSIGNMENTS = assignments(ROOT)


@pytest.fixture(autouse=True)
def tried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """What the checks say in a test is counted in its report, to be told at the end."""
    found: list[tuple[str, str]] = []

    def counted(task: str, **answers: Any) -> Feedback:
        feedback = check(task, **answers)
        if feedback and feedback.task.partition(".")[0] in ASSIGNMENTS:  # graded, it gets the answers as data
            handed_over = json.loads(json.dumps(in_data(answers)))
            again = check(task, **{name: from_data(value) for name, value in handed_over.items()})
            assert again, again
        found.append((feedback.task, tally.RIGHT if feedback else tally.WRONG))
        return feedback

    monkeypatch.setattr(wb, "check", counted)
    yield found
    request.node.user_properties.append((tally.TRIED, found))


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """One store for the answers of a part, as long as this process lives, as the answers that it has given are kept."""
    return cache(lambda part: tmp_path_factory.mktemp(part) / ".mlworkbench")


@pytest.fixture
def session(request: pytest.FixtureRequest, stores: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the part to which a module's tests belong; they only add to it."""
    part = request.module.__name__.split(".")[-2]
    monkeypatch.setenv("MLWORKBENCH_HOME", str(stores(part)))
    wb.start(f"exercises: {part}")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the workbook's notebooks, in which the user stands."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
