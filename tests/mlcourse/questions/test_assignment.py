"""For each task of part 6, right answers pass, and typical wrong ones are refused, each with its own message."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse.questions import drill, prompts
from mlcourse.questions.assignment import EXPERIMENT, PROMPT
from mlcourse.questions.passages import PASSAGES, QUESTIONS
from tests.mlcourse.questions.desk import ask, mark
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

FORM = "Question: {{question}}\nLesson: {{lesson}}\nPassage: {{passage}}"
ORDERS = "Answer in one sentence and name the lesson.\n\n"
CONSTANT = "Question: {{question}}\nLesson: 1.1\nPassage: {{passage}}"
TYPED = "Name the lesson.\nQuestion: typed\nLesson: 1.1\nPassage: Typed as well."
NO_LESSON = ORDERS + "Question: {{question}}\nPassage: {{passage}}"


def own(question: str = "What is a pickle?", way: str = "parts", purpose: str = "to practise", **changed: Any) -> dict:
    """The trace of an answer of one's own."""
    with contextlib.suppress(ValueError):
        ask(question, way, marks={"tags": {"purpose": purpose}}, **changed)
    return {"trace_id": mlflow.get_last_active_trace_id()}


@cache
def morning() -> list[Any]:
    """The traces of the bad morning, made once."""
    drill.bad_morning()
    number = mlflow.get_experiment_by_name(EXPERIMENT).experiment_id
    condition = f"metadata.`mlflow.trace.session` = '{drill.MORNING}'"
    return mlflow.search_traces(locations=[number], filter_string=condition, return_type="list", flush=True)


def failed(step: Any = "model", message: str = "", which: str = "ERROR") -> dict:
    trace = next(trace for trace in morning() if trace.info.state.name == which)
    events = [span.events[-1].attributes["exception.message"] for span in trace.data.spans if span.events]
    return {"trace_id": trace.info.trace_id, "step": step, "message": message or events[-1]}


def searched(filter_string: Any) -> dict:
    morning()
    return {"filter_string": filter_string}


@cache
def evaluation(
    way: str = "parts", questions: int = 46, lesson: str = "", marked: Any = (), copies: int = 1, **changed: Any
) -> str:
    """A run as `mlflow.genai.evaluate` leaves it, with the means of two scorers and their marks; returns its id."""
    asked, means = dict(list(QUESTIONS.items())[:questions]), dict(changed.pop("means", ()))
    with mlflow.start_run(run_name="mine") as run:
        right = np.mean([prompts.finds(question, way) for question in asked])
        for question in copies * list(asked):
            ask(question, way, **changed)
        for name, value in {"right_lesson": right, "names_source": 1.0, **means}.items():
            mlflow.log_metric(f"{name}/mean", value)
    for trace in mlflow.search_traces(run_id=run.info.run_id, return_type="list", flush=True):
        question = trace.data.spans[0].inputs["question"]
        mlflow.log_expectation(trace_id=trace.info.trace_id, name="lesson", value=lesson or QUESTIONS[question])
        found = {"right_lesson": bool(prompts.finds(question, way)), "names_source": "yes"}
        mark(trace, **({} if marked is None else {**found, **dict(marked)}))
    return str(run.info.run_id)


def gain(low: Any = 0.07, high: Any = 0.33, sure: Any = True, change: Callable[[list], Any] = list) -> dict:
    differences = [prompts.finds(question, "parts") - prompts.finds(question, "counts") for question in QUESTIONS]
    return {"differences": change(differences), "low": low, "high": high, "sure": sure}


def prompt(
    second: str = ORDERS + FORM, third: str = NO_LESSON, production: int = 2, refused: Any = 3, **changed: Any
) -> dict:
    """The prompt of task 6 with three versions; a tag that is changed to nothing is not there."""
    drill.fresh_prompt(PROMPT)
    for template in (FORM, second, third):
        mlflow.genai.register_prompt(name=PROMPT, template=template)
    tags = {(2, "why"): "Shorter.", (2, "replaces"): "1", (3, "refused"): "It names no source."}
    for (number, tag), value in tags.items():
        if value := changed.get(tag, value):
            mlflow.genai.set_prompt_version_tag(PROMPT, number, tag, value)
    if production:
        mlflow.genai.set_prompt_alias(PROMPT, "production", production)
    return {"name": changed.get("name", PROMPT), "refused": refused}


