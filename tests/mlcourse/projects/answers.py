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
from mlcourse.projects import recomputed
from tests.projects import STEPS, commit, measured, project, repository, rerun, sweep, workflow

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
GUESSED = {by: recomputed.guessed(by) for by in ("mean", "median")}
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


def as_fitted(run: Run, column: str = "sepal_length", rows: int = 100, **wrong: float) -> Run:
    """The run with what ``fit.py`` would have logged."""
    found = {**recomputed.line(column, rows), **wrong}
    mlflow.MlflowClient().log_dict(run.info.run_id, {name: found[name] for name in ("slope", "intercept")}, "line.json")
    return logged(run, error=found["error"])


def fitted(
    rows: int = 100, column: str = "sepal_length", script: str = "fit.py", entry: str = "main", **wrong: float
) -> Run:
    """A run of the project of task 1 whose command echoes, with the results of the script."""
    text = PETALS.replace("python", "echo").replace("main", entry)
    made = project(folder("petals"), text)
    (made / "flowers.csv").touch()
    run = wb.run_project(made, entry_point=entry, file=str(made / "flowers.csv"), column=column, rows=rows)
    return as_fitted(run, column, rows, **wrong) if script else run


def by_hand(**tags: str) -> dict:
    """A run of nobody's project, with tags and results set by hand."""
    with mlflow.start_run(tags={"mlflow.project.entryPoint": "main", **tags}) as run:
        mlflow.log_params({"file": "flowers.csv", "column": "sepal_length", "rows": 100})
    return {"run": as_fitted(run), "filter_string": BY_ENTRY_POINT}


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
    errors = {"old": GUESSED["mean"], "new": GUESSED["median"], **wrong.pop("errors", {})}
    runs = {"old": at(old, error=errors["old"]), "new": at(new, error=errors["new"])}
    return {"repository": guess(), **runs, "difference": GUESSED["median"] - GUESSED["mean"], **wrong}


@cache
def steps() -> Path:
    return project(SCRATCH / "steps", STEPS)


def with_lines(run: Run, **wrong: float) -> Run:
    """The workflow with what its step fit would have logged."""
    fit = mlflow.get_run(mlflow.get_run(run.info.run_id).data.tags["step.fit"].split()[1])
    if "error" not in fit.data.metrics or wrong:
        as_fitted(fit, fit.data.params["column"], **wrong)
    return run


def resumed(first: str = "petal_length", wrong: Any = None, **second: Any) -> dict:
    wb.start(EXPERIMENT, fresh=True)
    before = with_lines(workflow(steps(), first))
    return {
        "first": before,
        "second": with_lines(workflow(steps(), **{"column": "sepal_length", **second}), **(wrong or {})),
    }


def edited_since() -> dict:
    """A file of the project is another one by now."""
    right = resumed()
    (steps() / "units.txt").write_text(right["first"].info.run_id)
    return right


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
    settings: str = "throws = 20\nsides = 6",
    tags: tuple[str, ...] = ("parameters",),
    name: str = "dice.ipynb",
    below: str = "thrown = [random.randint(1, sides) for _ in range(throws)]",
    **wrong,
) -> dict:
    path = folder(name)
    cell = new_code_cell(settings, metadata={"tags": list(tags)})
    nbformat.write(new_notebook(cells=[cell, new_code_cell(below)]), path)
    values = {"throws": 500, "sides": 20, **wrong}
    results = {**recomputed.thrown(500, 20), **values.pop("results", {})}
    return {"notebook": path, "run": rerun(name, values, cells=[settings, below], **results)}


def by_papermill() -> dict:
    with mlflow.start_run() as run:
        mlflow.log_params({"throws": 500, "sides": 20})
    return {**listening(), "run": run}


def all_reused() -> dict:
    """As when the cell is run once more."""
    again = grown()
    return {name: table.assign(reused=True) for name, table in again.items()}


