"""Makers of right and wrong answers to the lessons of part 4. The projects only echo, and log what scripts would."""

from __future__ import annotations

import contextlib
import itertools
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Run

import mlworkbench as wb
from mlcourse.projects import recomputed
from mlworkbench.projects.steps import run_step
from tests.mlcourse.projects.answers import SCRATCH, folder, logged
from tests.projects import commit, git, measured, project, rerun, sweep

TREES = """
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      trees: {type: float, default: 100}
      name: string
    command: "python fit.py {trees} {name}"
  check:
    command: "python check.py"
"""
ENVIRONMENT = "python: '3.11'\ndependencies: [mlflow]\n"


def written(old: str = "", new: str = "", environment: str = ENVIRONMENT) -> dict:
    """A project with the file that says what it needs; a text of the MLproject may be another."""
    assert old in TREES
    made = project(folder("trees"), TREES.replace(old, new) if old else TREES)
    (made / "python_env.yaml").write_text(environment)
    return {"project": made}


# Lesson 4.2

LOAD = """entry_points:
  load:
    parameters:
      seed: {{type: float, default: 0}}
    command: "echo {} {{seed}}"
  other:
    parameters:
      seed: {{type: float, default: 0}}
    command: "echo {} {{seed}}"
"""
SHARES = {"first": 1.0, "third": 0.5}


@cache
def wine(name: str = "wine") -> Path:
    """A repository with three commits."""
    made = SCRATCH / name
    project(made, "")
    git(made, "init", "--initial-branch", "main")
    for message in ("first", "second", "third"):
        project(made, LOAD.format(message, message))
        git(made, "add", ".")
        git(made, "commit", "--message", message)
    return made


def filled(run: Run, table: pd.DataFrame) -> Run:
    """The run with what ``load.py`` would have logged."""
    mlflow.MlflowClient().log_text(run.info.run_id, table.to_csv(index=False), "wine.csv")
    return logged(run, rows=len(table))


def loaded(
    message: str, seed: int = 3, share: float = 0, entry: str = "load", of: Path | None = None, table: Any = None
) -> Run:
    """A run of `load` at a commit, with the wines that it gives."""
    repository = of or wine()
    run = wb.run_project(repository, entry_point=entry, version=commit(repository, message), seed=seed)
    return filled(run, recomputed.wines(seed, share or SHARES.get(message, 1.0)) if table is None else table)


@cache
def old_one() -> Run:
    return loaded("first")


@cache
def new_one() -> Run:
    return loaded("third")


def at_two_commits(old: Any = None, new: Any = None, lesson_seed: Any = 7) -> dict:
    return {"old": old or old_one(), "new": new or new_one(), "lesson_seed": lesson_seed}


def by_uri() -> dict:
    """As the lesson does it."""
    run = wb.run_project(f"file://{wine()}", entry_point="load", version=commit(wine(), "first"), seed=3)
    return at_two_commits(old=filled(run, recomputed.wines(3)).info.run_id, new=new_one().info.run_id)


def by_plain_mlflow() -> dict:
    """`mlflow.projects.run` takes parameters as a dict, and returns no Run."""
    done = mlflow.projects.run(f"file://{wine()}", "load", parameters={"seed": 3}, env_manager="local")
    filled(mlflow.get_run(done.run_id), recomputed.wines(3, 0.5))
    return at_two_commits(new=done)


def typed(message: str, **tags: str) -> Run:
    """A run of nobody's project, with tags and results set by hand."""
    known = {
        "mlflow.project.entryPoint": "load",
        "mlflow.source.name": f"file://{wine()}",
        "mlflow.source.git.commit": commit(wine(), message),
    }
    with mlflow.start_run(tags=known | tags) as run:
        mlflow.log_param("seed", 3)
    return filled(run, recomputed.wines(3, SHARES[message]))


def unfinished_project() -> Run:
    failing = project(folder("fails"), "entry_points: {load: {command: exit 3}}")
    with contextlib.suppress(wb.ProjectError):
        wb.run_project(failing, entry_point="load")
    found = mlflow.search_runs(filter_string="attributes.status = 'FAILED'", output_format="list", max_results=1)
    return found[0]


# Lesson 4.3

