"""A container engine for the tests: the one that runs, or, under REQUIRE_ENGINE=1, one that is started for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.stack.files import ROOT
from tests.stack.stack import Stack

QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
REQUIRED = bool(os.environ.get("REQUIRE_ENGINE"))


def runs() -> bool:
    """Whether an engine answers, with compose."""
    commands = (["docker", "info"], ["docker", "compose", "version"])
    try:
        return all(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands)
    except FileNotFoundError:
        return False


class TwoAtOnce(LoadScopeScheduling):  # type: ignore[misc]
    """Two processes share the tests: what needs the stack up, in its order, and all that can run beside it."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if "/test_engine.py" in nodeid or "/test_engine_disasters.py" in nodeid else "beside"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TwoAtOnce:
    """Asked under ``--numprocesses``."""
    return TwoAtOnce(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run last what needs the images."""
    items.sort(key=lambda item: "built" in getattr(item, "fixturenames", ()))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start an engine where one is required and none runs; end it afterwards."""
    if hasattr(session.config, "workerinput") or not REQUIRED or runs():
        return
    session.config.add_cleanup(lambda: subprocess.run([ROOT / ".ci" / "engine", "stop"], check=True))
    done = subprocess.run([ROOT / ".ci" / "engine", "start"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        pytest.exit("no container engine can be started", returncode=1)
    os.environ.update(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The images, from nothing or from the engine's cache; without an engine a skip, unless one is required."""
    if not runs():
        assert not REQUIRED, "no container engine"
        pytest.skip("SKIPPED: no container engine")
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.compose("build")
    return stack


@pytest.fixture(scope="session")
def stack(built: Stack) -> Iterator[Stack]:
    """The stack, up."""
    try:
        built.up()
        yield built
    finally:
        print(built.compose("logs", "--tail", "30", check=False))  # noqa: T201 (shown when a test has failed)
        built.compose("down", "--volumes", "--timeout", "5", "--remove-orphans", check=False)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients give up soon."""
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
