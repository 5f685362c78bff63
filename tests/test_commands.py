"""Commands of README and docs can be given: those of make and the workbook are tried; of others it is told why."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from click.testing import CliRunner

from mlworkbench.cli import main
from tests.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES.remove(ROOT / "docs" / "since-your-book.md")  # tests/test_since_your_book.py executes every line of it
PROGRAMS = "make|mlworkbench|nbgrader|mlflow|papermill|python|pip|conda|docker|git|uv|pre-commit"
NOT_TRIED = {
    r"conda |PIP_NO_DEPS=1 conda ": "needs conda; tests/test_environment.py compares its file with the lock",
    r"docker ": "needs an engine; tests/stack runs them, or commands around them, in `make stack`",
    r"nbgrader ": "tests/mlcourse grades with it; formgrader is a page for people",
    r"git pull": "changes the clone",
    r"pip install": "changes the environment; tests/test_core.py and the containers install the lock",
    r"uv cache clean": "empties a cache of the machine",
    r"mlflow ": "of MLflow itself; tests/mlcourse/projects runs the workbook as a project, lessons start its servers",
    r"papermill ": "tests/warmkernel executes notebooks with it",
    r"python -m warmkernel": "writes a kernel for the user; tests/warmkernel gives it",
    r"python -m benchmarks": "takes minutes, on a machine that does nothing else",
    r"python -m mlcourse.checks_page": "writes docs/checks.md; tests/mlcourse compares the page with what it writes",
    r"pre-commit ": "is not of the lock; tests/test_forge_files.py compares its hooks with `make check`",
}


def commands() -> list[str]:
    """Commands in blocks and in the text, without the environment's folder, comments and what follows `&&`."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", text)
        text = re.sub(r"(?ms)^```.*?^```", "", text)
        lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            for part in re.sub(r"\s+#.*", "", line).split(" && "):
                command = part.strip().removeprefix(".venv/bin/")
                command = re.sub(r"^REQUIRE_\w+=1 ", "", command)
                if re.match(rf"(\w+=\S+ )?({PROGRAMS}) \S", command):
                    found.append(command)
    return sorted(set(found))


@pytest.mark.parametrize("command", [each for each in commands() if each.startswith("make ")])
def test_make_knows_the_target_and_what_it_needs(command: str) -> None:
    name, *rest = shlex.split(command.replace("<time>", "2026"))
    done = subprocess.run([name, "--dry-run", *rest], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [each for each in commands() if each.startswith("mlworkbench ")])
def test_the_workbook_knows_the_verb_and_its_options(command: str) -> None:
    arguments = shlex.split(command.replace("…", ""))[1:]
    done = CliRunner().invoke(main, [*arguments, "--help"] if "--" not in arguments else ["--help"])
    assert done.exit_code == 0, done.output


def test_what_is_not_tried_is_told_why() -> None:
    others = [each for each in commands() if not each.startswith(("make ", "mlworkbench "))]
    assert not [each for each in others if not any(re.match(start, each) for start in NOT_TRIED)]
    assert not [start for start in NOT_TRIED if not any(re.match(start, each) for each in others)]


@pytest.mark.parametrize("wrong", ["mlworkbench ruun 1.2", "mlworkbench run 1.2 --quick"])
def test_a_verb_or_an_option_that_there_is_not_is_noticed(wrong: str) -> None:
    assert CliRunner().invoke(main, [*shlex.split(wrong)[1:], "--help"]).exit_code != 0


def test_a_target_that_there_is_not_is_noticed() -> None:
    done = subprocess.run(["make", "--dry-run", "nothing"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode != 0
