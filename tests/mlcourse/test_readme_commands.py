"""The commands for teachers work on a fresh clone, as they stand in the README and in docs/teaching.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.processes

PART, NAME = "01_tracking", "tracking"
SCRIPT = "My answer. <script>alert(12345)</script> <img src=x onerror=alert(12345)>"
NEEDS_A_BROWSER = "nbgrader formgrader"
# the verbs of the course as they are here, whatever is installed
MLWORKBENCH = """#!{python}
from mlcourse.commands import course
from mlworkbench.cli import main
main.add_command(course)
main()
"""


def commands(page: str) -> list[str]:
    """The commands of the blocks that grade, in their order, without what is said about them.

    What needs an engine is done by the tests of the stack.
    """
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.S)
    blocks = [block for block in blocks if "grade " in block and "--container" not in block]
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line != NEEDS_A_BROWSER]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A clone in which nothing was done, but for two submissions, and a folder of commands."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    for student, folder in (("ada", "exercises"), ("ben", "exercises")):
        place = tmp_path / "handed-in" / student
        place.mkdir(parents=True)
        shutil.copy(ROOT / "notebooks" / folder / PART / f"{NAME}.ipynb", place)
    notebook = nbformat.read(place / f"{NAME}.ipynb", as_version=4)
    next(cell for cell in notebook.cells if cell.metadata.nbgrader.grade_id == "q1").source = SCRIPT
    notebook.cells += [nbformat.v4.new_markdown_cell(SCRIPT), nbformat.v4.new_raw_cell(SCRIPT)]
    notebook.cells += [nbformat.v4.new_code_cell(f"from IPython.display import HTML\nHTML({SCRIPT!r})")]
    nbformat.write(notebook, place / f"{NAME}.ipynb")
    tool = tmp_path / "bin" / "mlworkbench"
    tool.parent.mkdir()
    tool.write_text(MLWORKBENCH.format(python=sys.executable))
    tool.chmod(0o755)
    return tmp_path


def run(command: str, clone: Path) -> str:
    path = os.pathsep.join([str(clone / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    place = clone / "notebooks"
    done = subprocess.run(command, shell=True, cwd=place, env=env, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(3600)
def test_the_commands_of_the_readme_and_of_the_page_for_teachers_work_as_they_stand(fresh: Path) -> None:
    work = fresh / "notebooks" / "exercises" / PART / "tracking 2026-01-01 10.00.00.ipynb"
    work.write_text("what a reset has kept")
    first, more = commands("README.md"), commands("docs/teaching.md")
    assert [command.split()[2] for command in first] == ["package", "collect", "grade", "export"]
    assert set(first) < set(more)
    said = [run(command, fresh) for command in more]
    table = next(text for text in said if "by_hand" in text)
    assert re.search(r"ada\s+0(\.0)?\s+24\.0", table)
    assert re.search(r"ben\s+0(\.0)?\s+24\.0", table)
    assert (fresh / ".mlworkbench" / "course" / "release" / PART / f"{NAME}.ipynb").is_file()
    assert list((fresh / ".mlworkbench" / "course" / "feedback" / "ada" / PART).glob("*.html"))
    (page,) = (fresh / ".mlworkbench" / "course" / "feedback" / "ben" / PART).glob("*.html")
    assert "My answer. &lt;script&gt;" in page.read_text()
    assert not re.search(r"<script>alert\(12345|<img[^>]*onerror", page.read_text()), "a page runs a learner's script"
    assert work.read_text() == "what a reset has kept"
    run("nbgrader generate_assignment 01_tracking --force", fresh)
    assert work.read_text() == "what a reset has kept"
