"""The checks of the lessons 5.4 to 5.6: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from tests.projects import project
from tests.refusals import refused

STEPS = """
entry_points:
  load: {parameters: {until: string}, command: "echo {until}"}
  validate: {parameters: {prices: string}, command: "echo {prices}"}
  features: {parameters: {prices: string, window: int}, command: "echo {prices} {window}"}
  register: {parameters: {table: string}, command: "echo {table}"}
"""


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("checks")


def pipeline(folder: Path, window: int, until: str = "2018", entry_point: str = "main") -> Run:
    """A run as the pipeline of the stock market leaves it, with steps that only echo."""
    with mlflow.start_run(tags={"mlflow.project.entryPoint": entry_point, "decision": "refused"}) as run:
        mlflow.log_metric("accuracy", 0.534)
        loaded = wb.run_step(folder, "load", until=until)
        checked = wb.run_step(folder, "validate", prices=f"runs:/{loaded.info.run_id}/prices")
        made = wb.run_step(folder, "features", prices=f"runs:/{checked.info.run_id}/checked", window=window)
        wb.run_step(folder, "register", table=f"runs:/{made.info.run_id}/training.parquet")
    return run


def test_lesson_5_4(tmp_path: Path) -> None:
    """Right is another window and nothing else; also when it is run once more, all steps reused."""
    steps = project(tmp_path / "steps", STEPS)
    refused("5.4", "The window has 14 days. Run it with window=28", run=pipeline(steps, 14))
    feedback = wb.check("5.4", run=pipeline(steps, 28))
    assert feedback
    assert "Right on 0.534 of the held-out days; the version was refused" in feedback.message
    assert wb.check("5.4", run=pipeline(steps, 28).info.run_id)
    refused("5.4", "load and validate ran anew, so more than the window was changed", run=pipeline(steps, 28, "2017"))
    refused("5.4", "run is a run of the entry point 'train'", run=pipeline(steps, 28, entry_point="train"))
    with mlflow.start_run() as plain:
        pass
    refused("5.4", "run is not the run of a project", run=plain)
    with mlflow.start_run(tags={"mlflow.project.entryPoint": "main"}) as other:
        wb.run_step(steps, "load", until="2018")
    refused("5.4", "run has the steps load. Run the project of this lesson", run=other)


def watch(steps: list[int], alert: str | None = "none", report: bool = True) -> Run:
    with mlflow.start_run(tags={"alert": alert} if alert else None) as run:
        for step in steps:
            mlflow.log_metric("drift_share", 0.5, step=step)
        if report:
            mlflow.log_text("", "report.html")
    return run


def test_lesson_5_5() -> None:
    year = [201800 + month for month in range(1, 13)]
    feedback = wb.check("5.5", run=watch(year, "2018-03: drift"))
    assert feedback
    assert "Twelve months of 2018 are in the run. Alert: 2018-03: drift." in feedback.message
    refused("5.5", "These are the months of 2008", run=watch([step - 1000 for step in year]))
    refused("5.5", "has 11 point(s)", run=watch(year[:11]))
    refused("5.5", "The steps go from 201712 to 201811", run=watch([201712, *year[:11]]))
    refused("5.5", "The steps go from 0 to 11", run=watch(list(range(12))))
    refused("5.5", "The run has no artifacts. Log report.html with `monitor.log`", run=watch(year, report=False))
    refused("5.5", "The run has no tag 'alert'", run=watch(year, alert=None))


def swept(*rows: tuple[int, float], earned: float = 0.05) -> pd.DataFrame:
    made = [(window, "logistic", threshold, earned, 0.07) for window, threshold in rows]
    return pd.DataFrame(made, columns=["window", "model", "threshold", "return_a_year", "hold_a_year"])


def test_lesson_5_6() -> None:
    table = swept((5, 0.5), (5, 0.55), (10, 0.5), (10, 0.55))
    assert "0 of 4 settings" in wb.check("5.6", table=table, better=0).message
    assert wb.check("5.6", table=table.assign(return_a_year=[0.08, 0.09, 0.07, 0.0]), better=2)
    refused("5.6", "You count 4 of 4 settings", table=table, better=4)
    refused("5.6", "better is of type Series", table=table, better=table["return_a_year"] > 0.07)
    refused("5.6", "The table has 1 value(s) of window", table=table[:2], better=0)
    refused("5.6", "The table has 1 value(s) of threshold", table=table[::2], better=0)
    refused("5.6", "The table has 3 of 4 combinations", table=table[:3], better=0)
    refused("5.6", "The table has no column hold_a_year", table=table.drop(columns="hold_a_year"), better=0)
    refused("5.6", "The table has no column window", table=3, better=0)
