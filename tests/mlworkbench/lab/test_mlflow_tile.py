"""The MLflow tile starts the UI of the workbook's own store, and nothing that outlives it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mlworkbench.lab.mlflow_tile import mlflow_tile


def test_the_command_makes_and_serves_the_workbooks_own_store(empty_home: Path) -> None:
    command = mlflow_tile()["command"](port=4711, base_url="/hub/")
    assert (empty_home / "mlflow.db").exists()
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--backend-store-uri": f"sqlite:///{empty_home / 'mlflow.db'}",
        "--default-artifact-root": (empty_home / "artifacts").as_uri(),
        "--host": "127.0.0.1",
        "--port": "4711",
        "--workers": "1",
        "--static-prefix": "/hub/mlflow",
    }


def test_no_telemetry_and_no_job_processes() -> None:
    environment = mlflow_tile()["environment"]
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_no_tile_where_a_server_has_a_page_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mlflow_tile()["launcher_entry"]["enabled"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert not mlflow_tile()["launcher_entry"]["enabled"]


def test_pages_open_on_model_training_and_other_answers_stay_as_they_are() -> None:
    rewrite = mlflow_tile()["rewrite_response"]
    page = SimpleNamespace(headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html><head><title>")
    rewrite(page)
    assert b"machine_learning" in page.body
    data = SimpleNamespace(headers={"Content-Type": "application/json"}, body=b'{"a": "<head>"}')
    rewrite(data)
    assert data.body == b'{"a": "<head>"}'
