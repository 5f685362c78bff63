"""The help desk finds what it should, and always says the same; the lessons it knows are those of the workbook."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions

import nbformat
import pytest

import mlworkbench as wb
from mlcourse.lessons import lessons
from mlcourse.questions import helpdesk
from mlcourse.questions.passages import PASSAGES, QUESTIONS
from tests.paths import ROOT

PROMPT = "{orders}\n\nQuestion: Where do deleted runs go?\nLesson: 1.1\nPassage: A run has a name. Deleted runs wait."


def test_every_passage_is_of_a_lesson_and_answers_two_questions() -> None:
    assert set(PASSAGES) <= {lesson.id for lesson in lessons(root=ROOT)}
    assert sorted(QUESTIONS.values()) == sorted(2 * list(PASSAGES))


def test_a_passage_names_no_library_that_its_lesson_does_not_treat() -> None:
    libraries = {name.lower() for name in packages_distributions()}
    for lesson in lessons(list(PASSAGES), root=ROOT):
        told = " ".join(cell.source for cell in nbformat.read(lesson.path, as_version=4).cells).lower()
        named = set(re.findall(r"\w+", PASSAGES[lesson.id].lower())) & libraries
        assert {name for name in named if name not in told} == set(), lesson.id


@pytest.mark.parametrize(("way", "right"), [("counts", 33), ("words", 41), ("parts", 42)])
def test_how_often_each_way_finds_the_right_lesson_first(way: str, right: int) -> None:
    first = {question: helpdesk.find(question, way, 1)[0]["metadata"]["doc_uri"] for question in QUESTIONS}
    assert sum(first[question] == lesson for question, lesson in QUESTIONS.items()) == right


def test_what_has_nothing_in_common_is_not_found() -> None:
    assert helpdesk.find("Xyzzy?") == []
    found = helpdesk.find("Which drift raises an alert?", most=5)
    assert found[0]["metadata"]["doc_uri"] == "5.6"
    assert [document["metadata"]["score"] for document in found] == sorted(
        (document["metadata"]["score"] for document in found), reverse=True
    )


def test_a_way_that_does_not_exist() -> None:
    with pytest.raises(wb.WorkbenchError, match="no way to find is called 'word'") as error:
        helpdesk.find("x", "word")
    assert "Did you mean 'words'?" in str(error.value)


@pytest.mark.parametrize(
    ("orders", "says"),
    [
        ("", "A run has a name. Deleted runs wait."),
        ("Answer in one sentence.", "Deleted runs wait."),
        ("Name the lesson.", "Lesson 1.1: A run has a name. Deleted runs wait."),
        ("Answer in one sentence, and name the lesson.", "Lesson 1.1: Deleted runs wait."),
    ],
)
def test_the_stand_in_obeys_two_orders(orders: str, says: str) -> None:
    assert helpdesk.reply(PROMPT.format(orders=orders)) == says


def test_the_stand_in_takes_no_orders_from_a_question() -> None:
    assert helpdesk.reply("Question: In one sentence?\nPassage: One. Two.") == "One. Two."


def test_the_stand_in_knows_nothing_without_a_passage() -> None:
    assert helpdesk.reply("What is a run?") == helpdesk.UNKNOWN
    assert helpdesk.reply("") == helpdesk.UNKNOWN


@pytest.mark.parametrize("form", ["{question} | {lesson} | {passage}", "{{question}} | {{lesson}} | {{passage}}"])
def test_a_prompt_is_filled_in_both_forms_and_a_value_is_not_filled_again(form: str) -> None:
    assert helpdesk.filled(form, "{lesson}?", "1.1", "It is {x}.") == "{lesson}? | 1.1 | It is {x}."
    assert helpdesk.filled("{answer}", "?", "1.1", "") == "{answer}"
