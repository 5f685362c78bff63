"""Task 9 of part 4: a step that was reused although its file had changed is found and mended; nothing else passes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

import mlworkbench as wb
from mlcourse.projects import drill
from tests.mlcourse.projects.answers import EXPERIMENT, SCRATCH
from tests.refusals import refused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("session")]


def a_week() -> drill.Week:
    return drill.stale_week(Path(tempfile.mkdtemp(dir=SCRATCH)))


def days_of(week: drill.Week) -> list[Run]:
    return mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{week.run.info.run_id}'", output_format="list")


def wrong_days(week: drill.Week) -> list[Run]:
    """The days whose file was not that of Monday."""
    files = {day.info.run_id: mlflow.artifacts.load_text(f"{day.info.artifact_uri}/till.csv") for day in days_of(week)}
    return [day for day in days_of(week) if files[day.info.run_id] != drill.delivery(1)]


def rewritten(week: drill.Week, old: str = "file: string", new: str = "file: path") -> None:
    text = (week.project / "MLproject").read_text()
    assert old in text
    (week.project / "MLproject").write_text(text.replace(old, new))


def count(week: drill.Week, number: int, **options: Any) -> Run:
    """A day to come."""
    week.file.write_text(drill.delivery(number))
    with mlflow.start_run() as run:
        wb.run_step(week.project, "count", **{"file": str(week.file), **options})
    return run


def proven(week: drill.Week, **options: Any) -> dict:
    return {
        "project": week.project,
        "week": week.run,
        "stale": wrong_days(week),
        "first": count(week, 8, **options),
        "second": count(week, 9, **options),
        "third": count(week, 9, **options),
    }


@cache
def by_path() -> dict:
    """As a parameter of the type path."""
    week = a_week()
    rewritten(week)
    return proven(week)


def by_digest() -> dict:
    """As a parameter that holds the digest of the file."""
    week = a_week()
    rewritten(week, "file: string", "file: string\n      digest: string")
    rewritten(week, "{file}", "{file} {digest}")

    def digest() -> str:
        return hashlib.sha256(week.file.read_bytes()).hexdigest()

    counted = []
    for number in (8, 9, 9):
        week.file.write_text(drill.delivery(number))
        counted.append(count(week, number, digest=digest()))
    given = {"project": week.project, "week": week.run, "stale": wrong_days(week)}
    return given | dict(zip(("first", "second", "third"), counted, strict=True))


def in_the_project() -> dict:
    """The file lies in the folder of the project, whose files all count."""
    week = a_week()
    moved = week._replace(file=week.project / "till.csv")
    return proven(moved, file="till.csv")


def answered(**wrong: Any) -> dict:
    return by_path() | wrong


def not_mended(**options: Any) -> dict:
    return proven(a_week(), **options)


def recounted() -> dict:
    """Each of the three runs asks for a new count."""
    right = by_path()
    week = drill.Week(right["week"], right["project"], right["project"].parent / drill.FILE)
    return right | {"third": count(week, 9, reuse=False)}


def another_file() -> dict:
    """The third day had a file of its own."""
    right = by_path()
    week = drill.Week(right["week"], right["project"], right["project"].parent / drill.FILE)
    third = count(week, 10)
    week.file.write_text(drill.delivery(9))
    return right | {"third": third}


def changed_since() -> dict:
    week = a_week()
    rewritten(week)
    right = proven(week)
    week.file.write_text(drill.delivery(8))
    return right


def typed() -> Run:
    """A run without a step, with the takings set by hand."""
    with mlflow.start_run() as run:
        mlflow.log_metric("takings", drill.takings(drill.delivery(8)))
    return run


def typed_step() -> Run:
    """A step that somebody has made of tags and a number."""
    tags = {"mlflow.project.entryPoint": "count", "mlworkbench.step": "0" * 64}
    with mlflow.start_run() as run, mlflow.start_run(nested=True, tags=tags) as step:
        mlflow.log_metric("takings", drill.takings(drill.delivery(8)))
    MlflowClient().set_tag(run.info.run_id, "step.count", f"ran {step.info.run_id}")
    return run


def delivered_again() -> dict:
    """Somebody has put Monday's file into the run of each day."""
    week = a_week()
    for day in wrong_days(week):
        MlflowClient().log_text(day.info.run_id, drill.delivery(1), "till.csv")
    return answered(week=week.run, stale=[])