def forged(what: str) -> dict:
    """A rerun that somebody has made of tags, parameters and metrics, of which one thing more is missing."""
    right = listening()
    run_id, client = right["run"].info.run_id, mlflow.MlflowClient()
    text = mlflow.artifacts.load_text(f"{right['run'].info.artifact_uri}/dice.ipynb")
    node = nbformat.reads(text, as_version=4)
    if what == "values":
        node.metadata.papermill.parameters["throws"] = 20
    elif what == "times":
        node.metadata.papermill["start_time"] = node.metadata.papermill["end_time"] = "2020-01-01T00:00:00+00:00"
    elif what == "cells":
        node.cells[-1]["execution_count"] = None
    elif what == "metrics":
        for run in mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run_id}'", output_format="list"):
            mlflow.delete_run(run.info.run_id)
    client.log_text(run_id, "" if what == "notebook" else nbformat.writes(node), "dice.ipynb")
    return right


def failed_rerun() -> dict:
    values = {"throws": 500, "sides": 20}
    failed = rerun("dice.ipynb", values, outcome="failed in cell 4: NameError: x")
    return listening() | {"run": failed}


def grown(
    first=(6, 20), second=(6, 20, 12), throws: int = 1000, again: bool = False, wrong: Any = None, **options: Any
) -> dict:
    def made(sides: Any) -> pd.DataFrame:
        table = sweep("dice.ipynb", *({"sides": each, "throws": throws} for each in sides), **options)
        numbers = [{**recomputed.thrown(1000, each), **(wrong or {})} for each in sides]
        for run_id, found in zip(table.get("run_id", ()), numbers, strict=True):
            measured(run_id, **found)
        return pd.concat([table, pd.DataFrame(numbers)], axis=1)

    small, new = made(first), made(second if again else [each for each in second if each not in first])
    large = new if again else pd.concat([small.assign(reused=True), new], ignore_index=True)
    return {"first": small, "second": large}


def swept_once() -> dict:
    """One sweep of three values, of which a part is given as the first table."""
    table = grown((6, 20, 12), (6, 20, 12))["first"]
    return {"first": table[table["sides"] != 12], "second": table}


def swept_elsewhere() -> dict:
    wb.start("another experiment")
    right = grown()
    wb.start(EXPERIMENT)
    return right


def diagnosed_elsewhere() -> dict:
    wb.start("another experiment")
    right = diagnosed()
    wb.start(EXPERIMENT)
    return right


def misspelt() -> dict:
    """Sensors that do not exist, of which each fails."""
    return diagnosed([{"sensor": name} for name in "abcd"], failed="failed in cell 4: KeyError: 'd'", error="KeyError")


def only_the_new() -> dict:
    right = grown()
    return right | {"second": right["second"][right["second"]["sides"] == 12]}


def three_new() -> dict:
    """Another notebook, or resume=False: nothing of the first table is kept."""
    return grown(again=True)


def diagnosed(points=SENSORS, failed: str = TROUBLE, row: int = -1, **wrong: Any) -> dict:
    table = sweep("readings.ipynb", *points, failed=failed)
    return {"table": table, "run_id": table["run_id"].iloc[row], "cell": 4, "error": "ValueError", **wrong}


def without_its_error() -> dict:
    """A failure that the store tells of, and no cell."""
    right = diagnosed()
    run = mlflow.get_run(right["run_id"])
    node = nbformat.reads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/readings.ipynb"), as_version=4)
    node.cells[-1].outputs = []
    mlflow.MlflowClient().log_text(run.info.run_id, nbformat.writes(node), "readings.ipynb")
    return right


def tampered(**columns: Any) -> dict:
    """A table in which somebody has written."""
    right = grown()
    return right | {"first": right["first"].assign(**columns)}


def unfinished() -> dict:
    right = diagnosed()
    mlflow.MlflowClient().update_run(right["table"]["run_id"].iloc[0], status="RUNNING")
    return right


def without_its_script() -> dict:
    right = dice()
    (right["project"] / "dice.py").unlink()
    return right


def by_plain_mlflow() -> Run:
    old = commit(guess(), COMMITS[0])
    done = mlflow.projects.run(f"file://{guess()}", version=old, env_manager="local")
    return logged(mlflow.get_run(done.run_id), error=GUESSED["mean"])
