"""`start` gives every lesson a clean start and says what it put right."""

from __future__ import annotations

import json
import os
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from mlworkbench.store import Store


def test_runs_go_to_the_store_with_their_artifacts_beside_it(home: Path) -> None:
    session = wb.start("first")
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "note.txt")
    assert run.info.experiment_id == session.experiment.experiment_id
    assert list((home / "artifacts").rglob("note.txt"))


def test_plain_mlflow_calls_keep_artifacts_beside_the_store_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow alone would put them under the working directory."""
    wb.start("first")
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    mlflow.set_experiment("made by MLflow itself")
    with mlflow.start_run():
        mlflow.log_text("hello", "plain.txt")
    assert list((home / "artifacts").rglob("plain.txt"))
    assert not list(elsewhere.iterdir())


def test_a_deleted_experiment_is_restored_and_said_so(home: Path) -> None:
    first = wb.start("mine").experiment
    mlflow.MlflowClient().delete_experiment(first.experiment_id)
    again = wb.start("mine")
    assert again.experiment.experiment_id == first.experiment_id
    assert again.experiment.lifecycle_stage == "active"
    assert "had been deleted" in repr(again)


def test_open_runs_are_ended_as_failed_and_said_so(home: Path) -> None:
    wb.start("mine")
    outer = mlflow.start_run(run_name="outer")
    mlflow.start_run(run_name="inner", nested=True)
    session = wb.start("mine")
    assert mlflow.active_run() is None
    assert mlflow.get_run(outer.info.run_id).info.status == "FAILED"
    assert "'outer' was still open" in repr(session)
    assert "'inner' was still open" in repr(session)


def test_fresh_gives_an_empty_experiment_and_keeps_the_old_runs(home: Path) -> None:
    old = wb.start("mine").experiment
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1)
    session = wb.start("mine", fresh=True)
    assert session.experiment.experiment_id != old.experiment_id
    assert mlflow.search_runs().empty
    kept = f"mine (kept {old.experiment_id})"
    assert kept in repr(session)
    assert mlflow.search_runs(experiment_names=[kept]).run_id.tolist() == [run.info.run_id]
    third = wb.start("mine", fresh=True)
    assert third.experiment.experiment_id not in (old.experiment_id, session.experiment.experiment_id)


def test_fresh_keeps_a_deleted_experiment_too(home: Path) -> None:
    old = wb.start("mine").experiment
    mlflow.MlflowClient().delete_experiment(old.experiment_id)
    assert wb.start("mine", fresh=True).experiment.experiment_id != old.experiment_id
    assert mlflow.get_experiment(old.experiment_id).lifecycle_stage == "active"


def test_telemetry_is_off(home: Path) -> None:
    from mlflow.telemetry.client import get_telemetry_client

    wb.start("mine")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert get_telemetry_client() is None


@pytest.mark.parametrize("name", ["", "   ", None, 3])
def test_a_name_that_is_none(home: Path, name: object) -> None:
    with pytest.raises(wb.WorkbenchError, match="experiment name"):
        wb.start(name)  # type: ignore[arg-type]


def test_a_name_that_mlflow_refuses(home: Path) -> None:
    with pytest.raises(wb.WorkbenchError, match="did not create"):
        wb.start("x" * 1000)


def test_the_card_says_where_runs_go_and_escapes_html(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = wb.start("<b>bold</b>")
    assert "mlflow.db" in capsys.readouterr().out  # shown without being asked for
    assert "launcher" in repr(session)
    page = session._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;bold" in page


def test_the_card_links_to_the_tile_of_the_jupyter_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "4711")
    (tmp_path / "jpserver-4711.json").write_text(json.dumps({"base_url": "/hub/me/"}))
    session = wb.start("mine")
    assert session.link.startswith(f"/hub/me/mlflow/#/experiments/{session.experiment.experiment_id}/")
    assert f'href="{session.link}"' in session._repr_html_()


def test_the_card_links_to_where_the_browser_finds_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the server has another address for the kernel; in a class the page belongs to a workspace."""
    experiment = mlflow.entities.Experiment("7", "mine", "mlflow-artifacts:/7", "active")
    session = wb.Session(experiment, Store("http://mlflow:5000", None, "set"))
    assert session.link == "http://mlflow:5000/#/experiments/7/runs"
    monkeypatch.setenv("MLWORKBENCH_UI", "http://localhost:5050/")
    assert session.link == "http://localhost:5050/#/experiments/7/runs"
    monkeypatch.setenv("MLFLOW_WORKSPACE", "ada")
    assert session.link == "http://localhost:5050/#/experiments/7/runs?workspace=ada"
