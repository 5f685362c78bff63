"""Every lesson keeps the cell contract, and every rule of it fires on a notebook that breaks it."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest

from mlcourse.lessons import Lesson, lessons
from tests.lessons.rules import EXEMPT_TAGS, RULES, code, tags
from tests.paths import ROOT

LESSONS = lessons(root=ROOT)
MOST_EXEMPT = 0.15


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_a_lesson_keeps_the_contract(lesson: Lesson) -> None:
    notebook = read(lesson.path)
    problems = [f"{rule.__name__}: {problem}" for rule in RULES for problem in rule(notebook)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_fires_on_a_broken_notebook(rule) -> None:
    broken = read(Path(__file__).with_name("broken") / "breaks_every_rule.ipynb")
    assert list(rule(broken))


def test_few_cells_are_exempt_from_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    every = [cell for lesson in LESSONS for cell in code(read(lesson.path))]
    exempt = [cell.metadata.reason for cell in every if tags(cell) & EXEMPT_TAGS]
    with capsys.disabled():
        sys.stdout.write("\n".join([f"\n{len(exempt)} of {len(every)} cells are exempt from comparison", *exempt, ""]))
    assert len(exempt) <= MOST_EXEMPT * len(every)


def test_notebooks_are_small() -> None:
    sizes = {lesson.id: lesson.path.stat().st_size for lesson in LESSONS}
    assert max(sizes.values()) <= 1_000_000, sizes
    assert sum(sizes.values()) <= 15_000_000
