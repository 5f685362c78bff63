"""The tables of where the time goes tell what papermill and pytest have measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.where_time_goes import main
from mlworkbench.notebooks.execute import execute
from tests.notebooks import notebook

TESTS = """
import time
def test_quick(): pass
def test_slow(): time.sleep(0.4)
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\n## Where the time goes, in lessons (earlier figures)\n\nold\n")
    return page


@pytest.mark.usefixtures("home")
def test_lessons_and_their_slowest_cells(page: Path) -> None:
    sources = ("import time\nfor _ in range(8): time.sleep(0.1)", "x = 1")
    name = Path("01_tracking", "02_logging.ipynb")
    executed = page.parent / "executed" / name
    executed.parent.mkdir(parents=True)
    execute(notebook(page.parent / "notebooks" / name, *sources), executed)
    broken = executed.with_name("03_broken.ipynb")
    notebook(broken, "1 / 0")  # it was never executed
    main(["--executed", str(page.parent / "executed")], page)
    lines = page.read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    lesson, total, cells, start, between = rows[2]
    assert lesson == "1.2"
    assert float(cells) >= 0.8
    assert abs(float(total) - float(cells) - float(start) - float(between)) < 0.21  # each is rounded
    assert rows[3] == ["all", total, cells, start, between]
    assert [row[2] for row in rows[-2:]] == ["1: `for _ in range(8): time.sleep(0.1)`", "2: `x = 1`"]
    assert "old" not in lines


def test_tests_and_their_folders(page: Path) -> None:
    file = page.parent / "tests" / "small" / "test_small.py"
    file.parent.mkdir(parents=True)
    (file.parent / "__init__.py").touch()
    (file.parents[1] / "__init__.py").touch()
    file.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", "report.xml", "tests"]
    subprocess.run(command, cwd=page.parent, check=True, capture_output=True)
    main(["--tests", str(page.parent / "report.xml")], page)
    text = page.read_text()
    assert text.index("in lessons") < text.index("## Where the time goes, in tests")
    slow, quick = (text.index(f"`test_small::test_{name}` |") for name in ("slow", "quick"))
    assert text.index("| tests/small | ") < text.index("The 2 slowest of 2 tests:") < slow < quick


def test_without_an_executed_lesson(page: Path) -> None:
    with pytest.raises(SystemExit, match=r"Found: no executed lesson in .*Do this: `mlworkbench run`\."):
        main(["--executed", str(page.parent / "nowhere")], page)
