"""Where temporary files have no place, it is told before anything runs, and what was executed is kept elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from tests.notebooks import notebook
from tests.projects import project, repository
from warmkernel.private_folder import private_folder

pytestmark = pytest.mark.processes

X = np.array([[0.0], [1.0], [2.0], [3.0]])
MODEL = LogisticRegression().fit(X, [0, 0, 1, 1])


def log_model(_: Path) -> None:
    with mlflow.start_run():
        wb.log_model(MODEL, "model", example=X)


def serve(folder: Path) -> None:
    mlflow.sklearn.save_model(MODEL, folder / "model", serialization_format="cloudpickle")
    with wb.serve(str(folder / "model")):
        pass


def run_project(folder: Path) -> None:
    wb.run_project(project(folder / "project", "entry_points:\n  main:\n    command: echo\n"))


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: wb.rerun(notebook(folder / "a.ipynb", "n = 0", parameters=True), n=1),
        lambda folder: wb.sweep(notebook(folder / "a.ipynb", "n = 0", parameters=True), {"n": [1]}),
        log_model,
        serve,
        run_project,
        lambda folder: wb.describe_project(repository(folder / "repository", "first"), version="HEAD"),
    ],
    ids=["rerun", "sweep", "log_model", "serve", "run_project", "describe_project"],
)
def test_no_place_for_temporary_files(
    call: Callable[[Path], Any], tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was there when Python looked for it, and takes nothing any more; nobody can write in this one."""
    wb.start("here")
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(wb.WorkbenchError, match=r"no room for temporary files in /proc(?s:.*)set TMPDIR"):
        call(tmp_path)
    assert [run.info.status for run in mlflow.search_runs(output_format="list") if run.info.status == "RUNNING"] == []


def test_the_executed_notebook_is_kept_where_the_scratch_folder_has_gone(tmp_path: Path, home: Path) -> None:
    """As when something tidies temporary files away in the middle; a full disk takes the same way."""
    tidies = (
        f"import pathlib, shutil\nscratch = pathlib.Path({str(private_folder())!r})\n"
        f"mine = [f for f in scratch.glob('scratch-{os.getpid()}-*') if not list(f.glob('kernel.json'))]\n"
        "print(len(mine), 'tidied', worth)\nfor folder in mine:\n    shutil.rmtree(folder)"
    )
    path = notebook(tmp_path / "a.ipynb", "worth = ''", tidies, parameters=True)
    run = wb.rerun(path, worth="a lot")
    assert run.info.status == "FAILED"
    kept = Path(run.data.tags["outcome"].split("it is kept as ")[1].split(". Expected")[0])
    assert "1 tidied a lot" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


HOMELESS = """
import sys, mlworkbench as wb
wb.start("here")
print(wb.rerun(sys.argv[1]).info.status)
"""


def test_a_home_folder_that_cannot_be_written(tmp_path: Path, home: Path) -> None:
    """Everything but Ray, whose token lies there, does without."""
    path = notebook(tmp_path / "a.ipynb", "import mlflow\nimport matplotlib.pyplot", parameters=True)
    env = {**os.environ, "HOME": "/proc/none", "RAY_AUTH_MODE": "token"}
    command = [sys.executable, "-c", HOMELESS, str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=500)
    assert done.stdout.splitlines()[-1:] == ["FINISHED"], done.stderr
    more = HOMELESS.replace("wb.rerun(sys.argv[1]).info.status", "wb.sweep(sys.argv[1], [{}], backend='ray')")
    done = subprocess.run(
        [sys.executable, "-c", more, str(path)], env=env, capture_output=True, text=True, check=False, timeout=500
    )
    assert "WorkbenchError: Found: Ray's token cannot be kept in /proc/none/.ray" in done.stderr
