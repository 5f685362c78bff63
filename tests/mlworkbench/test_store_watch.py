"""A tracking server that goes away: it is told, waited for, given up in time, and left at once by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlworkbench as wb
from mlworkbench.errors import StoreError
from mlworkbench.ports import free_port
from mlworkbench.store_watch import answers, watched
from tests.notebooks import notebook

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="processes are stopped by signals"),
]


class Server:
    """A real tracking server, which can be stopped and goes on."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"http://127.0.0.1:{free_port()}"
        where = ["--host", "127.0.0.1", "--port", self.uri.split(":")[-1], "--workers", "1"]
        store = [
            "--backend-store-uri",
            f"sqlite:///{folder}/s.db",
            "--artifacts-destination",
            str(folder / "artifacts"),
        ]
        command = [sys.executable, "-m", "mlflow", "server", *where, *store]
        env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes for generative AI
        self.process = subprocess.Popen(command, env=env, start_new_session=True, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 300
        while not answers(self.uri):
            assert time.monotonic() < limit
            assert self.process.poll() is None
            time.sleep(0.5)

    def signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)


@pytest.fixture
def server(tmp_path: Path, empty_home: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    yield started
    started.signal(signal.SIGCONT)
    started.signal(signal.SIGKILL)
    started.process.wait()


@pytest.fixture
def command(server: Server, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep on that server of a point that takes a while, once it has begun, with the server stopped then."""
    begun = tmp_path / "begun"
    waits = f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(1)"
    path = notebook(tmp_path / "a.ipynb", "n = 0", waits, parameters=True)
    env = {**os.environ, "MLFLOW_TRACKING_URI": server.uri, "MLWORKBENCH_PATIENCE": os.environ.get("LIMIT", "1")}
    started = [sys.executable, "-m", "mlworkbench", "rerun", str(path), "--grid", "n=1,2"]
    with subprocess.Popen(started, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.1)
        server.signal(signal.SIGSTOP)
        yield process
        process.kill()


def told(process: subprocess.Popen[str]) -> str:
    """The line that says what is waited for."""
    assert process.stderr
    while "Waiting for" not in (line := process.stderr.readline()):
        assert line, process.poll()
    return line


def test_it_is_told_and_waited_for(server: Server, command: subprocess.Popen[str]) -> None:
    assert server.uri in told(command)
    server.signal(signal.SIGCONT)
    shown, more = command.communicate(timeout=300)
    assert (command.returncode, "It answers again." in more, shown.count("passed")) == (0, True, 2), more


def test_ctrl_c_ends_at_once(server: Server, command: subprocess.Popen[str]) -> None:
    told(command)
    command.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, more = command.communicate(timeout=300)
    assert (command.returncode, "Traceback" in more) == (130, False), more
    assert time.monotonic() - began < 60  # MLflow alone goes on trying for minutes


def test_what_stays_away_is_given_up(
    server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMIT", "0.3")  # also of what the server may take while it is there
    process = request.getfixturevalue("command")
    assert "54 s" in told(process)
    _, more = process.communicate(timeout=300)
    assert (process.returncode, "Traceback" in more) == (2, False), more
    assert "has not answered for 54 s" in more
    assert "Do this: Start it" in more


@pytest.mark.parametrize("at_ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["terminal", "background"])
def test_a_notebook_of_ones_own_is_told_in_three_sentences(
    server: Server, monkeypatch: pytest.MonkeyPatch, at_ctrl_c: Any
) -> None:
    """By the call itself, in whose process nothing else is ended; also where Ctrl-C is ignored, as behind an '&'."""
    monkeypatch.setenv("MLWORKBENCH_PATIENCE", "0.02")
    at_first = signal.signal(signal.SIGINT, at_ctrl_c)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR2)]
    server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match=r"has not answered for 3\.6 s"), watched(server.uri):
            time.sleep(60)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR2)] == before
    finally:
        signal.signal(signal.SIGINT, at_first)
    assert issubclass(StoreError, wb.WorkbenchError)
