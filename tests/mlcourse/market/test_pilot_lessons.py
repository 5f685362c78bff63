"""The checks of the lessons 5.4 to 5.7: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from mlcourse.market import recomputed
from stock_market import candidates, monitor, serving, sweep, windows
from tests.projects import project
from tests.refusals import refused

pytestmark = pytest.mark.processes

STEPS = """
entry_points:
  load: {parameters: {until: string}, command: "echo {until}"}
  validate: {parameters: {prices: string}, command: "echo {prices}"}
  features: {parameters: {prices: string, window: int}, command: "echo {prices} {window}"}
"""
PARAMETERS = {"until": "2018", "window": 14, "model": "logistic", "name": "drill"}
PROJECT = {"mlflow.source.type": "PROJECT", "mlflow.project.backend": "local"}
YEAR = [201100 + month for month in range(1, 13)]


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("checks")


def pipeline(folder: Path, entry_point: str = "main", **changed: Any) -> Run:
    """A run as the pipeline of the stock market leaves it, with steps that only echo."""
    given = PARAMETERS | changed
    with mlflow.start_run(tags={**PROJECT, "mlflow.project.entryPoint": entry_point, "decision": "refused"}) as run:
        mlflow.log_params(given)
        mlflow.log_metrics({"accuracy": 0.534, "heuristic_always_up": 0.54})
        loaded = wb.run_step(folder, "load", until=given["until"])
        checked = wb.run_step(folder, "validate", prices=f"runs:/{loaded.info.run_id}/prices")
        wb.run_step(folder, "features", prices=f"runs:/{checked.info.run_id}/checked", window=given["window"])
    return run


def stopped(found: str = "gap", status: str = "FAILED", steps: tuple[str, ...] = ("load", "validate")) -> Run:
    """A run of the pipeline on bad prices, with the report of its step validate."""
    with mlflow.start_run(tags={"mlflow.project.entryPoint": "main"}) as run:
        mlflow.log_params(PARAMETERS)
        for step in steps:
            with mlflow.start_run(nested=True, tags={"mlflow.project.entryPoint": step}):
                mlflow.log_text(f"found,rows\n{found},1\n", "report.csv")
    mlflow.MlflowClient().set_terminated(run.info.run_id, status)
    return run


@pytest.fixture
def champion() -> None:
    """The model of the drill, with a version in production."""
    client = mlflow.MlflowClient()
    with contextlib.suppress(mlflow.MlflowException):
        client.create_registered_model("drill")
        client.create_model_version("drill", "nowhere")
    client.set_registered_model_alias("drill", "production", "1")


@pytest.mark.usefixtures("champion")
def test_lesson_5_4(tmp_path: Path) -> None:
    """Right is another window and nothing else, also once more with all steps reused; and a file broken anew."""
    steps = project(tmp_path / "steps", STEPS)
    first, right = pipeline(steps), {"run": pipeline(steps, window=28), "failed": stopped()}
    feedback = wb.check("5.4", first=first, **right)
    assert feedback
    assert "Reused: load, validate. Right on 0.534 of the held-out days, always_up on 0.540" in feedback.message
    assert "The broken prices were stopped (gap), and the champion stays" in feedback.message
    assert wb.check("5.4", first=first.info.run_id, run=pipeline(steps, window=28).info.run_id, failed=stopped())
    for says, run in {
        "Other than in first: nothing. Change window to 28": first,
        "Other than in first: window=7": pipeline(steps, window=7),
        "until=2017": pipeline(steps, window=28, until="2017"),
        "model=xgboost": pipeline(steps, window=28, model="xgboost"),
        "name=mine": pipeline(steps, window=28, name="mine"),
        "run is a run of the entry point 'train'": pipeline(steps, "train", window=28),
    }.items():
        refused("5.4", says, first=first, **right | {"run": run})
    for says, failed in {
        "with the status FINISHED": stopped(status="FINISHED"),
        "Break them in another way": stopped("day twice"),
        "Steps of the failed run: load. It should load your file and stop in validate": stopped(steps=("load",)),
        "Steps of the failed run: none": stopped(steps=()),
    }.items():
        refused("5.4", says, first=first, **right | {"failed": failed})
    mlflow.MlflowClient().delete_registered_model_alias("drill", "production")
    refused("5.4", "'drill' has no champion. Run it with name=drill_name", first=first, **right)


@cache
def days() -> pd.DataFrame:
    return recomputed.by_day("sp500").assign(prediction=1)


@cache
def months(first: str = "2005", last: str = "2006") -> pd.DataFrame:
    return monitor.by_month(days().loc[first:last], days().loc["2011"])


def watch(current: str = "2011", steps: Any = YEAR, report: bool = True, table: Any = None) -> Run:
    """A run as monitor.log leaves it, without the work of making its report again."""
    spans = {"reference": "2005-01-03 to 2006-12-29", "current": f"{current}-01-02 to {current}-12-28"}
    with mlflow.start_run() as run:
        mlflow.log_params(spans)
        for step, month in zip(steps, (months() if table is None else table).itertuples(), strict=False):
            mlflow.log_metrics({"drift_share": month.drift_share, "accuracy_high": month.accuracy_high}, step=step)
        if report:
            mlflow.log_text("", "report.html")
    return run


def test_lesson_5_5() -> None:
    """The version is asked again at the threshold that the learner gives."""
    rows, answers = days()[windows.names()], days()["answer"]
    fitted = candidates.fit("logistic", rows, answers)
    options = {"group": "window", "symbol": "sp500", "window": 14, "store": ""}
    model = serving.log_served(fitted, rows.head(), **options).model_uri
    evenings = recomputed.evenings("sp500", "2018")
    chances = candidates.probability(fitted, evenings)
    limit = float(np.quantile(chances, 0.9))
    said = [bool(each) for each in chances > limit]
    right = {"model": model, "threshold": limit, "answers": said}
    assert f"says true on {sum(said)} of {len(said)} evenings" in wb.check("5.5", **right).message
    assert wb.check("5.5", **right | {"answers": np.array(said)})
    for says, wrong in {
        "otherwise at the threshold 0.5": {"threshold": 0.5},
        "otherwise at": {"answers": [not each for each in said]},
        "1 answers. Send all": {"answers": said[:1]},
        "A higher threshold gives fewer": {"threshold": 0.0, "answers": [True] * len(said)},
        "A lower threshold gives more": {"threshold": 1.0, "answers": [False] * len(said)},
        "answers is of type str": {"answers": "400 Bad request"},
        "threshold is of type str": {"threshold": "0.6"},
    }.items():
        refused("5.5", says, **right | wrong)


def test_lesson_5_6() -> None:
    """The drift of 2011 is computed again, and the rule is applied to it."""
    alerts = monitor.alerts(months())
    feedback = wb.check("5.6", run=watch(), alerts=alerts)
    assert "Alerts of 2011: 2011-09, 2011-10, 2011-11" in feedback.message
    assert wb.check("5.6", run=watch(), alerts=list(alerts.index))
    assert wb.check("5.6", run=watch().info.run_id, alerts=alerts.to_frame())
    assert wb.check("5.6", run=watch(), alerts=alerts.reset_index())
    assert wb.check("5.6", run=watch(), alerts=np.array([str(month) for month in alerts.index]))
    for says, run in {
        "The steps go from 200801 to 200812": watch(steps=[step - 300 for step in YEAR]),
        "has 11 point(s)": watch(steps=YEAR[:11]),
        "The steps go from 201012 to 201111": watch(steps=[201012, *YEAR[:11]]),
        "The run has no artifacts. Log report.html with `monitor.log`": watch(report=False),
        "The run compares 2008-01-02 to 2008-12-28 with": watch("2008"),
        "its drift is of other days": watch(table=months("2006", "2007")),
    }.items():
        refused("5.6", says, run=run, alerts=alerts)
    refused("5.6", "alerts are other months than the rule gives", run=watch(), alerts=["2011-06"])
    refused("5.6", "alerts are other months", run=watch(), alerts=[])
    refused("5.6", "alerts are other months", run=watch(), alerts=monitor.alerts(months()).to_frame()[:1])
    refused("5.6", "alerts is of type int", run=watch(), alerts=3)
    refused("5.6", "alerts is of type str", run=watch(), alerts="none")


@cache
def swept() -> pd.DataFrame:
    """A real sweep of one model, as `sweep.sweep` returns it, in this process."""
    return sweep.sweep([5, 10], ["logistic"], [0.5, 0.55], n_jobs=1)


def test_lesson_5_7() -> None:
    """The best setting beside its share of holding, scored again; and the arithmetic of more nodes."""
    table = swept()
    beside = table["return_a_year"] - table["invested"] * table["hold_a_year"]
    best, top = beside.max(), beside.idxmax()
    right = {"table": table, "best": best, "seconds": 330, "nodes": 16}
    assert "The best of 4 settings is" in wb.check("5.7", **right).message
    for other in (
        {"best": round(best, 3)},
        {"best": np.float32(best)},
        {"table": table.sample(frac=1, random_state=1).assign(mine=1)},
        {"seconds": 330.0, "nodes": np.int64(16)},
        {"table": table.drop(columns=["days", "accuracy", "low", "high"])},
    ):
        assert wb.check("5.7", **right | other), other
    for says, wrong in {
        f"best is {best + 0.02:.4f}. Give the largest": {"best": best + 0.02},
        f"best is {best - 0.0005:.4f}": {"best": best - 0.0005},
        "best is of type Series": {"best": table["return_a_year"]},
        "best is inf": {"best": float("inf")},
        "computed again it is": {"table": table.assign(return_a_year=table["return_a_year"] + 0.1), "best": best + 0.1},
        f"return_a_year is {table.loc[top, 'return_a_year'] + 0.03:.4f}": {
            "table": table.assign(return_a_year=table["return_a_year"] + 0.03 * (table.index == top)),
            "best": best + 0.03,
        },
        "The best setting is 'oracle'": {"table": table.assign(model="oracle")},
        "1 of them without a number": {"table": table.assign(invested=[None, *table["invested"][1:]])},
        "The table has 1 value(s) of window": {"table": table[:2]},
        "The table has 1 value(s) of threshold": {"table": table[::2]},
        "The table has 3 of 4 combinations": {"table": table[:3]},
        "The table has no column hold_a_year": {"table": table.drop(columns="hold_a_year")},
        "The table has no column window": {"table": 3},
        "The lesson has swept windows of 14 days": {"table": table.replace({"window": {5: 14}})},
        "seconds is 300. Divide the work by the nodes; what is around it stays": {"seconds": 300},
        "seconds is 307.5": {"seconds": 307.5},
        "nodes is 8": {"nodes": 8},
    }.items():
        refused("5.7", says, **right | wrong)
