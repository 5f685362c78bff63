"""One record that somebody, a bug or a wrong clock has made nonsense of harms itself, and nothing beside it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import MetricThreshold
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from mlworkbench.orphans import OUTCOME_TAG, PROCESS_TAG, end_orphans, this_process
from tests.notebooks import notebook

pytestmark = pytest.mark.processes

PARENT = "mlflow.parentRunId"
FAR = 10**17
"""Milliseconds: three million years."""


@pytest.fixture
def client(home: Path) -> mlflow.MlflowClient:
    wb.start("mine")
    return mlflow.MlflowClient()


def forge(home: Path, statement: str, *values: Any) -> None:
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("process", ["² 5", f"{'9' * 400} 5", f"{'9' * 5000} 5", f"{2**31} 5", "\u0663 5", "1 \0"])
def test_a_process_that_cannot_be(process: str, client: mlflow.MlflowClient) -> None:
    machine = this_process().split()[0]
    forged = client.create_run("0", tags={PROCESS_TAG: f"{machine} {process}"})
    dead = client.create_run("0", tags={PROCESS_TAG: f"{machine} 1 55555555"})
    wb.start("mine")
    assert client.get_run(dead.info.run_id).info.status == "KILLED"
    assert wb.runs_table("Default")["run_id"].isin([forged.info.run_id]).any()


def test_parents_in_a_circle(client: mlflow.MlflowClient) -> None:
    gone = this_process().split()[0] + " 1 55555555"
    runs = [client.create_run("0", tags={PROCESS_TAG: gone}).info.run_id for _ in range(3)]
    for child, parent in zip(runs, [runs[0], runs[2], runs[1]], strict=True):  # one is its own
        client.set_tag(child, PARENT, parent)
    assert end_orphans(client) == 3
    assert {client.get_run(run).info.status for run in runs} == {"KILLED"}


def test_a_surrounding_run_that_is_its_own_parent(
    client: mlflow.MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MLproject").write_text("name: p\nentry_points: {main: {command: 'echo done'}}\n")
    with mlflow.start_run() as run:
        mlflow.set_tag(PARENT, run.info.run_id)
        assert wb.run_project(tmp_path).info.status == "FINISHED"
        mlflow.set_tag(PARENT, "gone")
        assert wb.run_project(tmp_path).info.status == "FINISHED"


@pytest.mark.parametrize("place", ["file://[::1", "file://host/x", "\0", "x" * 250, "models:/"])
def test_artifacts_at_no_address(place: str, client: mlflow.MlflowClient, home: Path) -> None:
    bad = client.create_experiment("bad")
    client.create_run(bad)
    forge(home, "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", place, bad)
    assert wb.start("mine").experiment.name == "mine"
    assert "could not be looked at" not in " ".join(f.found for f in wb.doctor().findings if f.what == "locations")


def test_a_wrong_clock(client: mlflow.MlflowClient, home: Path) -> None:
    """Also a wrong clock's version and trail; what has no time in this calendar shows none."""
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with mlflow.start_run(run_name="good"):
        wb.register(wb.log_model(model, "m", example=[[0.0]]).model_uri, "wine")
    bad = client.create_run(mlflow.get_experiment_by_name("mine").experiment_id, start_time=FAR, run_name="bad")
    client.set_terminated(bad.info.run_id, end_time=-FAR)
    forge(home, "UPDATE model_versions SET creation_time = ?", FAR)
    table = wb.runs_table("mine").set_index("name")
    assert table["started"].isna().to_dict() == {"bad": True, "good": False}
    assert table["seconds"].isna()["bad"]
    assert wb.versions_table("wine")["created"].isna().all()
    wb.promote("wine", 1)
    assert wb.plot_lifecycle("wine").get_title()


def test_a_point_whose_outcome_somebody_deleted(client: mlflow.MlflowClient, tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "n = 0", "print(n)", parameters=True)
    first = wb.sweep(path, {"n": [1, 2]}, experiment="points")
    client.delete_tag(first["run_id"][0], OUTCOME_TAG)
    again = wb.sweep(path, {"n": [1, 2]}, experiment="points")
    assert again["run_id"].tolist() == first["run_id"].tolist()
    assert again["outcome"].tolist() == ["passed", "passed"]


def test_a_model_whose_description_is_nonsense(client: mlflow.MlflowClient, home: Path) -> None:
    """The doctor names it, and looks at the others all the same."""
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with mlflow.start_run():
        good, bad = (wb.log_model(model, name, example=np.zeros((2, 1))) for name in ("good", "bad"))
        mlflow.sklearn.log_model(model, name="bare", serialization_format="skops")
    (file,) = home.glob(f"artifacts/*/models/{bad.model_id}/artifacts/MLmodel")
    file.write_text("[: nonsense")
    told = {finding.found for finding in wb.doctor().problems if finding.what == "signatures"}
    assert any("'bad'" in found for found in told), told
    assert any("'bare'" in found for found in told), told
    assert good.signature


def test_models_whose_files_are_gone(client: mlflow.MlflowClient, home: Path) -> None:
    """As those of a store that was moved: whoever asks for one is sent to the doctor, which knows where they belong."""
    rows = pd.DataFrame({"a": [0.0, 1.0], "y": [0, 1]})
    enough = {"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)}
    with mlflow.start_run():
        uri = wb.log_model(LogisticRegression().fit(rows[["a"]], rows["y"]), "m", example=rows[["a"]]).model_uri
    wb.register(uri, "wine")
    (home / "artifacts").rename(home / "away")
    asked: list[Callable[[], Any]] = [
        lambda: wb.describe_model("models:/wine/1"),
        lambda: wb.serve(uri).__enter__(),
        lambda: wb.register(uri, "other"),
        lambda: wb.validate("models:/wine/1", None, rows, target="y", thresholds=enough),
        lambda: wb.score("models:/wine/1", rows[["a"]]),
    ]
    for ask in asked:
        with pytest.raises(wb.WorkbenchError, match=r"No such artifact(?s:.*)mlworkbench doctor"):
            ask()
    assert any("'m' at" in problem.found for problem in wb.doctor().problems)
