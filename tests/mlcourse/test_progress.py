"""Progress is told with titles and points, what was passed stays passed, and a reset loses no work."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest
from click.testing import CliRunner

import mlworkbench as wb
from mlcourse.commands import progress, reset
from mlcourse.exercises import assignments, task_titles
from mlcourse.tasks import TASKS
from mlworkbench.cli import main
from mlworkbench.tasks import outcomes
from tests.mlcourse.lesson_0 import pass_lesson_0
from tests.paths import ROOT

pytestmark = pytest.mark.processes


def line(task: str) -> str:
    told = CliRunner().invoke(progress, catch_exceptions=False).output.splitlines()
    return next(each for each in told if each.split()[0] == task)


def test_every_task_has_a_title_and_those_of_assignments_have_points(clone: Path) -> None:
    titles = task_titles(ROOT)
    assert set(TASKS) <= set(titles)
    assert all("point" in titles[task] for task in TASKS if task[0].islower())
    assert line("tracking.2").endswith("the right score (2 points)")
    assert line("1.4").endswith("Find and compare runs")
    last = CliRunner().invoke(progress).output.splitlines()[-2:]
    assert last[0].startswith("0 of ")
    assert "lessons" in last[0]
    assert "assignments" in last[1]
    points = sum(cell.metadata.nbgrader.points for cell in checks_of_every_assignment())
    assert last[1].endswith(f": 0 of {points} points")


def checks_of_every_assignment() -> list[nbformat.NotebookNode]:
    every = [cell for path in assignments(ROOT).values() for cell in nbformat.read(path, as_version=4).cells]
    return [cell for cell in every if cell.cell_type == "code" and cell.metadata.nbgrader.grade]


def test_points_of_passed_tasks_are_added_up(home: Path, clone: Path) -> None:
    (home / "progress.json").write_text('{"tracking.2": "Passed (last try: Not yet)", "tracking.1": "Not yet"}')
    assert re.search(r"1 of \d+ tasks of the assignments passed: 2 of", CliRunner().invoke(progress).output)


def test_what_was_passed_stays_passed_and_the_last_try_stands_beside_it(clone: Path, home: Path) -> None:
    run_id = pass_lesson_0()
    assert wb.check("0", run_id=run_id)
    assert not wb.check("0", run_id="no run")
    assert "Passed (last try: Not yet)" in line("0")
    assert wb.check("0", run_id=run_id)
    assert "last try" not in line("0")
    assert CliRunner().invoke(progress).output.splitlines()[-2].startswith("1 of ")


@pytest.mark.parametrize("content", ["null", "5", "[1]", '{"0": 5}', "{", "[" * 100_000])
def test_a_broken_file_of_outcomes_is_an_empty_one(home: Path, content: str) -> None:
    (home / "progress.json").write_text(content)
    assert outcomes() == {}
    wb.check("0", run_id=5)
    assert outcomes() == {"0": "Not yet"}


def test_reset_forgets_the_outcomes_of_its_tasks_and_no_others(clone: Path, home: Path) -> None:
    wb.check("tracking.1", run_id=5)
    wb.check("models.1", model_uri=5)
    assert CliRunner().invoke(reset, ["tracking"], catch_exceptions=False).exit_code == 0
    assert outcomes() == {"models.1": "Not yet"}


def test_resets_at_once_lose_no_work(clone: Path) -> None:
    place = clone / "notebooks" / "exercises" / "01_tracking" / "tracking.ipynb"
    pristine = place.read_text()
    for number in range(2):
        place.write_text(f"my work {number}")
        code = "from mlcourse.exercises import reset; print(reset('tracking')[1])"
        resets = [subprocess.Popen([sys.executable, "-c", code], cwd=clone, stdout=subprocess.PIPE) for _ in range(3)]
        kept = [process.communicate()[0] for process in resets]
        assert len(set(kept)) == 3
        every = [path.read_text() for path in place.parent.glob("tracking *.ipynb")]
        assert f"my work {number}" in every
        assert "my work 0" in every
    assert place.read_text() == pristine


def test_progress_says_that_new_outcomes_are_not_kept(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", "/proc/none")
    told = CliRunner().invoke(main, ["progress"])
    assert told.exit_code == 0
    assert "Not attempted" in told.stdout
    assert "New outcomes are not kept: the folder /proc/none cannot be written" in told.stderr


def test_a_reset_without_room_leaves_the_work_where_it_is(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = clone / "notebooks" / "exercises" / "01_tracking" / "tracking.ipynb"
    place.write_text("my work")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("mlcourse.exercises.shutil.copyfile", full)
        told = CliRunner().invoke(main, ["reset", "tracking"])
    assert told.exit_code == 2
    assert "No space left on device" in told.stderr
    assert "Do this: " in told.stderr
    assert place.read_text() == "my work"
    assert not list(place.parent.glob("tracking *"))


def test_a_home_that_is_a_file(clone: Path) -> None:
    shutil.rmtree(clone / ".mlworkbench", ignore_errors=True)
    (clone / ".mlworkbench").write_text("a file")
    for command in (["reset", "tracking"], ["run", "0"], ["course", "grade"], ["progress"], ["doctor"]):
        told = CliRunner().invoke(main, command)
        assert isinstance(told.exception, SystemExit | None), (command, told.exception)
        assert ".mlworkbench" in told.output, command
