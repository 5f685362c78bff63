"""A lesson that starts servers leaves neither a process nor a port behind when it is interrupted in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mlworkbench.ports import require_free
from mlworkbench.waiting import patience
from tests.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]


def processes(home: Path) -> Iterator[psutil.Process]:
    """Every process that the execution has started, and what those have started."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLWORKBENCH_HOME") == str(home) and process.pid != os.getpid():
                yield process
        except psutil.Error:  # it has just ended
            continue


def called(home: Path, word: str) -> list[psutil.Process]:
    """Those whose command has a word in it."""
    found = []
    for process in processes(home):
        with contextlib.suppress(psutil.Error):
            found += [process] if any(word in part for part in process.cmdline()) else []
    return found


def listening(home: Path) -> set[int]:
    """Ports at which MLflow servers listen."""
    found = set()
    for process in called(home, "uvicorn"):
        with contextlib.suppress(psutil.Error):
            found |= {each.laddr.port for each in process.net_connections("inet") if each.status == "LISTEN"}
    return found


@contextlib.contextmanager
def run_until_ctrl_c(lesson: str, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a lesson and interrupt it at the end of the block; then nothing of it may be left."""
    command = [sys.executable, "-m", "mlworkbench", "run", lesson, "--fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as runner:
        try:
            yield runner
        finally:
            runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=patience(300))
    assert runner.returncode == 130
    until(lambda: not list(processes(home)))


@pytest.mark.parametrize(("lesson", "servers"), [("1.6", 2), ("3.4", 1)])
def test_after_ctrl_c_nothing_is_left(lesson: str, servers: int, empty_home: Path) -> None:
    """In lesson 1.6 a PostgreSQL and two servers run by then."""
    with run_until_ctrl_c(lesson, empty_home) as runner:
        until(lambda: len(listening(empty_home)) >= servers or runner.poll() is not None)
        assert runner.poll() is None
        ports = listening(empty_home)
        databases = [process for process in processes(empty_home) if process.name() == "postgres"]
    for port in ports:
        require_free(port)
    assert bool(databases) == (lesson == "1.6")


@pytest.mark.parametrize(("lesson", "word"), [("3.4", "gate.py"), ("6.3", "set_prompt_alias")])
def test_after_ctrl_c_nothing_is_left_of_a_process_that_a_lesson_waits_for(
    lesson: str, word: str, empty_home: Path
) -> None:
    """Lesson 3.4 runs a project in a thread; 6.3 moves an alias from another process, and starts no server."""
    with run_until_ctrl_c(lesson, empty_home) as runner:
        until(lambda: called(empty_home, word) or runner.poll() is not None)
        assert runner.poll() is None
