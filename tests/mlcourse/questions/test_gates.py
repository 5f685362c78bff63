"""Task 7 of part 6: gates that were passed on other questions are found and made good; nothing else passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlcourse.questions import drill, prompts
from mlcourse.questions.passages import QUESTIONS
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

NAME, ALL = drill.NIGHT_DESK, range(1, 6)


def template(number: int) -> str:
    return str(MlflowClient().get_prompt_version(NAME, str(number)).template)


def asked(number: int) -> pd.DataFrame:
    tag = MlflowClient().get_prompt_version(NAME, str(number)).tags["gate"]
    return mlflow.load_table(drill.TABLE, run_ids=[tag])


def answers(number: int) -> dict[str, str]:
    return {question: prompts.answer(template(number), question) for question in QUESTIONS}


def metrics(said: dict[str, str]) -> dict[str, float]:
    right = [prompts.names_lesson(text, QUESTIONS.get(question, "?")) for question, text in said.items()]
    return {
        "right_lesson": float(np.mean(right)),
        "words": float(np.mean([len(each.split()) for each in said.values()])),
    }


def honest() -> list[int]:
    """The versions that name the lesson of the passage, in one sentence."""
    return [number for number in ALL if "{{lesson}}" in template(number) and "one sentence" in template(number)]


def new_gate(number: int, table: Any = None, **wrong: float) -> str:
    said = table() if table else answers(number)
    with mlflow.start_run(run_name="again") as run:
        mlflow.log_metrics({**metrics(said), **wrong})
        mlflow.log_table({"question": list(said), "answer": list(said.values())}, drill.TABLE)
    mlflow.genai.set_prompt_version_tag(NAME, number, "gate", run.info.run_id)
    return str(run.info.run_id)


def in_order(change: Callable[[dict], Any] | None = None, table: Any = None, **wrong: Any) -> dict:
    """The night made good, with what else was changed in it, and answers of which some are others."""
    night = drill.careless_gates()
    careless = [each for each in ALL if len(asked(each)) < len(QUESTIONS)]
    holder = honest()[-1]
    mlflow.genai.set_prompt_alias(NAME, "production", holder)
    numbers = {name: wrong.pop(name) for name in ("right_lesson", "words") if name in wrong}
    right = {"night": night, "careless": careless, "run": new_gate(holder, table, **numbers)}
    if change:
        change(right)
    return right | {name: make(right) if callable(make) else make for name, make in wrong.items()}


def untouched() -> dict:
    night = drill.careless_gates()
    careless = [each for each in ALL if len(asked(each)) < len(QUESTIONS)]
    return {"night": night, "careless": careless, "run": new_gate(5)}


def older(right: dict) -> None:
    mlflow.genai.set_prompt_alias(NAME, "production", honest()[0])


def nobody(right: dict) -> None:
    MlflowClient().delete_prompt_alias(NAME, "production")


def untagged(right: dict) -> None:
    mlflow.genai.set_prompt_version_tag(NAME, honest()[-1], "gate", "0" * 32)


def rewritten(right: dict) -> None:
    """The table of a careless gate was written anew."""
    gate = gates(right)[right["careless"][0]]
    MlflowClient().log_table(gate, {"question": list(QUESTIONS)[:1], "answer": ["Lesson 9.9: no."]}, drill.TABLE)


def whitewashed(right: dict) -> None:
    """A careless gate holds all questions by now, with the numbers that it had for a few."""
    number = next(each for each in right["careless"] if each not in honest())
    run = mlflow.get_run(gates(right)[number])
    table = pd.DataFrame(list(answers(number).items()), columns=["question", "answer"])
    MlflowClient().log_text(run.info.run_id, table.to_json(orient="split", index=False), drill.TABLE)


def deleted(right: dict) -> None:
    mlflow.delete_run(gates(right)[3])


def gates(right: dict) -> dict[int, str]:
    found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{right['night'].info.run_id}'")
    return {int(number): run_id for number, run_id in zip(found["params.version"], found["run_id"], strict=True)}


def few() -> dict:
    question = next(iter(QUESTIONS))
    return {question: prompts.answer(template(honest()[-1]), question)}


def elsewhere() -> dict:
    right = in_order()
    wb.start("another experiment")
    with mlflow.start_run() as run:
        pass
    wb.start(drill.EXPERIMENT)
    return right | {"run": run}


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("questions.7", in_order),
    ("questions.7", lambda: in_order(careless=lambda right: np.array(right["careless"][::-1]))),
    ("questions.7", lambda: in_order(careless=lambda right: tuple(map(str, right["careless"])))),
    ("questions.7", lambda: in_order(run=lambda right: mlflow.get_run(right["run"]))),
    ("questions.7", lambda: in_order(right_lesson=0.891, words=13.891)),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("questions.7", untouched, "Version 5 is in production: on all questions right_lesson"),
    ("questions.7", lambda: in_order(older), "a newer one meets the demands"),
    ("questions.7", lambda: in_order(nobody), "holds the alias 'production'"),
    ("questions.7", lambda: in_order(careless=[]), "careless names 0 of 3 versions"),
    ("questions.7", lambda: in_order(careless=list(ALL)), "2 of the 5 in careless were asked all of QUESTIONS"),
    ("questions.7", lambda: in_order(careless=5), "careless is of type int"),
    ("questions.7", lambda: in_order(right_lesson=1.0), "right_lesson of 'again' is 1.000; computed again it is 0.891"),
    ("questions.7", lambda: in_order(words=5.0), "words of 'again' is 5.000"),
    ("questions.7", lambda: in_order(table=few), "does not hold all of QUESTIONS"),
    (
        "questions.7",
        lambda: in_order(table=lambda: {"Why?": "So."}),
        "has another answer to 'Why?'",
    ),
    ("questions.7", lambda: in_order(run=lambda right: gates(right)[honest()[-1]]), "run is a gate of that night"),
    ("questions.7", lambda: in_order(untagged), "Let it lead to your run"),
    ("questions.7", lambda: in_order(rewritten), "has another answer to"),
    ("questions.7", lambda: in_order(whitewashed), "is 1.000; computed again it is 0."),
    ("questions.7", lambda: in_order(deleted), "That night has no gate of version 3"),
    ("questions.7", elsewhere, "in the experiment 'another experiment'"),
    ("questions.7", lambda: in_order(night=lambda right: right["run"]), "Start it with run_name='night'"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_night_that_was_made_good_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert "passes on all" in feedback.message


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{n} {w[2]}" for n, w in enumerate(WRONG)])
def test_one_that_was_not_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_every_careless_gate_was_passed_and_one_of_its_versions_is_good() -> None:
    right = in_order()
    for number in right["careless"]:
        said = mlflow.get_run(gates(right)[number]).data.metrics
        assert said["right_lesson"] == 1
        assert said["words"] <= prompts.MOST_WORDS
    assert set(right["careless"]) & set(honest())
