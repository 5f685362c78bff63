"""The store is chosen by a clear order, made once, and refused with a reason when it cannot work."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest

from mlworkbench.errors import StoreError
from mlworkbench.ports import free_port
from mlworkbench.store import Store, open_store, without_password
from mlworkbench.workbook import workbook_home, workbook_root
from tests.paths import ROOT

PATIENCE = 10.0  # seconds within which an unreachable store must be told


def refused(uri: str | None = None) -> str:
    """The message with which a store is refused: three sentences, within 10 seconds."""
    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    assert time.monotonic() - begun < PATIENCE
    message = str(caught.value)
    assert [line.split(":")[0] for line in message.splitlines()] == ["Found", "Expected", "Do this"]
    return message


def test_the_order_of_choice(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = open_store()
    assert default.uri == f"sqlite:///{empty_home / 'mlflow.db'}"
    assert default.artifact_root == (empty_home / "artifacts").as_uri()
    other = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert open_store().uri == other
    third = f"sqlite:///{tmp_path / 'third.db'}"
    assert open_store(third).uri == third


def test_the_root_is_found_from_any_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workbook_root(ROOT / "notebooks" / "01_tracking") == ROOT
    monkeypatch.chdir(ROOT / "notebooks")
    assert workbook_home() == ROOT / ".mlworkbench"


def test_outside_of_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no workbook at or above" in refused()


def test_the_store_survives_a_killed_creation(empty_home: Path) -> None:
    """What a killed process leaves is a file under another name, which the next one replaces."""
    empty_home.mkdir()
    (empty_home / "mlflow.db.new").write_bytes(b"half a database")
    assert open_store().uri.endswith("mlflow.db")
    assert not (empty_home / "mlflow.db.new").exists()
    with sqlite3.connect(empty_home / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


WRITER = """
import mlflow, mlworkbench as wb
wb.start("race")
for number in range(50):
    with mlflow.start_run():
        mlflow.log_param("number", number)
        mlflow.log_metric("value", number)
"""


def test_eight_writers_race_for_a_store_that_does_not_exist(empty_home: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], stderr=subprocess.PIPE, text=True) for _ in range(8)]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, errors
    assert not any("locked" in error for error in errors)
    client = mlflow.MlflowClient(f"sqlite:///{empty_home / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "race"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    assert len(runs) == 400
    assert all(run.info.status == "FINISHED" and run.data.metrics and run.data.params for run in runs)


@pytest.mark.parametrize("uri", ["file:/somewhere/mlruns", "./mlruns", "mlruns", "C:\\mlruns", ""])
def test_file_stores_are_refused(uri: str) -> None:
    assert "plain files" in refused(uri)


@pytest.mark.parametrize(("revision", "age"), [("451aebb31d03", "an older"), ("ffffffffffff", "a newer")])
def test_the_schema_of_another_mlflow(home: Path, revision: str, age: str) -> None:
    open_store()
    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    message = refused()
    assert f"{age} MLflow (schema {revision})" in message
    assert ("mlflow db upgrade" in message) == (age == "an older")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, not a database" * 100)
    assert "is not a database" in refused(f"sqlite:///{tmp_path / 'notes.db'}")


def test_a_database_in_memory(tmp_path: Path) -> None:
    assert "names no file" in refused("sqlite:///:memory:")
    assert "names no file" in refused("sqlite://")


def test_a_read_only_folder(tmp_path: Path) -> None:
    """Permissions do not bind root, so as root the test becomes nobody for the length of the call."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        assert "cannot be written" in refused(f"sqlite:///{folder / 'mlflow.db'}")
    finally:
        os.seteuid(user)


def test_no_server_answers() -> None:
    assert "no server answers" in refused(f"http://127.0.0.1:{free_port()}")


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "no server answers" in refused(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that gives one status to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(request.param)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answering", "cure"),
    [(401, "PASSWORD"), (403, "ALLOWED_HOSTS"), (404, "not something else")],
    indirect=["answering"],
)
def test_a_server_that_refuses(answering: str, cure: str) -> None:
    assert cure in refused(answering)


def test_a_real_server_is_used_and_keeps_the_artifacts(tmp_path: Path) -> None:
    port = free_port()
    """Artifacts logged by this client arrive at the server; a host that the server does not know is told."""
    uri = f"http://127.0.0.1:{port}"
    command = [*(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port))]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path / 's.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "kept")]
    allowed = {**os.environ, "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port}"}
    allowed["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with subprocess.Popen(command, env=allowed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            store = wait_for(uri)
            assert store.artifact_root is None
            import mlworkbench as wb

            session = wb.start("on a server", tracking_uri=uri)
            assert session.link.startswith(f"{uri}/#/experiments/{session.experiment.experiment_id}/")
            with mlflow.start_run():
                mlflow.log_text("hello", "note.txt")
            assert [path.read_text() for path in (tmp_path / "kept").rglob("note.txt")] == ["hello"]
            assert "ALLOWED_HOSTS" in refused(f"http://localhost:{port}")
        finally:
            server.terminate()


def wait_for(uri: str) -> Store:
    for _ in range(120):
        try:
            return open_store(uri)
        except StoreError:
            time.sleep(0.5)
    return open_store(uri)


def test_postgresql_is_opened_and_its_password_hidden(home: Path, postgres: Callable[[], str]) -> None:
    uri = postgres()
    store = open_store(uri)
    assert store.uri == uri
    assert store.artifact_root == (home / "artifacts").as_uri()
    assert without_password("postgresql://me:secret@db/x") == "postgresql://me:***@db/x"


def test_no_database_answers(home: Path) -> None:
    message = refused(f"postgresql+psycopg://me:secret@127.0.0.1:{free_port()}/mlflow")
    assert "no database answers" in message
    assert "secret" not in message


def test_a_driver_that_is_not_installed(home: Path) -> None:
    assert "No module named" in refused("mysql+pymysql://me@127.0.0.1/mlflow")
