"""Where the time goes: per lesson and cell, from the executed copies of `mlworkbench run`; per test, from JUnit's XML.

``python -m benchmarks.where_time_goes`` after ``mlworkbench run``; for the tests, ``pytest --junitxml FILE`` and then
``python -m benchmarks.where_time_goes --tests FILE``. Each writes its section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import nbformat

from benchmarks.page import PAGE, dated, table, write_section
from mlworkbench.workbook import lesson_id, workbook_home

SLOWEST = 10
LONGEST_NAME = 90


class Lesson(NamedTuple):
    """Seconds of an executed lesson, from what papermill has noted in it."""

    id: str
    day: str
    total: float
    start: float
    cells: list[tuple[float, str]]

    @property
    def own(self) -> float:
        """Seconds in which its cells worked: what remains when everything around them costs nothing."""
        return sum(seconds for seconds, _ in self.cells)


def lesson(path: Path) -> Lesson | None:
    """Read an executed copy; None for one that did not come to its end."""
    notebook = nbformat.read(path, as_version=4)
    whole, number = notebook.metadata.get("papermill", {}), lesson_id(path)
    if not number or not whole.get("duration") or whole.get("exception"):
        return None
    timed = [(number, cell, cell.metadata["papermill"]) for number, cell in enumerate(notebook.cells, 1)]
    code = [each for each in timed if each[1].cell_type == "code" and each[2]["start_time"]]
    begun = min(datetime.fromisoformat(noted["start_time"]) for _, _, noted in code)
    start = (begun - datetime.fromisoformat(whole["start_time"])).total_seconds()
    cells = [(noted["duration"] or 0.0, named(number, cell.source)) for number, cell, noted in code]
    return Lesson(number, whole["end_time"][:10], whole["duration"], start, cells)


def named(number: int, source: str) -> str:
    """The number of a cell and its first line that does something, as the cell is found in the lesson."""
    lines = [line for line in source.splitlines() if line.strip()] or [""]
    telling = [line for line in lines if not line.startswith(("import ", "from ", "#", "%"))]
    return f"{number}: `{(telling or lines)[0][:LONGEST_NAME]}`"


def of_lessons(folder: Path) -> str:
    """The tables of all executed lessons below a folder."""
    found = [each for path in sorted(folder.rglob("*.ipynb")) if (each := lesson(path))]
    if not found:
        sys.exit(f"Found: no executed lesson in {folder}. Expected: some. Do this: `mlworkbench run`.")
    rows = [
        (each.id, *(f"{part:.1f}" for part in (each.total, each.own, each.start, each.total - each.own - each.start)))
        for each in sorted(found, key=lambda each: -each.total)
    ]
    sums = [f"{sum(float(row[column]) for row in rows):.1f}" for column in range(1, 5)]
    cells = sorted(((*cell, each.id) for each in found for cell in each.cells), reverse=True)[:SLOWEST]
    columns = ("lesson", "total, s", "its cells, the limit", "start of the kernel", "between the cells")
    days = " to ".join(sorted({min(each.day for each in found), max(each.day for each in found)}))
    return "\n\n".join(
        [
            f"Executed {days}, {dated().partition(': ')[2]}",
            table(columns, [*rows, ("all", *sums)]),
            f"The {len(cells)} slowest cells:",
            table(("lesson", "seconds", "cell"), [(number, f"{seconds:.1f}", name) for seconds, name, number in cells]),
        ]
    )


def timed_tests(report: Path) -> Iterator[tuple[float, str, str]]:
    """Seconds, folder and name of each test of a JUnit report."""
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 (pytest has written it here)
        place = case.get("classname", "").split(".")
        yield float(case.get("time", 0)), "/".join(place[:-1][:2]), f"{place[-1]}::{case.get('name')}"


def of_tests(report: Path) -> str:
    """The tables of all tests of a JUnit report."""
    tests, sums = sorted(timed_tests(report), reverse=True), defaultdict[str, float](float)
    for seconds, folder, _ in tests:
        sums[folder] += seconds
    by_time = sorted(sums.items(), key=lambda each: -each[1])
    slowest = [(f"`{name}`", f"{seconds:.1f}") for seconds, _, name in tests[:SLOWEST]]
    return "\n\n".join(
        [
            dated(),
            table(("folder", "seconds"), [(name, f"{seconds:.0f}") for name, seconds in by_time]),
            f"The {len(slowest)} slowest of {len(tests)} tests:",
            table(("test", "seconds"), slowest),
        ]
    )


def main(arguments: list[str] | None = None, page: Path = PAGE) -> None:
    """Write the section of the lessons, or that of the tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executed", type=Path, help="folder of the executed copies; that of the workbook by default")
    parser.add_argument("--tests", type=Path, help="JUnit's XML of a test run")
    options = parser.parse_args(arguments)
    if options.tests:
        write_section("Where the time goes, in tests", of_tests(options.tests), page)
    else:
        folder = options.executed or workbook_home() / "executed"
        write_section("Where the time goes, in lessons", of_lessons(folder), page)


if __name__ == "__main__":
    main()
