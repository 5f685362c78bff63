"""The store in which the answers to an assignment are tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import mlworkbench as wb


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """One store for the answers of a part, as long as this process lives, as the answers that it has given are kept."""
    return cache(lambda part: tmp_path_factory.mktemp(part) / ".mlworkbench")


@pytest.fixture
def session(request: pytest.FixtureRequest, stores: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the part to which a module's tests belong; they only add to it."""
    part = request.module.__name__.split(".")[-2]
    monkeypatch.setenv("MLWORKBENCH_HOME", str(stores(part)))
    wb.start(f"exercises: {part}")
