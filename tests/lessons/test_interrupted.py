"""A lesson that starts servers leaves neither a process nor a port behind when it is interrupted in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlworkbench.ports import require_free
from mlworkbench.waiting import patience

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]


def processes(home: Path) -> Iterator[psutil.Process]:
    """Every process that the execution has started, and what those have started."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLWORKBENCH_HOME") == str(home) and process.pid != os.getpid():
                yield process
        except psutil.Error:  # it has just ended
            continue


def listening(home: Path, name: str) -> set[int]:
    """Ports at which processes of this name listen."""
    found = set()
    for process in processes(home):
        try:
            if any(name in word for word in process.cmdline()):
                found |= {each.laddr.port for each in process.net_connections("inet") if each.status == "LISTEN"}
        except psutil.Error:
            continue
    return found


def until(question: Callable[[], object], runner: subprocess.Popen[str] | None = None) -> None:
    limit = time.monotonic() + patience(600)
    while not question():
        assert time.monotonic() < limit
        assert runner is None or runner.poll() is None
        time.sleep(0.2)


@pytest.mark.parametrize(("lesson", "servers"), [("1.6", 2), ("3.4", 1)])
def test_after_ctrl_c_nothing_is_left(lesson: str, servers: int, empty_home: Path) -> None:
    """In lesson 1.6 a PostgreSQL and two servers run by then."""
    command = [sys.executable, "-m", "mlworkbench", "run", lesson, "--fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as runner:
        try:
            until(lambda: len(listening(empty_home, "uvicorn")) >= servers, runner)
            ports = listening(empty_home, "uvicorn")
            databases = [process for process in processes(empty_home) if process.name() == "postgres"]
        finally:
            runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=patience(300))
    assert runner.returncode == 130
    until(lambda: not list(processes(empty_home)))
    for port in ports:
        require_free(port)
    assert bool(databases) == (lesson == "1.6")
