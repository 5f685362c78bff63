"""What measures tells what it cannot measure; each section of the page of figures says what was missed, and when."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as command
from benchmarks.measure import NOTES_VARIABLE, compare, compare_each, note, require_quiet, sized
from benchmarks.page import figures, write_section
from tests.paths import ROOT


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


def test_between_benchmarks_counts_what_works_just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load still tells of the benchmark before."""
    monkeypatch.setenv(NOTES_VARIABLE, "notes.jsonl")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (50.0, 0.0, 0.0))
    monkeypatch.setattr(psutil, "cpu_percent", lambda _: 10.0)
    require_quiet()
    monkeypatch.setattr(psutil, "cpu_percent", lambda _: 90.0)
    with pytest.raises(SystemExit, match=r"Found: a load of 1\.8\."):
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
    lines = figures(rows).splitlines()[-3:]
    assert [line.split(" | ")[-1] for line in lines] == [" |", "**no** |", "yes |"]


def test_several_ways_are_measured_against_one_plain_way(capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def slow() -> None:
        order.append("plain")
        time.sleep(0.2)

    ways = {"quick": (lambda: order.append("quick"), 5.0), "slower": (lambda: time.sleep(0.2), 5.0)}
    assert not compare_each(slow, ways, 2)
    assert order == ["plain", "quick"] * 2
    quick, slower = capsys.readouterr().out.splitlines()
    assert "wanted: 5 times, reached" in quick
    assert "wanted: 5 times, MISSED" in slower


def test_few_makes_a_try_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sized(1000, 2) == 1000
    monkeypatch.setattr(sys, "argv", ["bench_runs", "--few"])
    assert sized(1000, 2) == 2


EARLIER = """# Performance

What counts is the ratio.

## bench_first (earlier figures)

2 cores.

| work | figure |
|---|---|
| import | 0.003 s |

## bench_last

2026-01-02: 4 cores.

| set-up | 20 times |
"""
FIRST = """'''The first of two.

More words.
'''
from benchmarks.measure import note
note("reading", "3 | 4 s", wanted="2 s", reached=False)
raise SystemExit(1)
"""
LAST = """'''The last.'''
import sys
from benchmarks.measure import note
if BREAKS_EARLY:
    raise RuntimeError
note("reading", "1 s", wanted="2 s")
raise RuntimeError
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of earlier figures, and in the working folder two benchmarks, on a machine that counts as quiet."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    for name in ("__init__.py", "measure.py"):
        shutil.copy(ROOT / "benchmarks" / name, folder)
    (folder / "bench_first.py").write_text(FIRST)
    (folder / "bench_last.py").write_text(LAST.replace("BREAKS_EARLY", "False"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "HERE", folder)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0))
    monkeypatch.setattr(command, "busy_cores", lambda: 0.1)
    (tmp_path / "performance.md").write_text(EARLIER)
    return tmp_path / "performance.md"


def test_one_benchmark_replaces_its_own_section_alone(page: Path) -> None:
    assert command.main(["bench_first"], page) == 1
    head, first, last = page.read_text().split("## ")
    assert (head, last) == (EARLIER.partition("## ")[0], EARLIER.rpartition("## ")[2])
    name, _, what, _, machine, _, *lines = first.strip().splitlines()
    assert (name, what) == ("bench_first", "The first of two.")
    assert machine.startswith(f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, ")
    assert lines[2:] == [r"| reading | 3 \| 4 s |  | 1 | 2 s | **no** |"]


def test_a_benchmark_that_breaks_off_says_so(page: Path) -> None:
    assert command.main([], page) == 1
    last = page.read_text().split("## ")[2]
    assert last.startswith("bench_last\n\nThe last.\n")
    assert last.endswith("| reading | 1 s |  | 1 | 2 s | yes |\n\nIt broke off after these figures.\n")


def test_a_benchmark_without_figures_leaves_the_page(page: Path) -> None:
    Path("benchmarks/bench_last.py").write_text(LAST.replace("BREAKS_EARLY", "True"))
    assert command.main(["bench_last"], page) == 1
    assert page.read_text() == EARLIER


def test_a_new_section_stands_in_the_order_of_names(page: Path) -> None:
    write_section("bench_import", "new", page)
    write_section("bench_import", "newer", page)
    write_section("Where the time goes", "in lessons", page)
    sections = [part.splitlines()[0] for part in page.read_text().split("## ")[1:]]
    assert sections == ["bench_first (earlier figures)", "bench_import", "bench_last", "Where the time goes"]
    assert "## bench_import\n\nnewer\n\n## bench_last" in page.read_text()


def test_an_unknown_benchmark_is_named(page: Path) -> None:
    with pytest.raises(SystemExit, match=r"Found: bench_speed\. Expected: bench_first, bench_last\."):
        command.main(["bench_speed"], page)


def test_each_section_of_the_page_belongs_to_a_benchmark() -> None:
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    names = {section.split()[0] for section in text.split("\n## ")[1:]} - {"Where"}
    assert names <= {path.stem for path in (ROOT / "benchmarks").glob("bench_*.py")}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")))
def test_what_a_benchmark_measures_is_still_there(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")
