"""Each task of a lesson has its worked solution; `test_execution` runs it behind the lesson, and its check passes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from mlcourse.lessons import Lesson, lessons
from mlcourse.solutions import worked
from mlcourse.tasks import TASKS
from tests.lessons.solved import exercises
from tests.paths import ROOT

LESSONS = lessons(root=ROOT)
FILES = sorted((ROOT / "solutions" / "lessons").iterdir())

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)


def test_tasks_of_lessons_and_solutions_are_the_same() -> None:
    notebooks = [nbformat.read(lesson.path, as_version=4) for lesson in LESSONS]
    asked = sorted(task for notebook in notebooks for task in exercises(notebook))
    assert asked == sorted(task for task in TASKS if not task[0].islower()) == sorted(path.stem for path in FILES)
    assert {path.suffix for path in FILES} == {".py"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_solution_is_code_to_read_and_two_sentences_why(file: Path) -> None:
    code, why = worked(file.stem)
    assert ast.get_docstring(ast.parse(file.read_text())).split() == why.split()  # type: ignore[union-attr]
    assert len(re.findall(r"[.!?](?= [A-Z`]|$)", why)) == 2
    assert len([line for line in code.splitlines() if line]) <= 25


@each_lesson
def test_a_solution_fills_every_gap_of_the_exercise(lesson: Lesson) -> None:
    notebook = nbformat.read(lesson.path, as_version=4)
    for task, place in exercises(notebook).items():
        gaps = set(re.findall(r"(?m)^(\w+) = \.\.\.$", notebook.cells[place].source))
        made = {
            node.id for node in ast.walk(ast.parse(worked(task)[0])) if isinstance(node, ast.Name) and is_made(node)
        }
        assert gaps
        assert gaps <= made


def is_made(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


@each_lesson
def test_a_lesson_leads_to_its_solution_where_it_speaks_of_hints(lesson: Lesson) -> None:
    notebook = nbformat.read(lesson.path, as_version=4)
    for task, place in exercises(notebook).items():
        assert f'`wb.solution("{task}")`' in notebook.cells[place + 2].source.splitlines()[0]
