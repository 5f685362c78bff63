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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the engine tier last, since its images are built meanwhile, and grading before the stack is up."""
    items.sort(key=lambda item: ("test_engine" in item.nodeid, "test_engine_grading" not in item.nodeid))


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


@pytest.fixture(scope="session", autouse=True)
def building(
    started: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Stack, subprocess.Popen[bytes]] | None:
    """Begin to build the images, from nothing or from the engine's cache, if a test will need them."""
    if not runs() or not any("test_engine" in item.nodeid for item in request.session.items):
        return None
    stack = Stack(tmp_path_factory.mktemp("stack"))
    return stack, stack.start("docker", "compose", "build")


@pytest.fixture(scope="session")
def built(building: tuple[Stack, subprocess.Popen[bytes]] | None) -> Stack:
    """The images; without an engine a skip, unless one is required."""
    if building is None:
        assert not REQUIRED, "no container engine"
        pytest.skip("SKIPPED: no container engine")
    stack, process = building
    assert process.wait() == 0, (stack.folder / "log.txt").read_text()[-3000:]
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
