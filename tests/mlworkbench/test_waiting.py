"""One variable makes everything wait longer, and says so when it is nonsense."""

from __future__ import annotations

import pytest

import mlworkbench as wb
from mlworkbench.waiting import PATIENCE_VARIABLE, patience


@pytest.mark.parametrize(("text", "seconds"), [("", 5), ("1", 5), ("3", 15), ("0.5", 2.5)])
def test_every_limit_is_multiplied(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    assert patience(5) == seconds


@pytest.mark.parametrize("text", ["abc", "0", "-1", "nan", "inf"])
def test_nonsense_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, text)
    with pytest.raises(wb.WorkbenchError, match=f"MLWORKBENCH_PATIENCE = '{text}'"):
        patience(5)
