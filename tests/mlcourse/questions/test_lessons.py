"""The checks of the lessons of part 6: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import mlflow
import pytest

import mlworkbench as wb
from mlcourse.questions.passages import QUESTIONS
from tests.mlcourse.questions.desk import ask, mark
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
        ({"filled": f"Question: {FIRST}\nPassage: typed"}, "the prompt has the line 'Passage: typed', which was not"),
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


@pytest.fixture
def evaluation(home: Path) -> None:
    wb.start("6.2 evaluation of answers")


def evaluated(
    mean: float | None = None, questions: int = 20, expects: str = "", scored: bool = True, **changed: Any
) -> Any:
    """A run as `mlflow.genai.evaluate` leaves it, with traces that expect their lesson, and the mean of a scorer."""
    asked = list(QUESTIONS.items())[:questions] * changed.pop("copies", 1)
    with mlflow.start_run(run_name="mine") as run:
        said = [ask(question, **{"way": "parts", **changed}) for question, _ in asked]
        right = [f"Lesson {lesson}:" in text for text, (_, lesson) in zip(said, asked, strict=True)]
        mlflow.log_metric("names_right_lesson/mean", sum(right) / len(right) if mean is None else mean)
    for trace in mlflow.search_traces(run_id=run.info.run_id, return_type="list", flush=True):
        question = trace.data.spans[0].inputs["question"]
        mlflow.log_expectation(trace_id=trace.info.trace_id, name="lesson", value=expects or QUESTIONS[question])
        named = f"Lesson {QUESTIONS[question]}:" in str(trace.data.spans[0].outputs)
        mark(trace, **({"names_right_lesson": named} if scored else {}))
    return run


@pytest.mark.usefixtures("evaluation")
def test_lesson_6_2() -> None:
    assert "0.90 of 20 answers name the right lesson" in wb.check("6.2", run_id=evaluated()).message
    assert wb.check("6.2", run_id=evaluated().info.run_id)


@pytest.mark.usefixtures("evaluation")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mean": 1.0}, "names_right_lesson/mean is 1.000; read again the answers give 0.900. Look for the expected"),
        ({"questions": 10, "copies": 2}, "The run 'mine' holds 20 answers to 10 questions, 20 were expected"),
        ({"scored": False}, "No scorer 'names_right_lesson' has looked at the trace"),
        ({"filled": f"Question: {FIRST}\nLesson: 1.1\nPassage: x"}, "has the line 'Question: What is a pickle?'"),
        ({"questions": 19}, "The run 'mine' holds 19 answers, 20 were expected"),
        ({"expects": "1.1"}, "the data set expects '1.1'. Take the questions with their lessons"),
        ({"way": "words"}, "the trace has the lessons"),
        ({"words": "Lesson 1.1: yes."}, "the stand-in answers its prompt otherwise"),
        ({"prompt": "Question: {question}\nPassage: {passage}"}, "No answer names the lesson"),
    ],
)
def test_lesson_6_2_reads_every_answer_again(changed: dict[str, Any], says: str) -> None:
    refused("6.2", says, run_id=evaluated(**changed))


@pytest.mark.usefixtures("evaluation")
def test_lesson_6_2_wants_a_run_with_the_scorer() -> None:
    with mlflow.start_run(run_name="another") as run:
        mlflow.log_metric("short/mean", 1)
    refused("6.2", "has the metrics short/mean, but no 'names_right_lesson/mean'", run_id=run)
    refused("6.2", "No run with the id 'nothing'", run_id="nothing")
    wb.start("another")
    refused("6.2", "The run is in the experiment 'another'", run_id=evaluated())


FORM = "Question: {{question}}\nLesson: {{lesson}}\nPassage: {{passage}}"
ORDERS = "Answer in one sentence and name the lesson.\n\n"


def registered(*templates: str, production: int | None = None, **tags: str) -> None:
    """The prompt ``mine`` with these versions; the newest one has these tags."""
    for template in templates:
        version = mlflow.genai.register_prompt(name="mine", template=template).version
    for tag, value in tags.items():
        mlflow.genai.set_prompt_version_tag("mine", version, tag, value)
    if production:
        mlflow.genai.set_prompt_alias("mine", "production", production)


@pytest.mark.usefixtures("talk")
def test_lesson_6_3() -> None:
    refused("6.3", "The registry has no prompt 'mine'. Register it", name="mine")
    registered(FORM)
    refused("6.3", "No version of 'mine' holds the alias 'production'", name="mine")
    registered(ORDERS + FORM, production=2)
    refused("6.3", "Version 2 has no tag 'why'", name="mine")
    mlflow.genai.set_prompt_version_tag("mine", 2, "why", "Shorter.")
    refused("6.3", "Version 2 has no tag 'replaces'", name="mine")
    mlflow.genai.set_prompt_version_tag("mine", 2, "replaces", "1")
    assert "Version 2 replaced version 1: 100% of its answers name a lesson" in wb.check("6.3", name="mine").message
    refused("6.3", "is the prompt of the lesson", name="help-desk-6-3")
    refused("6.3", "The name is of type int", name=6)


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("template", "replaces", "says"),
    [
        (FORM, "1", "Versions 1 and 2 are the same"),
        (ORDERS + FORM, "2", "Version 2 replaces itself"),
        (ORDERS + FORM, "7", "has no version '7'"),
        (ORDERS + FORM, "the first", "has no version 'the first'"),
        ("Answer in one sentence.\n" + FORM, "1", "With version 2 0% of the answers name a lesson"),
        (ORDERS + "Question: {{question}}\nPassage: {{passage}}", "1", "With version 2 0% of the answers name"),
        ("Name the lesson.\n" + FORM, "1", "an answer has 36 words on average. Get to 20"),
    ],
)
def test_lesson_6_3_tries_the_prompt_again(template: str, replaces: str, says: str) -> None:
    registered(FORM, template, production=2, why="Better.", replaces=replaces)
    refused("6.3", says, name="mine")