def invented_week() -> dict:
    """A week of one's own, whose files nobody delivered."""
    week = a_week()
    MlflowClient().log_text(days_of(week)[0].info.run_id, "amount\n1.00\n", "till.csv")
    return answered(week=week.run, stale=wrong_days(week))


def elsewhere() -> dict:
    wb.start("another experiment")
    week = a_week()
    wb.start(EXPERIMENT)
    return answered(week=week.run)


def another_project() -> dict:
    right = by_path()
    week = a_week()
    rewritten(week)
    return right | {"project": week.project}


def all_reused() -> list[Run]:
    """Every day but Monday, on which the step ran."""
    return [day for day in days_of(drill.Week(by_path()["week"], Path(), Path())) if day.info.run_name != "Monday"]


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("projects.9", by_path),
    ("projects.9", by_digest),
    ("projects.9", in_the_project),
    ("projects.9", lambda: {name: _as_id(value) for name, value in by_path().items()}),
    ("projects.9", lambda: answered(stale=pd.Series([day.info.run_id for day in by_path()["stale"]][::-1]))),
    ("projects.9", lambda: answered(stale=np.array([day.info.run_id for day in by_path()["stale"]] * 2))),
]


def _as_id(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(each.info.run_id for each in value)
    return value.info.run_id if isinstance(value, Run) or hasattr(value, "info") else str(value)


WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("projects.9", lambda: answered(stale=all_reused()), "in stale had the right takings, or are no day of that week"),
    ("projects.9", lambda: answered(stale=by_path()["stale"][1:]), "days. Compare the metric of the step"),
    ("projects.9", lambda: answered(stale=[]), "stale names 0 of"),
    ("projects.9", lambda: answered(stale="Tuesday"), "stale is of type str"),
    ("projects.9", lambda: answered(stale=[2, 3]), "A day of stale is of type int"),
    ("projects.9", not_mended, "takings of 'count' is"),
    ("projects.9", lambda: not_mended(reuse=False), "In first and second the step has the same fingerprint"),
    ("projects.9", recounted, "third did not use the step of second"),
    ("projects.9", another_file, "Write drill.delivery(9) into the file"),
    ("projects.9", changed_since, "has changed since second ran it"),
    ("projects.9", another_project, "The step is of another project"),
    ("projects.9", lambda: answered(first=typed()), "first names no steps"),
    ("projects.9", lambda: answered(first=typed_step()), "no project was run"),
    ("projects.9", lambda: answered(second=by_path()["first"]), "Write drill.delivery(9)"),
    ("projects.9", delivered_again, "On each day of that week the step counted the file of the day"),
    ("projects.9", invented_week, "is not what the till delivered"),
    ("projects.9", elsewhere, "in the experiment 'another experiment'"),
    ("projects.9", lambda: answered(week=by_path()["first"]), "Start it with run_name='week'"),
    ("projects.9", lambda: answered(week=None), "week is of type NoneType"),
    ("projects.9", lambda: answered(project=3), "project is of type int"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_mended_project_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert "had the takings of another day" in feedback.message


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_what_is_not_mended_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_which_days_are_wrong_is_another_matter_each_time() -> None:
    found = {frozenset(day.info.run_name for day in wrong_days(week)) for week in (a_week() for _ in range(4))}
    assert len(found) > 1
    assert all(2 <= len(days) < len(drill.DAYS) - 1 for days in found)
