"""Lesson 3.4: a promotion by a call is traced, and whatever breaks the trace has a message of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import count

import mlflow
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlcourse.registry import called
from tests.refusals import refused

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("session")]

NAMES = (f"my-cells-{number}" for number in count())
"""Names that no other answer has used: the registry is that of all tests of this part."""


@cache
def trees() -> list[str]:
    """Addresses of two models, once for all tests: logging a model takes a while."""
    data = load_breast_cancer(as_frame=True)
    table = data.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - data.target)
    train = train_test_split(table, train_size=0.5, random_state=7, stratify=table["malignant"])[0]
    X, y = train.drop(columns="malignant"), train["malignant"]
    found = []
    for depth in (1, 4):
        tree = DecisionTreeClassifier(max_depth=depth, random_state=7).fit(X, y)
        with mlflow.start_run():
            found.append(wb.log_model(tree, "tree", example=X.head(3)).model_uri)
    return found


def call(entity: str, action: str, **data: str) -> dict:
    now = datetime.now(UTC).isoformat()
    return {"entity": entity, "action": action, "timestamp": now, "data": data}


def promoted(**changes) -> dict:
    """What the gate and the receiver leave of a promotion, with some of it changed."""
    wb.start("3.4 webhooks")
    client, name = mlflow.MlflowClient(), next(NAMES)
    for uri in trees():
        wb.register(uri, name)
    told = {"name": name, "version": "2"} | changes.get("about", {})
    calls = {"d1": call("model_version", changes.get("action", "created"), **told)}
    experiment = client.get_experiment_by_name("3.4 webhooks").experiment_id
    entry = changes.get("entry", "gate")
    run = client.create_run(experiment, changes.get("start"), tags={"mlflow.project.entryPoint": entry}).info.run_id
    asked = {"name": name, "version": "2", "delivery": "d1"} | changes.get("asked", {})
    for key, value in asked.items():
        client.log_param(run, key, value)
    client.log_metric(run, "accuracy", changes.get("accuracy", accuracy()))
    tags = {"gate": "passed", "gate_run": run, "delivery": "d1"} | changes.get("tags", {})
    for key, value in tags.items():
        client.set_model_version_tag(name, "2", key, value)
    client.set_registered_model_alias(name, "champion", changes.get("holder", "2"))
    moved = call("model_version_alias", "created", name=name, alias="champion", version="2")
    calls |= {"d2": moved | changes.get("moved", {})} if changes.get("told", True) else {}
    client.set_terminated(run)
    return {"name": name, "version": 2, "delivery": "d1", "run_id": run, "calls": calls}


def accuracy() -> float:
    """What version 2 reaches on the held-out rows."""
    rows = called.held_out()
    model = mlflow.pyfunc.load_model(trees()[1])
    return float((model.predict(rows.drop(columns="malignant")) == rows["malignant"]).mean())


def as_versions_and_runs() -> dict:
    """The same, with MLflow's own objects as answers."""
    answers, client = promoted(), mlflow.MlflowClient()
    version = client.get_model_version(answers["name"], "2")
    return answers | {"version": version, "run_id": client.get_run(answers["run_id"])}


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("3.4", promoted),
    ("3.4", as_versions_and_runs),
    ("3.4", lambda: promoted(accuracy=round(accuracy(), 3)) | {"version": "2"}),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("3.4", lambda: promoted() | {"name": "cells-3-4"}, "is the model of the lesson"),
    ("3.4", lambda: promoted() | {"name": "nobody"}, "The registry has no version of 'nobody'"),
    ("3.4", lambda: promoted() | {"version": 1}, "Version 2 is champion, not 1"),
    ("3.4", lambda: promoted(holder="1"), "Version 1 is champion, not 2"),
    ("3.4", lambda: promoted(tags={"gate": "refused"}), "The tag 'gate' of version 2 is 'refused'"),
    ("3.4", lambda: promoted() | {"delivery": "d9"}, "No call that was accepted has the id 'd9'"),
    ("3.4", lambda: promoted() | {"calls": []}, "calls is of type list"),
    ("3.4", lambda: promoted() | {"delivery": "d2"}, "That call tells of model_version_alias.created"),
    ("3.4", lambda: promoted(about={"version": "1"}), "That call is about version 1 of 'my-cells-"),
    ("3.4", lambda: promoted(about={"name": "example_model"}), "of 'example_model'"),
    ("3.4", lambda: promoted(entry="main"), "is not one of the project"),
    ("3.4", lambda: promoted(asked={"delivery": "caught-up"}), "delivery = 'caught-up', not 'd1'"),
    ("3.4", lambda: promoted(asked={"version": "1"}), "version = '1', not '2'"),
    ("3.4", lambda: promoted(tags={"gate_run": "another"}), "The version's tag 'gate_run' is 'another'"),
    ("3.4", lambda: promoted(start=1000), "The gate ran before the version was there"),
    ("3.4", lambda: promoted(told=False), "was not told that version 2 became champion"),
    ("3.4", lambda: promoted(moved={"timestamp": "2020-01-01T00:00:00+00:00"}), "was not moved while the gate"),
    ("3.4", lambda: promoted() | {"calls": {"d1": "created"}}, "The call 'd1' is not as the server sends it"),
    ("3.4", lambda: promoted(moved={"timestamp": "at noon"}), "The call 'd2' has the time 'at noon'"),
    ("3.4", lambda: promoted(accuracy=0.99), "run has an accuracy of 0.990; computed again it is"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=range(len(RIGHT)))
def test_a_promotion_that_was_traced(task: str, answers: Callable[[], dict]) -> None:
    assert "Version 2 came by a call" in wb.check(task, **answers()).message


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_a_trace_that_is_broken(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())
