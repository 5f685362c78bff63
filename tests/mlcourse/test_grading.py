"""nbgrader itself grades: solutions get full points, untouched releases run to their end and get none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlcourse.exercises import assignments, release, reset
from mlworkbench.errors import NotebookError
from tests.paths import ROOT

pytestmark = pytest.mark.processes

NOTEBOOKS = ROOT / "notebooks"
EXERCISES = assignments(ROOT)


def cells(path: Path) -> list[nbformat.NotebookNode]:
    return nbformat.read(path, as_version=4).cells


def solution_lines(path: Path) -> set[str]:
    """The lines of all solutions that say something of their own."""
    lines: set[str] = set()
    for cell in cells(path):
        for region in cell.source.split("### BEGIN SOLUTION")[1:]:
            inside = region.split("### END SOLUTION")[0]
            lines |= {line.strip() for line in inside.splitlines() if len(line.strip()) > 25}
    return lines


def workbook(folder: Path) -> Path:
    """A folder that notebooks take for the workbook, with the project that the assignment of part 5 imports."""
    code = Path("projects", "stock_market", "stock_market")
    shutil.copytree(NOTEBOOKS / code, folder / "notebooks" / code, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(NOTEBOOKS / "00_start_here.ipynb", folder / "notebooks")
    return folder / "notebooks"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = workbook(tmp_path_factory.mktemp("release")) / "exercises"
    release(target, ROOT)
    return target


def test_the_stored_exercises_are_what_the_solutions_release(released: Path) -> None:
    made = {path.relative_to(released): path.read_text() for path in released.glob("*/*.ipynb")}
    stored = {p.relative_to(NOTEBOOKS / "exercises"): p.read_text() for p in NOTEBOOKS.glob("exercises/*/*.ipynb")}
    assert list(made) == list(stored)
    assert made == stored, "run `make exercises`"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_no_solution_line_is_in_the_release_or_in_the_package(exercise: str, released: Path) -> None:
    lines = solution_lines(EXERCISES[exercise])
    assert len(lines) > 10
    given = "\n".join(path.read_text() for path in (ROOT / "mlworkbench").rglob("*.py"))
    given += "\n".join(cell.source for path in released.rglob(f"{exercise}.ipynb") for cell in cells(path))
    assert not [line for line in lines if line in given]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_there_are_enough_tasks_and_questions(exercise: str) -> None:
    graded = [cell for cell in cells(EXERCISES[exercise]) if cell.metadata.get("nbgrader", {}).get("grade")]
    assert len([cell for cell in graded if cell.cell_type == "code"]) >= 6
    assert len([cell for cell in graded if cell.cell_type == "markdown"]) >= 1
    assert all(cell.metadata.nbgrader.points > 0 for cell in graded)


def autograde(course: Path, exercise: str, submissions: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Grade submissions with nbgrader in a course of its own; points by student and cell."""
    part = EXERCISES[exercise].parent.name
    shutil.copytree(NOTEBOOKS / "solutions", workbook(course) / "solutions")
    shutil.copy(NOTEBOOKS / "nbgrader_config.py", course / "notebooks")
    for student, notebook in submissions.items():
        place = course / ".mlworkbench" / "course" / "submitted" / student / part / f"{exercise}.ipynb"
        place.parent.mkdir(parents=True)
        shutil.copy(notebook, place)
    bin_folder = str(Path(sys.executable).parent)
    env = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "MLWORKBENCH_HOME": str(course / "home"),
    }
    for command in (["generate_assignment", part, "--force"], ["autograde", part, "--force"]):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=course / "notebooks",
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return {student: points(course, part, exercise, student) for student in submissions}


def points(course: Path, part: str, exercise: str, student: str) -> dict[str, float]:
    """Automatic points by cell from nbgrader's gradebook."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / '.mlworkbench' / 'course' / 'gradebook.db'}", "mlworkbench") as book:
        notebook = book.find_submission_notebook(exercise, part, student)
        return {grade.name: grade.auto_score for grade in notebook.grades if grade.cell_type == "code"}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_solutions_get_full_points_and_untouched_releases_none(
    exercise: str, tmp_path: Path, released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (untouched,) = released.glob(f"*/{exercise}.ipynb")
    graded = autograde(tmp_path, exercise, {"solver": EXERCISES[exercise], "untouched": untouched})
    full = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in cells(EXERCISES[exercise])
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
    }
    assert graded["solver"] == full
    assert graded["untouched"] == dict.fromkeys(full, 0)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_untouched_release_runs_to_its_end(exercise: str, home: Path, tmp_path: Path, released: Path) -> None:
    from mlworkbench.notebooks.execute import execute

    (untouched,) = released.glob(f"*/{exercise}.ipynb")
    execute(untouched, tmp_path / "out.ipynb", env={"MLWORKBENCH_HOME": str(home)})
    shown = json.dumps([cell.get("outputs") for cell in cells(tmp_path / "out.ipynb")])
    assert "Not attempted" in shown
    assert '"error"' not in shown
    assert "Ellipsis" not in shown


def test_reset_puts_a_pristine_copy_and_keeps_the_work(tmp_path: Path, released: Path) -> None:
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    exercise = next(iter(EXERCISES))
    (place,) = (tmp_path / "notebooks" / "exercises").glob(f"*/{exercise}.ipynb")
    place.write_text("my work")
    new, kept = reset(exercise, tmp_path)
    assert new == place
    assert kept is not None
    assert kept.read_text() == "my work"
    assert kept.parent == place.parent
    assert place.read_text() == next(released.glob(f"*/{exercise}.ipynb")).read_text()
    place.unlink()
    assert reset(exercise, tmp_path)[1] is None
    with pytest.raises(NotebookError, match=f"Did you mean '{exercise}'"):
        reset(exercise[:-1], tmp_path)


def test_a_broken_solution_notebook_is_refused(tmp_path: Path) -> None:
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    (path,) = (tmp_path / "notebooks" / "solutions").glob("*/tracking.ipynb")
    path.write_text(path.read_text().replace("### END SOLUTION", ""))
    with pytest.raises(NotebookError, match="nbgrader refuses 01_tracking"):
        release(tmp_path / "out", tmp_path)
