"""The store in which the answers to an assignment are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlworkbench as wb


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers") / ".mlworkbench"


@pytest.fixture
def session(request: pytest.FixtureRequest, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store for all tests of a module, which only add to it, in the experiment of its part."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    part = request.module.__name__.rpartition("test_")[2].removesuffix("_answers")
    wb.start(f"exercises: {part}")
