"""What measures tells what it cannot measure, and the page of figures says what was missed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.__main__ import page
from benchmarks.measure import NOTES_VARIABLE, compare, note, require_quiet


@pytest.mark.parametrize(
    ("load", "cores", "told"),
    [(1.6, 2, "Found: a load of 1.6. Expected: at most 1.5."), (0.1, 1, "Found: 1 core. Expected: at least 2.")],
)
def test_a_machine_that_cannot_measure_is_told(
    load: float, cores: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    with pytest.raises(SystemExit, match=told):
        require_quiet()


def test_a_quiet_machine_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    require_quiet()


def test_figures_are_noted_with_what_was_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes.jsonl"
    monkeypatch.setenv(NOTES_VARIABLE, str(notes))
    order: list[str] = []
    assert compare("in turn", lambda: order.append("plain"), lambda: order.append("ours"), 2)
    assert order == ["plain", "ours"] * 2
    assert not compare("a wish", lambda: None, lambda: sum(range(100_000)), 3, least=1000)
    assert note("memory", "5 MiB", wanted="at most 6 MiB", reached=True)
    rows = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [(row["work"], row["reached"]) for row in rows] == [("in turn", True), ("a wish", False), ("memory", True)]
    lines = page(rows).splitlines()[-3:]
    assert [line.split(" | ")[-1] for line in lines] == [" |", "**no** |", "yes |"]
