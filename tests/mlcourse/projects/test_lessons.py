"""The checks of the lessons of part 4: right answers of every style pass, mistakes and made-up ones are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from mlcourse.projects import recomputed
from tests.mlcourse.projects.lesson_answers import (
    GRID,
    TREES,
    as_it_is,
    at_two_commits,
    by_plain_mlflow,
    by_uri,
    changed,
    empty_run,
    loaded,
    new_one,
    of_two_sweeps,
    old_one,
    resumed,
    run_workflow,
    stale,
    swept,
    typed,
    typed_sweep,
    unfinished_project,
    wine,
    with_an_earlier_rerun,
    written,
)
from tests.projects import STEPS, commit, git, project
from tests.refusals import refused

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("session")]


def without_environment() -> Path:
    return written()["project"].parent / "bare"


@cache
def plain() -> Run:
    """A run of a project that lies in no repository."""
    made = project(without_environment(), STEPS.replace("main", "load"))
    return wb.run_project(made, entry_point="load")


def of_no_commit() -> Run:
    run = loaded("first")
    mlflow.MlflowClient().set_tag(run.info.run_id, "mlflow.source.git.commit", "0" * 40)
    return run


def made_by_hand() -> dict:
    """Tags of steps that nobody has run."""
    tags = {f"step.{name}": f"ran {loaded_run()}" for name in ("load",)}
    with mlflow.start_run(tags=tags) as run:
        pass
    return {"first": run, "second": run}


def loaded_run() -> str:
    return old_one().info.run_id


PROJECT = {"mlflow.source.type": "PROJECT"}

RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("4.1", written),
    ("4.1", lambda: {"project": str(written("type: float", "type: int")["project"])}),
    ("4.1", lambda: written("python check.py", "echo all is well")),
    ("4.1", lambda: written(environment="python: 3.12\nbuild_dependencies: [pip]\ndependencies:\n  - -r needs.txt\n")),
    ("4.2", at_two_commits),
    ("4.2", by_uri),
    ("4.2", by_plain_mlflow),
    ("4.2", lambda: at_two_commits(loaded("second", 11), loaded("third", 11))),
    ("4.3", resumed),
    ("4.3", lambda: {"first": as_it_is().info.run_id, "second": resumed()["second"].info.run_id}),
    ("4.3", lambda: {"first": resumed()["second"], "second": resumed()["second"]}),
    ("4.4", swept),
    ("4.4", of_two_sweeps),
    ("4.4", with_an_earlier_rerun),
    ("4.4", lambda: {"table": swept()["table"].sample(frac=1, random_state=1)[::-1].assign(note="mine")}),
    ("4.4", lambda: {"table": swept()["table"].round(3)}),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("4.1", lambda: written("trees: {", "trees {"), "line 6"),
    ("4.1", lambda: written("  check:\n", "  check:\n    parameters:\n"), "nothing behind or below its colon"),
    ("4.1", lambda: written("{type: float, default: 100}", "100"), "a parameter that is a bare value"),
    ("4.1", lambda: written("type: float, ", ""), "The parameter trees of main has the type 'string'"),
    ("4.1", lambda: written("type: float, default: 100", "type: float"), "The parameter trees of main has no default"),
    ("4.1", lambda: written("default: 100", "default: many"), "The default of trees is 'many'"),
    ("4.1", lambda: written("name: string", "name: {type: string, default: me}"), "has the default 'me'. Take it away"),
    ("4.1", lambda: written("name: string", "nam: string"), "{name} in braces, which is none of its parameters"),
    ("4.1", lambda: written(" {name}", ""), "does not use its parameter name"),
    ("4.1", lambda: written("{name}", "{name"), "The braces in the command of main do not match"),
    ("4.1", lambda: written("  check:", "  test:"), "The entry points are: main, test. Add one called 'check'"),
    ("4.1", lambda: written('    command: "python check.py"', "    comand: x"), "The command of check is missing"),
    ("4.1", lambda: written("python check.py", "python check.py {a}"), "has {a} in braces"),
    ("4.1", lambda: written('"python fit.py {trees} {name}"', "{trees}"), "The command of main begins with a brace"),
    ("4.1", lambda: written("python_env.yaml", "pythonenv.yaml"), "no such file was found"),
    (
        "4.1",
        lambda: written('    command: "python check.py"', "    parameters: {a: string}\n    command: echo {a}"),
        "check has the parameters a. Give it none",
    ),
    (
        "4.1",
        lambda: written('    command: "python check.py"', "    parameters: {a: string}\n    command: echo hello"),
        "check has the parameters a. Give it none",
    ),
    ("4.1", lambda: written(environment="python: '3.11'"), "python_env.yaml has no dependencies"),
    ("4.1", lambda: written(environment="hello"), "python_env.yaml holds 'hello', and no names with values"),
    ("4.1", lambda: written(environment="[a, b]"), "and no names with values"),
    ("4.1", lambda: written(environment=""), "python_env.yaml holds 'None'"),
    ("4.1", lambda: written(environment="python: [\n"), "python_env.yaml cannot be read"),
    (
        "4.1",
        lambda: written(environment="python: new\ndependencies: [mlflow]"),
        "The python of python_env.yaml is 'new'",
    ),
    ("4.1", lambda: written(environment="python: '3.11'\ndependencies: mlflow"), "python_env.yaml are 'mlflow'"),
    (
        "4.1",
        lambda: {"project": project(without_environment(), TREES.replace("python_env: p", "# p"))},
        "names no Python",
    ),
    ("4.1", lambda: {"project": written()["project"] / "MLproject"}, "Give the folder, not the file"),
    ("4.1", lambda: {"project": 3}, "project is of type int"),
    ("4.1", lambda: {"project": "a\0b"}, "is no folder"),
    ("4.1", lambda: {"project": "\udc80"}, "No MLproject in"),
    ("4.2", lambda: at_two_commits(new_one(), old_one()), "old executed the later commit"),
    ("4.2", lambda: at_two_commits(new_one(), loaded("third", 3)), "Both runs executed the commit"),
    ("4.2", lambda: at_two_commits(loaded("first", of=wine("other"))), "of different projects"),
    ("4.2", lambda: at_two_commits(new=loaded("third", entry="other")), "new is a run of the entry point 'other'"),
    ("4.2", lambda: at_two_commits(plain(), plain()), "old knows no commit"),
    ("4.2", lambda: at_two_commits(empty_run()), "old is not the run of a project"),
    ("4.2", lambda: at_two_commits(unfinished_project()), "has the status FAILED. Read what was printed"),
    ("4.2", lambda: at_two_commits(lesson_seed=3), "Both runs have the lesson's seed, 3"),
    ("4.2", lambda: at_two_commits(new=loaded("third", 4)), "seed is '3' in old and '4' in new"),
    ("4.2", lambda: at_two_commits(typed("first")), "old has the tag of an entry point, but no project was run"),
    ("4.2", lambda: at_two_commits(typed("first", **PROJECT)), "old has the tag of an entry point"),
    ("4.2", lambda: at_two_commits(loaded("first", share=0.5)), "is 89.000; computed again it is 178.000"),
    ("4.2", lambda: at_two_commits(new=loaded("third", share=1)), "is 178.000; computed again it is 89.000"),
    (
        "4.2",
        lambda: at_two_commits(loaded("first", table=recomputed.wines(4))),
        "wine.csv of old does not hold the wines that the seed 3 gives",
    ),
    ("4.2", lambda: at_two_commits(of_no_commit()), "which the repository does not have"),
    ("4.2", lambda: at_two_commits(17), "old is of type int"),
    ("4.3", lambda: {"first": as_it_is(), "second": run_workflow()}, "every step was reused"),
    ("4.3", lambda: {"first": resumed()["second"], "second": as_it_is()}, "first began after second. Swap the two"),
    ("4.3", lambda: resumed(test_share=0.25, C=0.1), "validate was reused: nothing had changed"),
    ("4.3", lambda: resumed(C=0.1), ", C=0.1. Change test_share, and nothing else"),
    ("4.3", lambda: resumed(seed=5), "every step ran"),
    ("4.3", lambda: resumed(reuse=False), "every step ran"),
    ("4.3", stale, "evaluate was reused, although validate before it ran anew"),
    (
        "4.3",
        lambda: {"first": run_workflow(register=False), "second": as_it_is()},
        "first has the steps load, validate",
    ),
    ("4.3", lambda: resumed(accuracy=0.999), "accuracy of 'evaluate' is 0.999; computed again it is"),
    ("4.3", lambda: {"first": empty_run(), "second": as_it_is()}, "first names no steps"),
    ("4.3", made_by_hand, "was not made by `wb.run_step`"),
    ("4.4", lambda: {"table": swept()["table"][:3]}, "The point folds=5, depth=2 is missing"),
    ("4.4", lambda: {"table": swept()["table"].replace({"folds": {3: 4}})}, "The store has other values for folds=4"),
    ("4.4", lambda: {"table": swept()["table"].drop(columns="run_id")}, "The table has no column run_id"),
    ("4.4", lambda: {"table": swept()["table"].to_dict("records")}, "no column folds, depth, outcome"),
    ("4.4", lambda: swept(*GRID[:2]), "The table has 1 value(s) of folds"),
    ("4.4", lambda: swept(failed="failed in cell 2: ValueError"), "failed in cell 2: ValueError"),
    ("4.4", lambda: swept(parent=""), "stand under no parent"),
    ("4.4", lambda: swept(notebook="other.ipynb"), "is a rerun of 'other.ipynb'"),
    ("4.4", typed_sweep, "which no run of the notebook has logged"),
    ("4.4", lambda: changed(run_id="m"), "No run with the id 'm'"),
    ("4.4", lambda: changed(run_id=empty_run()), "is no rerun of a notebook"),
    ("4.4", lambda: changed(accuracy=0.99), "The table has accuracy='0.99' where the run"),
    ("4.4", lambda: changed(outcome="failed"), "The table says 'failed' of a run that passed"),
    ("4.4", lambda: changed(accuracy="good"), "The table has accuracy='good' where the run"),
    ("4.4", lambda: swept(numbers=lambda _: {"accuracy": 0.99, "spread": 0.0}), "is 0.990; computed again it is 0."),
    ("4.4", lambda: swept(numbers=lambda point: recomputed.tree(8, point["folds"])), "Sweep the notebook as it is"),
    ("4.4", lambda: {"table": pd.DataFrame()}, "no column folds"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_the_feedback_tells_what_was_reused() -> None:
    assert "Reused: load. Ran anew: validate, train, evaluate, register." in wb.check("4.3", **resumed()).message


def test_a_folder_without_an_mlproject_is_told_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "MLproject.yaml").write_text(TREES)
    refused("4.1", "It has: MLproject.yaml", project=tmp_path)


def test_plain_mlflow_that_changed_the_folder_is_told() -> None:
    """`mlflow.projects.run` with a version checks it out in the folder itself; the newest commit is gone from sight."""
    mine = wine("changed")
    first = commit(mine, "first")
    old = mlflow.projects.run(str(mine), "load", version=first, parameters={"seed": 3}, env_manager="local")
    new = wb.run_project(mine, entry_point="load", seed=3)
    refused("4.2", "Plain MLflow changes your folder", lesson_seed=7, old=old, new=new)
    git(mine, "switch", "-")


@pytest.mark.slow
def test_the_notebook_of_the_lesson_gives_what_the_check_computes() -> None:
    path = wb.workbook_root() / "notebooks" / "projects" / "wine" / "how_deep.ipynb"
    assert wb.check("4.4", table=wb.sweep(path, {"folds": [3, 5], "depth": [1, 2]}, n_jobs=2))


@pytest.mark.slow
def test_the_scripts_of_the_lesson_give_what_the_checks_compute() -> None:
    import runpy

    scripts = wb.workbook_root() / "notebooks" / "projects" / "wine"
    workflow = runpy.run_path(str(scripts / "workflow.py"))["workflow"]
    found = []
    for share in (0.25, 0.4):
        with mlflow.start_run() as run:
            workflow(share, 1.0, 0.5)
        found.append(run)
    assert wb.check("4.3", first=found[0], second=found[1])