WINE_STEPS = """
entry_points:
  load:
    parameters: {seed: {type: float, default: 0}}
    command: "echo {seed}"
  validate:
    parameters: {data: string, test_share: {type: float, default: 0.25}}
    command: "echo {data} {test_share}"
  train:
    parameters: {data: string, C: {type: float, default: 1.0}}
    command: "echo {data} {C}"
  evaluate:
    parameters: {model: string, data: string}
    command: "echo {model} {data}"
  register:
    parameters: {model: string, evaluation: string}
    command: "echo {model} {evaluation}"
"""


@cache
def wine_steps() -> Path:
    return project(SCRATCH / "wine steps", WINE_STEPS)


def run_workflow(
    test_share: float = 0.25,
    C: float = 1.0,
    seed: int = 0,
    reuse: bool = True,
    register: bool = True,
    kept: str = "",
    accuracy: float | None = None,
) -> Run:
    """The five steps; `kept` is the id of a training whose model is evaluated in place of the new one."""
    steps, again = wine_steps(), {"reuse": reuse}
    with mlflow.start_run() as run:
        first = run_step(steps, "load", seed=seed, **again).info.run_id
        checked = run_step(
            steps, "validate", data=f"runs:/{first}/wine.csv", test_share=test_share, **again
        ).info.run_id
        trained = run_step(steps, "train", data=f"runs:/{checked}/train.csv", C=C, **again).info.run_id
        model, data = f"runs:/{kept or trained}/model", f"runs:/{kept or checked}/test.csv"
        evaluated = run_step(steps, "evaluate", model=model, data=data, **again)
        if "accuracy" not in evaluated.data.metrics or accuracy is not None:
            known = recomputed.evaluated(test_share, C)
            logged(evaluated, **known | ({} if accuracy is None else {"accuracy": accuracy}))
        if register:
            run_step(steps, "register", model=model, evaluation=evaluated.info.run_id, **again)
    return mlflow.get_run(run.info.run_id)


@cache
def as_it_is() -> Run:
    return run_workflow()


_SHARES = (0.26 + number / 500 for number in itertools.count())


def resumed(**second: Any) -> dict:
    """Once more with a share that no other test has used, unless one is given."""
    return {"first": as_it_is(), "second": run_workflow(**{"test_share": round(next(_SHARES), 3), **second})}


def stale() -> dict:
    """As when somebody writes down the ids of the first results: the evaluation never sees the new model."""
    train = as_it_is().data.tags["step.train"].split()[1]
    return {"first": run_workflow(kept=train), "second": run_workflow(round(next(_SHARES), 3), kept=train)}


# Lesson 4.4

GRID = [{"folds": folds, "depth": depth} for folds in (3, 5) for depth in (1, 2)]


def swept(*points: dict, numbers: Any = None, notebook: str = "how_deep.ipynb", **options: Any) -> dict:
    """A table as `wb.sweep` returns it, with what the trees reach, or other numbers."""
    of = numbers or (lambda point: recomputed.tree(point["depth"], point["folds"]))
    return {"table": with_metrics(sweep(notebook, *(points or GRID), **options), of)}


def with_metrics(table: pd.DataFrame, of: Any) -> pd.DataFrame:
    """The table, and its runs, with what the notebook would have logged at each point."""
    found = [of(point) for point in table.to_dict("records")]
    for run_id, numbers in zip(table["run_id"], found, strict=True):
        measured(run_id, **numbers)
    return pd.concat([table, pd.DataFrame(found, index=table.index)], axis=1)


def typed_sweep() -> dict:
    """The numbers of a sweep whose notebook has logged nothing were set by hand."""
    table = sweep("how_deep.ipynb", *GRID)
    found = [recomputed.tree(point["depth"], point["folds"]) for point in GRID]
    for run_id, numbers in zip(table["run_id"], found, strict=True):
        logged(mlflow.get_run(run_id), **numbers)
    return {"table": pd.concat([table, pd.DataFrame(found)], axis=1)}


def of_two_sweeps() -> dict:
    halves = [swept(*GRID[:2])["table"], swept(*GRID[2:], parent="of another sweep")["table"]]
    return {"table": pd.concat(halves)}


def with_an_earlier_rerun() -> dict:
    """`wb.sweep` reuses a rerun that stands under no parent."""
    table = swept()["table"]
    earlier = rerun("how_deep.ipynb", GRID[0], **recomputed.tree(1, 3))
    table.loc[0, ["run_id", "reused"]] = [earlier.info.run_id, True]
    return {"table": table}


def changed(**columns: Any) -> dict:
    return {"table": swept()["table"].assign(**columns)}


def empty_run() -> str:
    with mlflow.start_run() as run:
        pass
    return run.info.run_id
