"""One variable makes everything wait longer, and says so when it is nonsense."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlworkbench as wb
from mlworkbench import waiting
from mlworkbench.doctor_checks import tracking_store
from mlworkbench.errors import StoreError
from mlworkbench.lab.mlflow_tile import mlflow_tile
from mlworkbench.serving.endpoint import Endpoint
from mlworkbench.store import Store, open_store
from mlworkbench.waiting import PATIENCE_VARIABLE, patience, telling

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(("text", "seconds"), [("", 5), ("1", 5), ("3", 15), ("0.5", 2.5)])
def test_every_limit_is_multiplied(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    assert patience(5) == seconds


@pytest.mark.parametrize("text", ["abc", "0", "-1", "nan", "inf"])
def test_nonsense_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    with pytest.raises(wb.WorkbenchError, match=f"MLWORKBENCH_PATIENCE = '{text}'"):
        patience(5)


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of something that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A twentieth of every limit; each of those below would be seconds without it, and is told."""
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.05")
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 60


@pytest.mark.usefixtures("short")
def test_a_tracking_server(silent: str) -> None:
    with pytest.raises(StoreError, match=r"no server answers at http://\S+ within 0\.25 s(?s:.*)PATIENCE=3"):
        open_store(f"http://{silent}")


@pytest.mark.usefixtures("empty_home", "short")
def test_a_database_server(silent: str) -> None:
    with pytest.raises(StoreError, match=r"within 1 s \((?s:.*)PATIENCE=3"):
        open_store(f"postgresql+psycopg://me@{silent}/x")


@pytest.mark.usefixtures("short")
def test_a_file_that_another_process_holds(home: Path) -> None:
    with sqlite3.connect(home / "mlflow.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"database is locked(?s:.*)free within 0\.25 s(?s:.*)PATIENCE=3"):
            open_store()
        other.rollback()


@pytest.mark.usefixtures("short")
def test_a_repository(silent: str) -> None:
    with pytest.raises(wb.ProjectError, match=r"timed out after 0\.75 s(?s:.*)PATIENCE=3"):
        wb.describe_project(f"git://{silent}/project")


@pytest.mark.usefixtures("short")
def test_a_model_server(silent: str) -> None:
    asked = Endpoint(f"http://{silent}", 0, Path("no.log"))
    assert not asked.is_ready()
    with pytest.raises(wb.WorkbenchError, match=r"does not answer within 6 s \(ReadTimeout(?s:.*)PATIENCE=3"):
        asked.predict([[1.0]])


@pytest.mark.usefixtures("short")
def test_a_server_that_doctor_asks(silent: str) -> None:
    with pytest.raises(Exception, match=r"read timeout=0\.5"):
        list(tracking_store.server(Store(f"http://{silent}", None, "a test")))


@pytest.mark.usefixtures("short", "empty_home")
def test_the_tile() -> None:
    assert mlflow_tile()["timeout"] == 15


@pytest.mark.parametrize("text", ["abc", "-1"])
def test_doctor_tells_nonsense_also_where_it_waits(text: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    assert {finding.what for finding in wb.doctor().problems} >= {"settings", "store"}


def test_what_takes_long_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TOLD_AFTER", 0.1)
    with telling("a cup of tea"):
        limit = time.monotonic() + 60
        while "Waiting for a cup of tea ...\n" not in (said := capsys.readouterr().err):
            assert time.monotonic() < limit, said
            time.sleep(0.05)
    with telling("nothing"):
        pass
    time.sleep(0.3)
    assert capsys.readouterr().err == ""
