"""The MLflow tile starts the UI of the workbook's own store, for its user alone, and nothing that outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests

from mlworkbench.lab.mlflow_tile import mlflow_tile
from mlworkbench.ports import free_port
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.processes

LAB = """
import os, subprocess, time
from mlworkbench.lab.mlflow_tile import mlflow_tile
tile = mlflow_tile()
place = tile["unix_socket"]
command = [part.format() for part in tile["command"](port=0, unix_socket=place, base_url="/hub/")]
environment = {name: value.format() for name, value in tile["environment"]().items()}
server = subprocess.Popen(command, env={**os.environ, **environment})
print(place, server.pid, flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], Path, psutil.Process]]:
    """A process that starts the tile's server as JupyterLab does; it, the server's socket and its first process."""
    command = [sys.executable, "-c", LAB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout
        place, pid = lab.stdout.readline().split()
        server = psutil.Process(int(pid))
        try:
            until(lambda: "200 OK" in get(Path(place), "/hub/mlflow/"))
            yield lab, Path(place), server
        finally:
            lab.kill()
            until(lambda: not alive(server))


def get(place: Path, path: str) -> str:
    """The first line of the answer."""
    return whole(place, path).partition("\r\n")[0]


def whole(place: Path, path: str) -> str:
    """The beginning of the answer; empty when nobody listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(place))
        except OSError:
            return ""
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(1000).decode(errors="replace")


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


KNOCK = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def test_the_server_is_out_of_reach_for_others_and_ends_with_a_killed_lab(
    home: Path, postgres_store: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens at no port, shows no password to those who list processes, and another user cannot connect."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres_store().replace("postgres:@", "postgres:SECRET@"))
    with running() as (lab, place, first):
        family = [first, *first.children(recursive=True)]
        assert len(family) > 1
        assert not [c for process in family for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert not [process for process in family if "SECRET" in " ".join(process.cmdline())]
        if os.geteuid() == 0:
            knock = [sys.executable, "-c", KNOCK, str(place)]
            assert subprocess.run(knock, capture_output=True, check=False).returncode == 0
            stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test", "-e", str(place)]
            assert subprocess.run(stranger, capture_output=True, check=False).returncode == 1
        lab.kill()
        until(lambda: not any(map(alive, family)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_whole_when_its_first_process_does(home: Path, number: int) -> None:
    """As jupyter-server-proxy ends it: one that is not ready in time by SIGKILL."""
    with running() as (_, _, first):
        family = [first, *first.children(recursive=True)]
        first.send_signal(number)
        until(lambda: not any(map(alive, family)))


def test_the_command_and_the_environment_name_the_workbooks_own_store(empty_home: Path) -> None:
    tile = mlflow_tile()
    command = tile["command"](port=4711, unix_socket="", base_url="/hub/")
    assert dict(zip(command[-8::2], command[-7::2], strict=True)) == {
        "--host": "127.0.0.1",
        "--port": "4711",
        "--workers": "1",
        "--static-prefix": "/hub/mlflow",
    }
    environment = tile["environment"]()
    assert (empty_home / "mlflow.db").exists()
    assert environment == {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{empty_home / 'mlflow.db'}",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": (empty_home / "artifacts").as_uri(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


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


def test_jupyter_gives_the_page_to_those_who_have_its_token(home: Path) -> None:
    """By jupyter-server-proxy, which starts the server; without the token nobody gets past Jupyter."""
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", f"--ServerApp.port={port}"]
    env = {**os.environ, "JUPYTER_TOKEN": "a-token-of-this-test"}
    url = f"http://127.0.0.1:{port}/mlflow/"
    with subprocess.Popen(command, cwd=home, env=env, stderr=subprocess.DEVNULL) as server:
        try:
            until(lambda: page(url, "") is not None)
            assert page(url, "").status_code == 403 or "login" in page(url, "").url
            until(lambda: page(url, "a-token-of-this-test").status_code == 200)
            found = page(url, "a-token-of-this-test")
            assert "<title>MLflow</title>" in found.text
            assert "machine_learning" in found.text
        finally:
            server.terminate()


def page(url: str, token: str) -> requests.Response | None:
    try:
        return requests.get(url, headers={"Authorization": f"token {token}"} if token else {}, timeout=PATIENCE)
    except requests.ConnectionError:
        return None


def test_whoever_asks_while_mlflow_starts_is_told_so(home: Path) -> None:
    """The page asks again by itself, and MLflow's own takes its place; no process is left that nobody waits for."""
    command = [sys.executable, "-c", LAB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout
        place, pid = lab.stdout.readline().split()
        server = psutil.Process(int(pid))
        answers: list[str] = []
        until(lambda: answers.append(whole(Path(place), "/hub/mlflow/")) or "200 OK" in answers[-1])
        first = next(filter(None, answers))
        assert first.startswith("HTTP/1.1 503 ")
        assert "MLflow is starting" in first
        assert "location.reload()" in first
        assert all(child.status() != psutil.STATUS_ZOMBIE for child in server.children())
        lab.kill()
        until(lambda: not alive(server))


def test_a_server_at_a_port_touches_no_file_on_its_way(tmp_path: Path) -> None:
    """Lessons 1.6 and 3.4 start their servers by the same module."""
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    command = [sys.executable, "-m", "mlworkbench.lab.mlflow_server", str(os.getpid()), str(program), "-c", "print(7)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "7\n"
    assert program.is_symlink()
