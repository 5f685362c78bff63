"""docs/teaching.md: the plans name lessons that exist, and their minutes are those of the lessons."""

from __future__ import annotations

import re

import pytest

from mlcourse.lessons import lessons
from mlworkbench.notebooks.notebook_file import read_notebook
from tests.paths import ROOT

TWO_DAYS, EIGHT_WEEKS = (
    re.findall(r"^\| [^|]+ \| ([\d., ]+) \| (\d+) \|", table, re.MULTILINE)
    for table in (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8").split("**Eight weeks**")
)


def minutes() -> dict[str, int]:
    """What stands under the title of each lesson."""
    texts = {lesson.id: read_notebook(lesson.path).cells[0].source for lesson in lessons(root=ROOT)}
    return {name: int(re.search(r"(\d+) minutes", text)[1]) for name, text in texts.items()}


@pytest.mark.parametrize(("named", "sum_of_minutes"), TWO_DAYS + EIGHT_WEEKS)
def test_the_minutes_of_a_plan_are_those_of_its_lessons(named: str, sum_of_minutes: str) -> None:
    known = minutes()
    assert sum(known[name] for name in named.split(", ")) == int(sum_of_minutes)


def test_eight_weeks_have_every_lesson_of_parts_0_to_5_once() -> None:
    planned = [name for named, _ in EIGHT_WEEKS for name in named.split(", ")]
    assert planned == [lesson.id for lesson in lessons(root=ROOT) if lesson.id[0] in "012345"]
