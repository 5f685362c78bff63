"""Makers of right and wrong answers to the tasks of part 4. The projects only echo, and log what scripts would."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pandas as pd
from mlflow.entities import Run
from nbformat.v4 import new_code_cell, new_notebook

import mlworkbench as wb
from tests.projects import STEPS, commit, project, repository, rerun, sweep, workflow

EXPERIMENT = "exercises: projects"
PETALS = """
entry_points:
  main:
    parameters:
      file: path
      column: {type: string, default: petal_length}
      rows: {type: float, default: 150}
    command: "python fit.py {file} {column} {rows}"
  count:
    parameters:
      file: path
      species: string
    command: "python count.py {file} {species}"
"""
DICE = """
entry_points:
  main:
    parameters:
      throws: {type: float, default: 100}
      sides: {type: float, default: 6}
      seed: {type: float, default: 7}
    command: "python dice.py {throws} {sides} {seed}"
"""
COMMITS = ("Guess the mean", "Say what it is", "Guess the median")
BY_ENTRY_POINT = "tags.mlflow.project.entryPoint = 'main' and params.column = 'sepal_length'"
TROUBLE = "failed in cell 4: ValueError: could not convert string to float: 'ERR7'"
SENSORS = [{"sensor": name} for name in ("attic", "cellar", "kitchen", "garden")]


_SCRATCH = tempfile.TemporaryDirectory()  # goes when the tests end
SCRATCH = Path(_SCRATCH.name).resolve()


def folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(dir=SCRATCH), name)


def logged(run: Run, **metrics: float) -> Run:
    """The run with metrics that the script of the assignment would have logged."""
    for name, value in metrics.items():
        mlflow.MlflowClient().log_metric(run.info.run_id, name, value)
    return mlflow.get_run(run.info.run_id)


def petals(old: str = "", new: str = "") -> dict:
    assert old in PETALS
    return {"project": project(folder("petals"), PETALS.replace(old, new) if old else PETALS)}


def dice(old: str = "", new: str = "", run: Run | None = None, **given: Any) -> dict:
    assert old in DICE
    made = project(folder("dice"), DICE.replace(old, new) if old else DICE)
    (made / "dice.py").touch()
    return {"project": made, "run": run or wb.run_project(made, **given)}


@cache
def other_dice() -> Run:
    return dice()["run"]


def fitted(rows: int = 100, column: str = "sepal_length", script: str = "fit.py", entry: str = "main") -> Run:
    """A run of the project of task 1 whose command echoes, with the metric of the script."""
    text = PETALS.replace("python", "echo").replace("main", entry)
    made = project(folder("petals"), text)
    (made / "flowers.csv").touch()
    run = wb.run_project(made, entry_point=entry, file=str(made / "flowers.csv"), column=column, rows=rows)
    return logged(run, error=0.1) if script else run


OTHERS = [("main", "sepal_length", 150), ("main", "petal_length", 100), ("draw", "sepal_length", 100)]


def search(filter_string: Any = BY_ENTRY_POINT, **options: Any) -> dict:
    """The filter is tried on the runs of others, as the task makes them."""
    wb.start(EXPERIMENT, fresh=True)
    for entry_point, column, rows in OTHERS:
        tags = {"mlflow.project.entryPoint": entry_point, "mlflow.source.type": "PROJECT"}
        with mlflow.start_run(tags=tags):
            mlflow.log_params({"column": column, "rows": rows})
            mlflow.log_metric("error", 0.2)
    with mlflow.start_run():
        mlflow.log_param("column", "sepal_length")
    return {"run": fitted(**options), "filter_string": filter_string}


def elsewhere() -> dict:
    wb.start("another experiment")
    run = fitted()
    wb.start(EXPERIMENT)
    return {"run": run, "filter_string": BY_ENTRY_POINT}


@cache
def guess() -> Path:
    return repository(SCRATCH / "guess", *COMMITS)


def at(message: str, **metrics: float) -> Run:
    return logged(wb.run_project(guess(), version=commit(guess(), message)), **metrics)


def compared(old: str = COMMITS[0], new: str = COMMITS[2], **wrong: Any) -> dict:
    right = {"repository": guess(), "old": at(old, error=7.5), "new": at(new, error=6.0), "difference": -1.5}
    return {**right, **wrong}


@cache
def steps() -> Path:
    return project(SCRATCH / "steps", STEPS)


def resumed(**second: Any) -> dict:
    wb.start(EXPERIMENT, fresh=True)
    return {"first": workflow(steps()), "second": workflow(steps(), **{"column": "sepal_length", **second})}


def swapped() -> dict:
    right = resumed()
    return {"first": right["second"], "second": right["first"]}


def not_handed_on() -> dict:
    """The report gets a text that somebody typed."""
    wb.start(EXPERIMENT, fresh=True)
    return {
        "first": workflow(steps(), line="petal_length.json"),
        "second": workflow(steps(), "sepal_length", line="sepal_length.json"),
    }


def listening(
    settings: str = "throws = 20\nsides = 6", tags: tuple[str, ...] = ("parameters",), name: str = "dice.ipynb", **wrong
) -> dict:
    path = folder(name)
    cell = new_code_cell(settings, metadata={"tags": list(tags)})
    nbformat.write(new_notebook(cells=[cell]), path)
    values = {"throws": 500, "sides": 20, **wrong}
    results = {"count": 500.0, "highest": 20.0, "mean": 10.5, **values.pop("results", {})}
    return {"notebook": path, "run": rerun(name, values, **results)}


def by_papermill() -> dict:
    with mlflow.start_run() as run:
        mlflow.log_params({"throws": 500, "sides": 20})
    return {**listening(), "run": run}


def all_reused() -> dict:
    """As when the cell is run once more."""
    again = grown()
    return {name: table.assign(reused=True) for name, table in again.items()}


def failed_rerun() -> dict:
    right = listening()
    return right | {"run": rerun("dice.ipynb", {"throws": 500, "sides": 20}, outcome="failed in cell 4: NameError: x")}


def grown(first=(6, 20), second=(6, 20, 12), throws: int = 1000, again: bool = False, **options: Any) -> dict:
    def made(sides: Any) -> pd.DataFrame:
        return sweep("dice.ipynb", *({"sides": each, "throws": throws} for each in sides), **options)

    small, new = made(first), made(second if again else [each for each in second if each not in first])
    large = new if again else pd.concat([small.assign(reused=True), new], ignore_index=True)
    return {"first": small, "second": large}


def only_the_new() -> dict:
    right = grown()
    return right | {"second": right["second"][right["second"]["sides"] == 12]}


def three_new() -> dict:
    """Another notebook, or resume=False: nothing of the first table is kept."""
    return grown(again=True)


def diagnosed(points=SENSORS, failed: str = TROUBLE, row: int = -1, **wrong: Any) -> dict:
    table = sweep("readings.ipynb", *points, failed=failed)
    return {"table": table, "run_id": table["run_id"].iloc[row], "cell": 4, "error": "ValueError", **wrong}
