"""The checks of the lessons of part 6: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

import mlworkbench as wb
from tests.mlcourse.questions.desk import ask
from tests.refusals import refused

FIRST, SECOND = "What is a pickle?", "What is drift?"


@pytest.fixture
def talk(home: Path) -> None:
    wb.start("6.1 traces")


def told(question: str, session: str, topic: str = "learning", **changed: Any) -> None:
    with contextlib.suppress(ValueError):
        ask(question, marks={"tags": {"topic": topic}, "session_id": session}, **changed)


@pytest.mark.usefixtures("talk")
def test_lesson_6_1() -> None:
    refused("6.1", "has the session 'mine'. Call mlflow.update_current_trace(session_id=", session="mine")
    told(FIRST, "mine")
    refused("6.1", "The session holds 1 question. Ask another one", session="mine")
    told(FIRST, "mine")
    refused("6.1", "The session holds 1 question", session="mine")
    told(SECOND, "mine")
    assert "2 questions in one session" in wb.check("6.1", session="mine").message
    refused("6.1", "is the talk of the lesson", session="talk 1")
    refused("6.1", "The session is of type int", session=1)


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"topic": " "}, "has no tag 'topic'"),
        ({"fails": True}, "has the state ERROR. Make one that ends as OK"),
        ({"kind": "TOOL"}, "has 0 spans of the type RETRIEVER"),
        ({"documents": "a text"}, "does not hold passages, but 'a text'"),
        ({"documents": []}, "the trace has the lessons none"),
        ({"documents": [{"metadata": {"doc_uri": "1.1"}}]}, "the trace has the lessons 1.1, found again are 2.3"),
        ({"words": "A cucumber."}, "The model's span says 'A cucumber.'; the stand-in answers its prompt otherwise"),
    ],
)
def test_lesson_6_1_looks_into_each_trace(changed: dict[str, Any], says: str) -> None:
    told(SECOND, "mine")
    told(FIRST, "mine", **changed)
    refused("6.1", says, session="mine")


@pytest.mark.usefixtures("home")
def test_lesson_6_1_before_the_lesson_was_started() -> None:
    wb.start("another")
    refused("6.1", "No experiment '6.1 traces' is in this store", session="mine")
