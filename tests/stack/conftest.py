"""A container engine for the tests: the one that runs, or, under REQUIRE_ENGINE=1, one that is started for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

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


@pytest.fixture(scope="session", autouse=True)
def started() -> Iterator[None]:
    """Start an engine where one is required and none runs; end it afterwards."""
    if not REQUIRED or runs():
        yield
        return
    try:
        done = subprocess.run([ROOT / ".ci" / "engine", "start"], stdout=subprocess.PIPE, text=True, check=True)
        os.environ.update(line.split("=", 1) for line in done.stdout.splitlines())
        yield
    finally:
        subprocess.run([ROOT / ".ci" / "engine", "stop"], check=True)


@pytest.fixture(scope="session")
def engine(started: None) -> None:
    """Skip where there is no engine, unless one is required."""
    if not runs():
        assert not REQUIRED, "no container engine"
        pytest.skip("SKIPPED: no container engine")


@pytest.fixture(scope="session")
def built(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The images, from nothing or from the engine's cache."""
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
