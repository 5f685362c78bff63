"""Small projects, repositories, workflows and sweeps for tests. Their commands only echo, so that they take no time."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pandas as pd
from mlflow.entities import Param, Run
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mlworkbench.notebooks.point import POINT_TAG
from mlworkbench.notebooks.resume import PARENT_TAG
from mlworkbench.orphans import OUTCOME_TAG
from mlworkbench.projects.steps import run_step

STEPS = """
name: steps
entry_points:
  select:
    parameters: {file: string, rows: {type: float, default: 100}}
    command: "echo {file} {rows}"
  fit:
    parameters: {file: string, column: {type: string, default: petal_length}}
    command: "echo {file} {column}"
  report:
    parameters: {line: string}
    command: "echo {line}"
  main:
    command: "echo done"
"""


def project(folder: Path, text: str) -> Path:
    """A folder with this MLproject."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLproject").write_text(text)
    return folder


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout


def repository(folder: Path, *messages: str) -> Path:
    """A Git repository of a project with a commit for each message."""
    project(folder, "")
    git(folder, "init", "--initial-branch", "main")
    for message in messages:
        project(folder, f"entry_points:\n  main:\n    command: echo {message}\n  other:\n    command: echo {message}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--message", message)
    return folder


def commit(folder: Path, message: str) -> str:
    return git(folder, "log", "--all", "--format=%H", "--grep", message).split()[0]


def workflow(
    steps: Path, column: str = "petal_length", rows: int = 100, reuse: bool = True, line: str = "", report: bool = True
) -> Run:
    """Select, fit and report as steps of one run; `line` is what report gets in place of the result of fit."""
    with mlflow.start_run() as run:
        selected = run_step(steps, "select", file="flowers.csv", rows=rows, reuse=reuse)
        source = f"runs:/{selected.info.run_id}/flowers.csv"
        fitted = run_step(steps, "fit", file=source, column=column, reuse=reuse)
        if report:
            run_step(steps, "report", line=line or f"runs:/{fitted.info.run_id}/line.json", reuse=reuse)
    return run


def rerun(
    notebook: str,
    values: dict[str, Any],
    parent: str = "",
    outcome: str = "passed",
    cells: Any = None,
    **metrics: float,
) -> Run:
    """A run as `wb.rerun` records it, without a kernel; cells are the sources of the notebook's code cells."""
    client, experiment = mlflow.MlflowClient(), mlflow.tracking.fluent._get_experiment_id()
    tags = {POINT_TAG: str(values), "mlworkbench.notebook": notebook, OUTCOME_TAG: outcome}
    tags |= {PARENT_TAG: parent} if parent else {}
    run_id = client.create_run(experiment, tags=tags).info.run_id
    client.log_batch(run_id, params=[Param(name, str(value)) for name, value in values.items()])
    client.log_text(run_id, nbformat.writes(executed(values, cells or ["pass"], outcome)), notebook)
    client.set_terminated(run_id, "FINISHED" if outcome == "passed" else "FAILED")
    return measured(run_id, **metrics)


def executed(values: dict[str, Any], cells: list[str], outcome: str) -> NotebookNode:
    """A notebook as papermill leaves it; the last cell has failed, if the outcome says so."""
    now = datetime.now(UTC).isoformat()
    made = [new_code_cell(source, execution_count=number) for number, source in enumerate(cells, start=1)]
    if failure := re.search(r": (\w+): (.*)", outcome):
        made[-1].outputs = [new_output("error", ename=failure[1], evalue=failure[2], traceback=[])]
    return new_notebook(cells=made, metadata={"papermill": {"parameters": values, "start_time": now, "end_time": now}})


def measured(run_id: str, **metrics: float) -> Run:
    """The rerun with metrics that its notebook has logged in a run below it."""
    client = mlflow.MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    below = client.create_run(experiment, tags={PARENT_TAG: run_id}).info.run_id
    for name, value in metrics.items():
        for each in (run_id, below):
            client.log_metric(each, name, value)
    client.set_terminated(below)
    return client.get_run(run_id)


def sweep(notebook: str, *points: dict[str, Any], parent: str = "of a sweep", failed: str = "") -> pd.DataFrame:
    """A table as `wb.sweep` returns it, of runs as it records them; `failed` is how the last point ended."""
    rows = []
    for point in points:
        outcome = failed if failed and point is points[-1] else "passed"
        run = rerun(notebook, point, parent, outcome)
        rows.append({**point, "outcome": outcome, "seconds": 1.0, "reused": False, "run_id": run.info.run_id})
    return pd.DataFrame(rows)
