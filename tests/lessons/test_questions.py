"""Each question that a lesson puts to its readers has a model answer and a rubric in `solutions/questions.md`."""

from __future__ import annotations

import re

import nbformat
import pytest

from mlcourse.lessons import lessons
from tests.lessons.rules import prose
from tests.paths import ROOT

PAGE = (ROOT / "solutions" / "questions.md").read_text()
SECTIONS = re.split(r"(?m)^## ", PAGE)[1:]


def test_questions_and_answers_are_the_same_word_for_word_and_in_order() -> None:
    asked = [
        (lesson.id, question)
        for lesson in lessons(root=ROOT)
        for question in re.findall(r"\*\*To discuss:\*\* (.+)", prose(nbformat.read(lesson.path, as_version=4)))
    ]
    assert asked == re.findall(r"(?m)^## (.+)\n\n> (.+)$", PAGE)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: " ".join(section.split()[:8]))
def test_an_answer_has_five_to_ten_sentences_and_a_rubric(section: str) -> None:
    _, question, answer, rubric = section.strip().split("\n\n")
    assert question.startswith("> ")
    assert 5 <= len(re.findall(r"[.?!](?= |$)", answer)) <= 10
    assert re.findall(r"(?m)^- \*\*(\w+):\*\* .{10}", rubric) == ["Full", "Half", "None"]
