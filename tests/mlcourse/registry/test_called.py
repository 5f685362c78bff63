"""Lesson 3.4: a promotion by a call is traced, and whatever breaks the trace has a message of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlcourse.registry import called
from tests.refusals import refused

pytestmark = pytest.mark.processes

NAME = "my-cells"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two versions of a model, which each test copies: logging a model takes a while."""
    home = tmp_path_factory.mktemp("registered") / ".mlworkbench"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLWORKBENCH_HOME", str(home))
        wb.start("3.4 webhooks")
        data = load_breast_cancer(as_frame=True)
        table = data.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - data.target)
        train = train_test_split(table, train_size=0.5, random_state=7, stratify=table["malignant"])[0]
        X, y = train.drop(columns="malignant"), train["malignant"]
        for depth in (1, 4):
            tree = DecisionTreeClassifier(max_depth=depth, random_state=7).fit(X, y)
            with mlflow.start_run():
                stored = wb.log_model(tree, "tree", example=X.head(3))
            wb.register(stored.model_uri, NAME)
    return home


@pytest.fixture
def client(registered: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> mlflow.MlflowClient:
    shutil.copytree(registered, tmp_path / ".mlworkbench")
    monkeypatch.setenv("MLWORKBENCH_HOME", str(tmp_path / ".mlworkbench"))
    wb.start("3.4 webhooks")
    return mlflow.MlflowClient()


def call(entity: str, action: str, **data: str) -> dict:
    now = datetime.now(UTC).isoformat()
    return {"entity": entity, "action": action, "timestamp": now, "data": data}


def promoted(client: mlflow.MlflowClient, **changes) -> dict:
    """What the gate and the receiver leave of a promotion, with some of it changed."""
    told = {"name": NAME, "version": "2"} | changes.get("about", {})
    calls = {"d1": call("model_version", changes.get("action", "created"), **told)}
    experiment = client.get_experiment_by_name("3.4 webhooks").experiment_id
    entry = changes.get("entry", "gate")
    run = client.create_run(experiment, changes.get("start"), tags={"mlflow.project.entryPoint": entry}).info.run_id
    asked = {"name": NAME, "version": "2", "delivery": "d1"} | changes.get("asked", {})
    for key, value in asked.items():
        client.log_param(run, key, value)
    client.log_metric(run, "accuracy", changes.get("accuracy", accuracy()))
    tags = {"gate": "passed", "gate_run": run, "delivery": "d1"} | changes.get("tags", {})
    for key, value in tags.items():
        client.set_model_version_tag(NAME, "2", key, value)
    client.set_registered_model_alias(NAME, "champion", changes.get("holder", "2"))
    moved = call("model_version_alias", "created", name=NAME, alias="champion", version="2")
    calls |= {"d2": moved | changes.get("moved", {})} if changes.get("told", True) else {}
    client.set_terminated(run)
    return {"name": NAME, "version": 2, "delivery": "d1", "run_id": run, "calls": calls}


def accuracy() -> float:
    """What version 2 reaches on the held-out rows."""
    rows = called.held_out()
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/2")
    return float((model.predict(rows.drop(columns="malignant")) == rows["malignant"]).mean())


RIGHT: list[Callable[[mlflow.MlflowClient], dict]] = [
    promoted,
    lambda client: promoted(client) | {"version": client.get_model_version(NAME, "2")},
    lambda client: promoted(client, accuracy=round(accuracy(), 3)) | {"version": "2"},
    lambda client: (answers := promoted(client)) | {"run_id": client.get_run(answers["run_id"])},
]

WRONG: list[tuple[Callable[[mlflow.MlflowClient], dict], str]] = [
    (lambda client: promoted(client) | {"name": "cells-3-4"}, "is the model of the lesson"),
    (lambda client: promoted(client) | {"name": "nobody"}, "The registry has no version of 'nobody'"),
    (lambda client: promoted(client) | {"version": 1}, "Version 2 is champion, not 1"),
    (lambda client: promoted(client, holder="1"), "Version 1 is champion, not 2"),
    (lambda client: promoted(client, tags={"gate": "refused"}), "The tag 'gate' of version 2 is 'refused'"),
    (lambda client: promoted(client) | {"delivery": "d9"}, "No call that was accepted has the id 'd9'"),
    (lambda client: promoted(client) | {"calls": []}, "calls is of type list"),
    (lambda client: promoted(client) | {"delivery": "d2"}, "That call tells of model_version_alias.created"),
    (lambda client: promoted(client, about={"version": "1"}), "That call is about version 1 of 'my-cells'"),
    (lambda client: promoted(client, about={"name": "example_model"}), "of 'example_model'"),
    (lambda client: promoted(client, entry="main"), "is not one of the project"),
    (lambda client: promoted(client, asked={"delivery": "caught-up"}), "delivery = 'caught-up', not 'd1'"),
    (lambda client: promoted(client, asked={"version": "1"}), "version = '1', not '2'"),
    (lambda client: promoted(client, tags={"gate_run": "another"}), "The version's tag 'gate_run' is 'another'"),
    (lambda client: promoted(client, start=1000), "The gate ran before the version was there"),
    (lambda client: promoted(client, told=False), "was not told that version 2 became champion"),
    (lambda client: promoted(client, moved={"timestamp": "2020-01-01T00:00:00+00:00"}), "was not moved while the gate"),
    (lambda client: promoted(client, accuracy=0.99), "run has an accuracy of 0.990; computed again it is"),
]


@pytest.mark.parametrize("answers", RIGHT)
def test_a_promotion_that_was_traced(client: mlflow.MlflowClient, answers: Callable) -> None:
    assert "Version 2 came by a call" in wb.check("3.4", **answers(client)).message


@pytest.mark.parametrize(("answers", "says"), WRONG, ids=[says for _, says in WRONG])
def test_a_trace_that_is_broken(client: mlflow.MlflowClient, answers: Callable, says: str) -> None:
    refused("3.4", says, **answers(client))
