"""Learners get the whole workbook, and no line of a solution."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from mlcourse.commands import course
from mlcourse.exercises import assignments
from mlcourse.lessons import lessons
from mlcourse.student_archive import package
from mlworkbench.errors import NotebookError, WorkbenchError
from tests.paths import ROOT

pytestmark = pytest.mark.processes

EXERCISES = assignments(ROOT)
SOLVED = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)
SHORT = 25  # shorter lines, such as `import mlflow`, stand in anything, and so do other imports


def cells(text: str) -> list[str]:
    return [cell.source for cell in nbformat.reads(text, as_version=4).cells]


def own(text: str) -> set[str]:
    lines = {line.strip() for line in text.splitlines() if len(line.strip()) > SHORT}
    return {line for line in lines if not line.startswith(("import ", "from "))}


def solution_lines() -> dict[str, set[str]]:
    """Every line of a solution, a hidden test, a worked solution or a model answer, by its file."""
    found = {path.name: own(path.read_text().split('"""', 2)[2]) for path in (ROOT / "solutions" / "lessons").glob("*")}
    answers = (ROOT / "solutions" / "questions.md").read_text().splitlines()
    found["questions.md"] = own("\n".join(line for line in answers if not line.startswith((">", "#"))))
    for name, path in EXERCISES.items():
        found[name] = own("\n".join(part[1] for cell in cells(path.read_text()) for part in SOLVED.findall(cell)))
    return found


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file that holds text: as it is, and of notebooks the cells as well."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield path, "\n".join([text, *(cells(text) if path.suffix == ".ipynb" else ())])


def leaks(folder: Path, taught: set[str]) -> set[tuple[str, str]]:
    """Which lines of solutions lie in which files, but those that a lesson teaches with the same words."""
    lines = set().union(*solution_lines().values()) - taught
    return {(path.name, line) for path, text in texts(folder) for line in lines & own(text)}


def whole_cells(folder: Path) -> set[tuple[str, str]]:
    """Which solutions of more than one line stand as a whole in some file."""
    codes = [path.read_text().split('"""', 2)[2].strip() for path in (ROOT / "solutions" / "lessons").glob("*.py")]
    regions = [part[1].strip() for p in EXERCISES.values() for c in cells(p.read_text()) for part in SOLVED.findall(c)]
    wanted = [code for code in [*codes, *regions] if "\n" in code]
    return {(path.name, code) for path, text in texts(folder) for code in wanted if code in text}


def taught() -> set[str]:
    """What lessons and the projects of which they tell say in the same words, and two calls that checks make too."""
    shown = [cell for lesson in lessons(root=ROOT) for cell in cells(lesson.path.read_text())]
    shown += [text for _, text in texts(ROOT / "notebooks" / "projects")]
    return own("\n".join(shown)) | {'span.set_inputs({"prompt": prompt})', "answers.append(helpdesk.reply(prompt))"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a learner has unpacked."""
    folder = tmp_path_factory.mktemp("learner")
    with zipfile.ZipFile(package(folder / "learners.zip", ROOT)) as packed:
        packed.extractall(folder)
    return folder / "mlflow-workbook"


def test_no_line_of_a_solution_is_in_it(archive: Path) -> None:
    assert not leaks(archive, taught())
    assert not whole_cells(archive)


def test_that_search_would_find_every_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "notebooks" / "solutions", tmp_path / "a")
    shutil.copytree(ROOT / "solutions", tmp_path / "b")
    lines = solution_lines()
    assert all(lines[name] for name in [*EXERCISES, "questions.md", "1.1.py"])
    assert {line for _, line in leaks(tmp_path, set())} == set().union(*lines.values())
    assert whole_cells(tmp_path)
    assert len(set().union(*lines.values()) & taught()) < len(set().union(*lines.values())) / 8


def in_the_archive(archive: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the workbook as the learner's copy has it."""
    paths = os.pathsep.join(map(str, (archive, archive / "notebooks" / "projects" / "stock_market")))
    env = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(words, cwd=archive, env=env, capture_output=True, text=True, check=False)


def test_a_learner_sees_progress_resets_an_exercise_and_can_build_the_environment(archive: Path) -> None:
    workbench = (sys.executable, "-m", "mlworkbench")
    told = in_the_archive(archive, *workbench, "progress").stdout
    assert re.search(r"tracking\.2 +Not attempted +the right score \(2 points\)", told)
    place = archive / "notebooks" / "exercises" / "01_tracking" / "tracking.ipynb"
    pristine = place.read_text()
    assert pristine == (ROOT / "notebooks" / "exercises" / "01_tracking" / "tracking.ipynb").read_text()
    place.write_text("my work")
    assert in_the_archive(archive, *workbench, "reset", "tracking").returncode == 0
    assert place.read_text() == pristine
    (kept,) = place.parent.glob("tracking *.ipynb")
    assert kept.read_text() == "my work"
    refused = in_the_archive(archive, *workbench, "course", "grade", "tracking")
    assert refused.returncode == 2
    assert "Expected: a teacher's copy of the workbook, with the solutions." in refused.stderr
    worked = in_the_archive(archive, sys.executable, "-c", "from mlcourse.solutions import worked; worked('1.2')")
    assert "no worked solutions in this copy" in worked.stderr
    made = in_the_archive(archive, "make", "--dry-run", f"PYTHON={sys.executable}", "lab")
    assert made.returncode == 0, made.stderr


def test_what_the_readme_links_to_is_in_it(archive: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (archive / "README.md").read_text())
    assert len(links) > 40
    assert not [link for link in links if not (archive / link).exists()]


def test_other_things_in_a_clone_are_left_out(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "notebooks", clone / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("keys.txt", "notebooks/my answers.ipynb", "notebooks/exercises/01_tracking/tracking 2.ipynb"):
        (clone / name).write_text("mine")
    (clone / ".mlworkbench").mkdir()
    (clone / ".mlworkbench" / "mlflow.db").write_text("mine")
    given = package(tmp_path / "given", clone)
    assert not [path for path, text in texts(given) if text == "mine"]
    with pytest.raises(WorkbenchError, match="given is there already"):
        package(given, clone)


@pytest.mark.parametrize("changed", ["exercises", "solutions"])
def test_an_exercise_that_differs_from_its_source_is_refused(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path / "notebooks" / changed / "02_models" / "models.ipynb"
    place.write_text(place.read_text().replace("Practise models", "Practise more models"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        NotebookError, match=r"(?s)models.ipynb differs from.*Do this: mlworkbench reset models"
    ) as told:
        CliRunner().invoke(course, ["package", "out.zip"], catch_exceptions=False)
    assert "tracking" not in told.value.do
    assert not (tmp_path / "out.zip").exists()
