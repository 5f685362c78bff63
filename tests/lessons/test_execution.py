"""Every lesson, executed for real: by nbval strictly on a fresh store, by papermill on the used one in PostgreSQL.

The second execution has other parameters, an ordinary user's leftovers and the worked solution.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlcourse.lessons import Lesson, lessons
from mlworkbench.fork_server import JUPYTER_DATA
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.parameters import parameters
from mlworkbench.tasks import PASSED
from mlworkbench.waiting import PATIENCE_VARIABLE
from mlworkbench.workbook import EXECUTION_VARIABLE
from tests.lessons.expected import EXPECTED, Logged
from tests.lessons.solved import answers, solved
from tests.lessons.store_outputs import UNHURRIED
from tests.lessons.stores import copy_store
from tests.paths import ROOT

pytestmark = pytest.mark.processes

LESSONS = lessons(root=ROOT)

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)


@each_lesson
def test_fast_parameters_differ_from_the_defaults(lesson: Lesson) -> None:
    defaults = {p.name: p.default for p in parameters(lesson.path)}
    assert lesson.fast, "metadata.mlworkbench.fast is missing"
    for name, value in lesson.fast.items():
        assert value != defaults[name]


def nbval(notebook: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Compare a notebook's stored outputs strictly with those of a new execution with its default parameters."""
    options = ["--nbval", "--nbval-kernel-name=python3"]
    options.append(f"--nbval-sanitize-with={Path(__file__).with_name('sanitize.cfg')}")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    env["JUPYTER_PATH"] = str(JUPYTER_DATA)  # the kernel of the lessons in JupyterLab
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "-p", "no:xdist", str(notebook)],
        env={**env, "MLWORKBENCH_HOME": str(home), "IPYNB_FILE": str(notebook), PATIENCE_VARIABLE: UNHURRIED},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@each_lesson
def test_a_lesson_on_a_fresh_store_and_on_a_used_one_in_postgresql(
    lesson: Lesson,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    made_store: Path,
    postgres_store: Callable[[], str],
) -> None:
    """Exactly the stored outputs on a fresh SQLite store; with other parameters, what is expected on a used store.

    The first lesson makes the store itself, as it does for a newcomer.

    The used store is the first one as it was left, moved to PostgreSQL. There the worked solution stands in place of
    the exercise, and its check passes. What the lesson itself leaves is read from a copy that is made right before.
    """
    home = request.getfixturevalue("empty_home" if lesson.id == "0" else "home")
    done = nbval(lesson.path, home)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert lesson.id in EXPECTED, f"say in tests/lessons/expected.py what lesson {lesson.id} leaves in the store"

    used, left = postgres_store(), f"sqlite:///{shutil.copy(made_store, tmp_path / 'before_the_solution.db')}"
    copy_store(f"sqlite:///{home / 'mlflow.db'}", used)
    env = {EXECUTION_VARIABLE: "used", "MLFLOW_TRACKING_URI": used, "MLWORKBENCH_HOME": str(home)}
    executed = tmp_path / "used.ipynb"
    execute(lesson.path, executed, content=solved(lesson.path, used, left), values=lesson.fast, env=env)
    EXPECTED[lesson.id](Logged.of(left, "used"))
    for said in answers(executed):
        assert f"{PASSED} (task " in said


def test_the_comparison_fails_on_an_output_that_does_not_come_out(empty_home: Path) -> None:
    done = nbval(Path(__file__).with_name("broken") / "wrong_output.ipynb", empty_home)
    assert done.returncode == 1
    assert "mismatch 'stdout'" in done.stdout
