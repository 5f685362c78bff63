"""Notebooks of other people end in a rerun as they do in papermill, or better, and the run says why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import nbformat
import pytest

import mlworkbench as wb
from mlworkbench.waiting import patience
from tests.mlworkbench.notebooks.habits.habits import HABITS, LOGS, OTHER, Habit
from tests.notebooks import notebook

pytestmark = pytest.mark.processes


def rerun(path: Path, habit: Habit) -> str:
    try:
        return str(wb.rerun(path, **habit.values).data.tags["outcome"])
    except wb.NotebookError as error:
        return str(error)


@pytest.mark.parametrize("habit", HABITS, ids=[habit.name for habit in HABITS])
def test_a_rerun_of_a_habit(tmp_path: Path, home: Path, habit: Habit) -> None:
    assert habit.outcome in rerun(habit.write(tmp_path / "folder"), habit)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_papermill_agrees(tmp_path: Path, made_store: Path) -> None:
    """What `Habit.outcome` says is what papermill does, in a process and a store of its own; two at a time."""

    def passes(habit: Habit) -> bool:
        path = habit.write(tmp_path / habit.name)
        values = repr(dict(habit.values)).replace("-inf", "float('-inf')")
        code = f"import papermill\npapermill.execute_notebook({path.name!r}, 'out.ipynb', {values}, progress_bar=False)"
        store = shutil.copy(made_store, tmp_path / habit.name / "plain.db")
        env = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{store}"}
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], cwd=path.parent, env=env, capture_output=True, check=False
        )
        return done.returncode == 0

    with ThreadPoolExecutor(2) as pool:
        passed = dict(zip([habit.name for habit in HABITS], pool.map(passes, HABITS), strict=True))
    assert passed == {habit.name: habit.outcome == "passed" and not habit.better for habit in HABITS}


BESIDE = {
    "a process": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(900)'])",
    "workers": "import joblib\njoblib.Parallel(2)(joblib.delayed(abs)(n) for n in range(4))",
}


@pytest.mark.parametrize("what", BESIDE)
def test_processes_that_a_notebook_leaves_behind_keep_nobody_waiting(tmp_path: Path, home: Path, what: str) -> None:
    """ipykernel ends them, and waits for 29 s when nobody collects them; papermill waits for it for at most 5 s."""
    run = wb.rerun(notebook(tmp_path / "a.ipynb", BESIDE[what]))
    assert run.data.tags["outcome"] == "passed"
    kept = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="a.ipynb")
    done = nbformat.read(kept, as_version=4).cells[0].metadata.papermill["end_time"]
    seconds = run.info.end_time / 1000 - datetime.fromisoformat(done).replace(tzinfo=UTC).timestamp()
    assert seconds < patience(28)


def test_what_old_and_careless_tools_left_out(tmp_path: Path, home: Path) -> None:
    """Cells without outputs, a kernel without the name that is shown, and version 3 of the format: all have HTML."""
    cell = {"cell_type": "code", "metadata": {}, "source": "1"}
    careless = {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": {"name": "python3"}}, "cells": [cell]}
    old_cell = {"cell_type": "code", "language": "python", "input": "1", "outputs": [], "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [old_cell]}]}
    for name, content in (("careless", careless), ("old", old)):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(content), encoding="utf-8-sig")  # with a mark in front
        run = wb.rerun(tmp_path / f"{name}.ipynb")
        assert (run.data.tags["outcome"], run.data.tags.get("mlworkbench.html")) == ("passed", None)


def test_runs_in_a_store_of_the_notebooks_own_choice_are_not_adopted(tmp_path: Path, home: Path) -> None:
    """They go where plain MLflow puts them, although experiments of the same ids are in the rerun's store."""
    for name in "abc":
        wb.start(name)
    run = wb.rerun(notebook(tmp_path / "a.ipynb", f"import mlflow, os\nmlflow.set_tracking_uri({OTHER})", LOGS))
    assert run.data.tags["outcome"] == "passed"
    assert "a store of its own choice" in run.data.tags["mlworkbench.elsewhere"]
    other = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'other.db'}")
    (elsewhere,) = other.search_runs(["0"])
    assert "mlflow.parentRunId" not in elsewhere.data.tags
    here = wb.rerun(notebook(tmp_path / "b.ipynb", LOGS))
    assert "mlworkbench.elsewhere" not in here.data.tags
    assert here.data.metrics["m"] == 1


def test_what_a_process_remembers_from_its_start_is_the_kernels(tmp_path: Path, home: Path) -> None:
    """Folder, command and main thread; and the mask of file modes, although a server of another one is there."""
    tells = (
        "import json, os, sys, threading, multiprocessing.process as process\n"
        "mask = os.umask(0)\nos.umask(mask)\n"
        "told = [process.ORIGINAL_DIR, sys.orig_argv[1:3], threading.main_thread().native_id == os.getpid(), mask]\n"
        "print(json.dumps(told))"
    )
    for name, mask in (("a", 0o022), ("b", 0o077)):
        before = os.umask(mask)
        try:
            run = wb.rerun(notebook(tmp_path / name / "a.ipynb", tells))
        finally:
            os.umask(before)
        kept = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="a.ipynb")
        told = json.loads(nbformat.read(kept, as_version=4).cells[0].outputs[0].text)
        assert told == [str(tmp_path / name), ["-m", "ipykernel_launcher"], True, mask]