def first_refused() -> dict:
    """A prompt of which the version that everybody had at first is called refused."""
    right = prompt()
    mlflow.genai.set_prompt_version_tag(PROMPT, 1, "refused", "It is long.")
    return right | {"refused": 1}


NOT_LUCK = "metadata.`mlflow.trace.user` = 'grace' AND tags.topic != 'luck' AND name != 'drift'"
BOTH = "tags.topic = 'drift' AND metadata.`mlflow.trace.user` = 'grace'"

RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("questions.1", own),
    ("questions.1", lambda: own("How do I roll back?", purpose="x")),
    ("questions.1", lambda: {"trace_id": mlflow.get_trace(own()["trace_id"], flush=True)}),
    ("questions.2", failed),
    ("questions.2", lambda: failed(message=failed()["message"] + "\n")),
    ("questions.2", lambda: failed() | {"trace_id": str(failed()["trace_id"])}),
    ("questions.3", lambda: searched(BOTH)),
    ("questions.3", lambda: searched("metadata.`mlflow.trace.user` = 'grace' AND tags.topic LIKE 'drift%'")),
    ("questions.3", lambda: searched(f"{BOTH} AND name = 'answer'")),
    ("questions.4", lambda: {"run_id": evaluation()}),
    ("questions.4", lambda: {"run_id": mlflow.get_run(evaluation())}),
    ("questions.4", lambda: {"run_id": evaluation(means=(("right_lesson", 0.913),))}),
    ("questions.5", gain),
    ("questions.5", lambda: gain(0.05, np.float64(0.348), np.True_, np.array)),
    ("questions.5", lambda: gain(change=lambda found: pd.Series(found, index=list(QUESTIONS)).sort_index())),
    ("questions.6", prompt),
    ("questions.6", lambda: prompt(refused="3")),
    ("questions.6", lambda: prompt(third=FORM, second="Name the lesson, in one sentence!\n" + FORM)),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("questions.1", lambda: {"trace_id": "tr-1"}, "No trace 'tr-1' is in 'exercises: questions'"),
    ("questions.1", lambda: own(purpose=" "), "has no tag 'purpose'"),
    (
        "questions.1",
        lambda: own("Where do deleted runs go?", way="counts"),
        "the trace has the lessons",
    ),
    ("questions.1", lambda: own(fails=True), "has the state ERROR"),
    ("questions.1", lambda: own(words="A cucumber."), "the stand-in answers its prompt otherwise"),
    ("questions.1", lambda: own(filled=TYPED), "the prompt has the line 'Question: typed', which was not found"),
    ("questions.1", lambda: own(filled="Passage: A typed one."), "the line 'Passage: A typed one.', which was not"),
    ("questions.1", lambda: own(filled=f"Passage: {PASSAGES['2.3']}"), "has no line Question. Write one"),
    ("questions.1", lambda: own(words="A cucumber.", attributes={"stand_in": False}), "another model answered"),
    ("questions.1", lambda: own(kind="TOOL"), "has 0 spans of the type RETRIEVER"),
    ("questions.1", lambda: {"trace_id": failed()["trace_id"]}, "That trace is of the bad morning"),
    ("questions.2", lambda: failed(step="answer"), "The step is 'answer'. The error began in the innermost span"),
    ("questions.2", lambda: failed(step="find"), "The step is 'find'"),
    ("questions.2", lambda: failed(message="503"), "The message is '503'. Take event.attributes"),
    ("questions.2", lambda: failed() | {"message": 503}, "The message is '503'"),
    ("questions.2", lambda: failed() | {"trace_id": "tr-1"}, "'tr-1' is not the call that failed"),
    ("questions.3", lambda: searched("tags.topic = 'drift'"), "other trace(s), too. Join both conditions by AND"),
    ("questions.3", lambda: searched(NOT_LUCK), "does not ask for the topic 'drift'"),
    ("questions.3", lambda: searched("tags.user = 'grace'"), "The filter misses 2 of 2 traces"),
    ("questions.3", lambda: searched(f"{BOTH} AND trace.text LIKE '%retraining help%'"), "The filter misses 1 of 2"),
    ("questions.3", lambda: searched(f"{BOTH} AND timestamp_ms < 9999999999999"), "asks for 'timestamp_ms' too"),
    ("questions.3", lambda: searched(f"{BOTH} AND status = 'OK'"), "The filter asks for 'status' too"),
    (
        "questions.3",
        lambda: searched(f"{BOTH} AND metadata.`mlflow.trace.session` = 'bad morning'"),
        "The filter asks for 'session' too",
    ),
    ("questions.3", lambda: searched("topic = 'drift'"), "MLflow refuses the filter: Invalid attribute key 'topic'"),
    ("questions.3", lambda: searched("topic"), "MLflow refuses the filter"),
    ("questions.3", lambda: searched(["drift"]), "The filter is of type list"),
    ("questions.4", lambda: {"run_id": "none"}, "No run with the id 'none'"),
    ("questions.4", lambda: {"run_id": evaluation(questions=20)}, "holds 20 answers, 46 were expected"),
    (
        "questions.4",
        lambda: {"run_id": evaluation(means=(("right_lesson", 0.95),))},
        "right_lesson/mean is 0.950; scored again it is",
    ),
    (
        "questions.4",
        lambda: {"run_id": evaluation(means=(("names_source", 0.5),))},
        "names_source/mean is 0.500; scored again it is 1",
    ),
    ("questions.4", lambda: {"run_id": evaluation(questions=1, copies=46)}, "46 answers to 1 questions, 46 were"),
    ("questions.4", lambda: {"run_id": evaluation(marked=None)}, "No scorer 'right_lesson' has looked at"),
    ("questions.4", lambda: {"run_id": evaluation(marked=(("names_source", 0),))}, "names_source is '0'; scored again"),
    ("questions.4", lambda: {"run_id": evaluation(filled=TYPED)}, "the prompt has the line 'Question: typed'"),
    ("questions.4", lambda: {"run_id": evaluation("words")}, "the trace has the lessons"),
    ("questions.4", lambda: {"run_id": evaluation(lesson="1.1")}, "the data set expects '1.1'"),
    ("questions.4", lambda: {"run_id": evaluation(words="Lesson 1.1.")}, "the stand-in answers its prompt otherwise"),
    (
        "questions.5",
        lambda: gain(change=lambda found: [-each for each in found]),
        "The differences have the other sign",
    ),
    ("questions.5", lambda: gain(change=lambda found: found[:20]), "There are 20 differences for 46 questions"),
    ("questions.5", lambda: gain(change=lambda found: [1, *found[1:]]), "found again it is 0.196"),
    ("questions.5", lambda: gain(change=lambda _: 0.2), "differences is of type float"),
    ("questions.5", lambda: gain(low=0.15), "low is 0.150. A 95 % interval of the mean has it near 0.07"),
    ("questions.5", lambda: gain(high=0.25), "high is 0.250"),
    ("questions.5", lambda: gain(sure=False), "sure is 'False'. True when the whole interval lies above 0"),
    ("questions.5", lambda: gain(sure="yes"), "sure is 'yes'"),
    ("questions.6", lambda: prompt(name="help"), "The prompt is 'help'. Call it 'exercise-help-desk'"),
    ("questions.6", lambda: prompt(production=0), "holds the alias 'production'"),
    ("questions.6", lambda: prompt(production=1), "Version 1 has no tag 'why'"),
    ("questions.6", lambda: prompt(replaces=""), "Version 2 has no tag 'replaces'"),
    ("questions.6", lambda: prompt(second="Name the lesson.\n" + FORM), "an answer has 36 words on average"),
    ("questions.6", lambda: prompt(second=NO_LESSON), "0% of the answers name a lesson"),
    ("questions.6", lambda: prompt(refused=2), "Version 2 is in production. Give the version that the gate refused"),
    ("questions.6", lambda: prompt(refused=9), "has no version '9'"),
    ("questions.6", lambda: prompt(third=ORDERS + FORM + "!"), "Version 3 meets the demands"),
    ("questions.6", lambda: {**prompt(), "refused": 1}, "Version 1 has no tag 'refused'"),
    ("questions.6", first_refused, "Version 1 was in production before. Register a third one"),
    ("questions.6", lambda: prompt(replaces="3"), "Version 2 replaces version 3, which is newer"),
    ("questions.6", lambda: prompt(second=ORDERS + CONSTANT), "Version 2 names the same lesson to everybody"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT)
def test_right_answers_pass(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())
