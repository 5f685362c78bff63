"""What the README and the docs name exists."""

from __future__ import annotations

import re

import pytest

from mlcourse.lessons import Lesson, lessons
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("lesson", lessons(root=ROOT), ids=lambda lesson: lesson.id)
def test_every_lesson_is_on_the_map(lesson: Lesson) -> None:
    link = lesson.path.relative_to(ROOT).as_posix()
    assert re.search(rf"(?m)^\| {re.escape(lesson.id)} \| \[.+\]\({link}\)", README)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / page).read_text())
    assert not [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]


def test_every_make_target_that_is_named_exists() -> None:
    targets = re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text())
    named = set(re.findall(r"`make ([a-z]+)|(?m:^make ([a-z]+))", README + ARCHITECTURE))
    assert {name for pair in named for name in pair if name} <= set(targets)


def test_links_between_lessons_lead_somewhere() -> None:
    for lesson in lessons(root=ROOT):
        text = lesson.path.read_text()
        for link in re.findall(r"\]\(([\w./]+\.ipynb)\)", text):
            assert (lesson.path.parent / link).exists(), f"{lesson.id}: {link}"
