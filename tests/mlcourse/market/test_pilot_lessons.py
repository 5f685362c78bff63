"""The checks of the lessons 5.4 to 5.7: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from mlcourse.market import recomputed
from mlworkbench.projects.steps import STEP_TAG
from stock_market import candidates, monitor, prices, serving, sweep, windows
from stock_market.features import MARKET
from tests.projects import project
from tests.refusals import refused

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("session")]

STEPS = """
entry_points:
  load: {parameters: {until: string}, command: "echo {until}"}
  validate: {parameters: {prices: string}, command: "echo {prices}"}
  features: {parameters: {prices: string, window: int}, command: "echo {prices} {window}"}
  train: {parameters: {table: string}, command: "echo {table}"}
  evaluate: {parameters: {table: string}, command: "echo {table}"}
  register: {parameters: {evaluation: string}, command: "echo {evaluation}"}
"""
PARAMETERS = {"until": "2018-12-31", "window": 14, "model": "logistic", "name": "drill"}
PROJECT = {"mlflow.source.type": "PROJECT", "mlflow.project.backend": "local"}
YEAR = [201100 + month for month in range(1, 13)]


@cache
def steps() -> Path:
    """The folder of the pipeline, whose steps only echo."""
    return project(Path(tempfile.mkdtemp()) / "steps", STEPS)


def pipeline(entry_point: str = "main", wrong: dict[str, float] = MappingProxyType({}), **changed: Any) -> Run:
    """A run as the pipeline of the stock market leaves it; ``wrong`` are metrics that it should not have."""
    folder, given = steps(), PARAMETERS | changed
    decision, window = given.pop("decision", "refused"), given["window"]
    _, measured = recomputed.held_out(given["until"], window, "logistic", 500)
    with mlflow.start_run(tags={**PROJECT, "mlflow.project.entryPoint": entry_point, "decision": decision}) as run:
        mlflow.log_params(given)
        mlflow.log_metrics({**measured, **wrong})
        loaded = wb.run_step(folder, "load", until=given["until"])
        checked = wb.run_step(folder, "validate", prices=f"runs:/{loaded.info.run_id}/prices")
        made = wb.run_step(folder, "features", prices=f"runs:/{checked.info.run_id}/checked", window=window)
        for step in ("train", "evaluate"):
            wb.run_step(folder, step, table=f"runs:/{made.info.run_id}/training.parquet")
        wb.run_step(folder, "register", evaluation=made.info.run_id)
    return run


def broken(kind: str) -> pd.DataFrame:
    """Prices that are broken in one way."""
    found = prices.load("planted").round(1)
    if kind == "gap":
        return found.drop(found.index[100:130])
    if kind == "day twice":
        return pd.concat([found, found.tail(1)])
    return found


def stopped(
    found: str = "gap",
    status: str = "FAILED",
    steps: tuple[str, ...] = ("load", "validate"),
    loaded: str | None = None,
    source: str = "PROJECT",
    ended: str = "FAILED",
) -> Run:
    """A run of the pipeline on bad prices, with the report of its step validate."""
    client, kind = mlflow.MlflowClient(), {"mlflow.source.type": source}
    marks = {"load": {STEP_TAG: "x"}, "validate": {}}  # a step is marked when it has finished
    with mlflow.start_run(tags={**PROJECT, **kind, "mlflow.project.entryPoint": "main"}) as run:
        mlflow.log_params(PARAMETERS)
        for step in steps:
            with mlflow.start_run(
                nested=True, tags={"mlflow.project.entryPoint": step, **kind, **marks[step]}
            ) as below:
                if step == "load":
                    mlflow.log_text(broken(loaded or found).to_csv(), "prices/planted.csv")
                else:
                    mlflow.log_text(f"found,rows\n{found},1\n", "report.csv")
            if step == "validate":
                client.set_terminated(below.info.run_id, ended)
    client.set_terminated(run.info.run_id, status)
    return run


def champion() -> None:
    """The model of the drill, with a version in production."""
    client = mlflow.MlflowClient()
    with contextlib.suppress(mlflow.MlflowException):
        client.create_registered_model("drill")
        client.create_model_version("drill", "nowhere")
    client.set_registered_model_alias("drill", "production", "1")


@cache
def first() -> Run:
    return pipeline()


def flown(run: Run | None = None, failed: Run | None = None) -> dict:
    """Another window and nothing else, and a run that was stopped by prices that are broken anew."""
    champion()
    before = first()
    return {"first": before, "run": run or pipeline(window=28), "failed": failed or stopped()}


def by_ids() -> dict:
    return {name: run.info.run_id for name, run in flown().items()}


def the_same_again() -> dict:
    return flown(first())


def without_champion() -> dict:
    answers = flown()
    mlflow.MlflowClient().delete_registered_model_alias("drill", "production")
    return answers


@cache
def days() -> pd.DataFrame:
    return recomputed.by_day("sp500").assign(prediction=1)


@cache
def months(first: str = "2005", last: str = "2006") -> pd.DataFrame:
    return monitor.by_month(days().loc[first:last], days().loc["2011"])


PAGE = f"<html>{' '.join(MARKET)}</html>"


def watch(current: str = "2011", steps: Any = YEAR, report: str = PAGE, table: Any = None, **wrong: float) -> Run:
    """A run as monitor.log leaves it, without the work of making its report again."""
    spans = {"reference": "2005-01-03 to 2006-12-29", "current": f"{current}-01-02 to {current}-12-28"}
    with mlflow.start_run() as run:
        mlflow.log_params(spans)
        for step, month in zip(steps, (months() if table is None else table).to_dict("records"), strict=False):
            mlflow.log_metrics({**month, **wrong}, step=step)
        if report:
            mlflow.log_text(report, "report.html")
    return run


@cache
def served() -> tuple[str, np.ndarray]:
    """A version that answers to windows, and the chances that it sees on the evenings of 2018."""
    rows, answers = days()[windows.names()], days()["answer"]
    fitted = candidates.fit("logistic", rows, answers)
    options = {"group": "window", "symbol": "sp500", "window": 14, "store": ""}
    model = serving.log_served(fitted, rows.head(), **options).model_uri
    return model, np.asarray(candidates.probability(fitted, recomputed.evenings("sp500", "2018")))


def asked(threshold: Any = None, answers: Any = None, kind: Any = list) -> dict:
    """The answers of the version at a threshold that it passes on one evening in ten."""
    model, chances = served()
    limit = float(np.quantile(chances, 0.9))
    said = [bool(each) for each in chances > limit]
    threshold = limit if threshold is None else threshold
    return {"model": model, "threshold": threshold, "answers": kind(said if answers is None else answers)}


def opposite() -> dict:
    right = asked()
    return right | {"answers": [not each for each in right["answers"]]}


def all_at(threshold: float, said: bool) -> dict:
    return asked(threshold, [said] * len(served()[1]))


def watched(alerts: Any = None, **options: Any) -> dict:
    found = monitor.alerts(months())
    return {
        "run": watch(**options),
        "alerts": found if alerts is None else alerts(found) if callable(alerts) else alerts,
    }


@cache
def swept() -> pd.DataFrame:
    """A real sweep of one model, as `sweep.sweep` returns it, in this process."""
    return sweep.sweep([5, 10], ["logistic"], [0.5, 0.55], n_jobs=1)


def gained() -> pd.Series:
    """What each setting earns beside its share of holding."""
    return swept()["return_a_year"] - swept()["invested"] * swept()["hold_a_year"]


def scaled(**changed: Any) -> dict:
    return {"table": swept(), "best": gained().max(), "seconds": 330, "nodes": 16} | changed


def richer(by: float, everywhere: bool = True) -> dict:
    """A table whose best setting, or every setting, has earned more."""
    more = by * (everywhere | (swept().index == gained().idxmax()))
    return scaled(table=swept().assign(return_a_year=swept()["return_a_year"] + more), best=gained().max() + by)


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("5.4", flown),
    ("5.4", by_ids),
    ("5.4", lambda: flown(run=mlflow.get_run(pipeline(window=28).info.run_id))),
    ("5.5", asked),
    ("5.5", lambda: asked(kind=np.array)),
    ("5.5", lambda: asked(kind=pd.Series)),
    ("5.6", watched),
    ("5.6", lambda: watched(lambda alerts: list(alerts.index))),
    ("5.6", lambda: watched(lambda alerts: alerts.to_frame()) | {"run": watch().info.run_id}),
    ("5.6", lambda: watched(lambda alerts: alerts.reset_index())),
    ("5.6", lambda: watched(lambda alerts: np.array([str(month) for month in alerts.index]))),
    ("5.7", scaled),
    ("5.7", lambda: scaled(best=round(gained().max(), 3))),
    ("5.7", lambda: scaled(best=np.float32(gained().max()))),
    ("5.7", lambda: scaled(table=swept().sample(frac=1, random_state=1).assign(mine=1))),
    ("5.7", lambda: scaled(seconds=330.0, nodes=np.int64(16))),
    ("5.7", lambda: scaled(table=swept().drop(columns=["days", "accuracy", "low", "high"]))),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("5.4", the_same_again, "Other than in first: nothing. Change window to 28"),
    ("5.4", lambda: flown(pipeline(window=7)), "Other than in first: window=7"),
    ("5.4", lambda: flown(pipeline(window=28, until="2017-12-31")), "until=2017-12-31"),
    ("5.4", lambda: flown(pipeline(window=28, model="xgboost")), "model=xgboost"),
    ("5.4", lambda: flown(pipeline(window=28, name="mine")), "name=mine"),
    ("5.4", lambda: flown(pipeline("train", window=28)), "run is a run of the entry point 'train'"),
    ("5.4", lambda: flown(failed=stopped(status="FINISHED")), "with the status FINISHED"),
    ("5.4", lambda: flown(failed=stopped("day twice")), "Break them in another way"),
    (
        "5.4",
        lambda: flown(failed=stopped(steps=("load",))),
        "Steps of the failed run: load. It should load your file and stop in validate",
    ),
    ("5.4", lambda: flown(failed=stopped(steps=())), "Steps of the failed run: none"),
    ("5.4", lambda: flown(pipeline(window=28, wrong={"accuracy": 0.6})), "accuracy of"),
    ("5.4", lambda: flown(pipeline(window=28, wrong={"heuristic_always_up": 0.5})), "heuristic_always_up of"),
    ("5.4", lambda: flown(pipeline(window=28, decision="promoted")), "from these numbers the gate says 'refused'"),
    ("5.4", lambda: flown(failed=stopped("text instead of a price", loaded="gap")), "that were loaded have: gap"),
    ("5.4", lambda: flown(failed=stopped(loaded="nothing")), "that were loaded have: nothing"),
    ("5.4", lambda: flown(failed=stopped(source="NOTEBOOK")), "but no project was run"),
    ("5.4", lambda: flown(failed=stopped(ended="FINISHED")), "Its step validate has the status FINISHED"),
    ("5.4", without_champion, "'drill' has no champion. Run it with name=drill_name"),
    ("5.5", lambda: asked(0.5), "otherwise at the threshold 0.5"),
    ("5.5", opposite, "otherwise at"),
    ("5.5", lambda: asked(answers=[True]), "1 answers. Send all"),
    ("5.5", lambda: all_at(0.0, said=True), "A higher threshold gives fewer"),
    ("5.5", lambda: all_at(1.0, said=False), "A lower threshold gives more"),
    ("5.5", lambda: asked(answers="400 Bad request", kind=str), "answers is of type str"),
    ("5.5", lambda: asked() | {"model": "models:/nothing/2"}, "No model at 'models:/nothing/2' answers"),
    ("5.5", lambda: asked() | {"model": None}, "No model at 'None' answers"),
    ("5.5", lambda: asked("0.6"), "threshold is of type str"),
    ("5.6", lambda: watched(steps=[step - 300 for step in YEAR]), "The steps go from 200801 to 200812"),
    ("5.6", lambda: watched(steps=YEAR[:11]), "has 11 point(s)"),
    ("5.6", lambda: watched(steps=[201012, *YEAR[:11]]), "The steps go from 201012 to 201111"),
    ("5.6", lambda: watched(report=""), "The run has no artifacts. Log report.html with `monitor.log`"),
    ("5.6", lambda: watched(current="2008"), "The run compares 2008-01-02 to 2008-12-28 with"),
    ("5.6", lambda: watched(table=months("2006", "2007")), "its drift is of other days"),
    ("5.6", lambda: watched(report="a report"), "report.html is no report on the features"),
    ("5.6", lambda: watched(accuracy_high=0.1), "accuracy_high of 2011-01 is 0.100"),
    ("5.6", lambda: watched(accuracy=0.501), "The accuracy of 2011-01 is 0.501, of 20 days"),
    ("5.6", lambda: watched(accuracy=2), "The accuracy of 2011-01 is 2, of 20 days"),
    ("5.6", lambda: watched(lambda alerts: alerts.replace("drift", "no idea")), "alerts are other months"),
    ("5.6", lambda: watched(["2011-06"]), "alerts are other months than the rule gives"),
    ("5.6", lambda: watched([]), "alerts are other months"),
    ("5.6", lambda: watched(lambda alerts: alerts.to_frame()[:1]), "alerts are other months"),
    ("5.6", lambda: watched(3), "alerts is of type int"),
    ("5.6", lambda: watched("none"), "alerts is of type str"),
    ("5.7", lambda: scaled(best=gained().max() + 0.02), "Give the largest"),
    ("5.7", lambda: scaled(best=gained().max() - 0.0005), "best is "),
    ("5.7", lambda: scaled(best=swept()["return_a_year"]), "best is of type Series"),
    ("5.7", lambda: scaled(best=float("inf")), "best is inf"),
    ("5.7", lambda: richer(0.1), "computed again it is"),
    ("5.7", lambda: richer(0.03, everywhere=False), "return_a_year is"),
    ("5.7", lambda: scaled(table=swept().assign(model="oracle")), "The best setting is 'oracle'"),
    (
        "5.7",
        lambda: scaled(table=swept().assign(invested=[None, *swept()["invested"][1:]])),
        "1 of them without a number",
    ),
    ("5.7", lambda: scaled(table=swept()[:2]), "The table has 1 value(s) of window"),
    ("5.7", lambda: scaled(table=swept()[::2]), "The table has 1 value(s) of threshold"),
    ("5.7", lambda: scaled(table=swept()[:3]), "The table has 3 of 4 combinations"),
    ("5.7", lambda: scaled(table=swept().drop(columns="hold_a_year")), "The table has no column hold_a_year"),
    ("5.7", lambda: scaled(table=3), "The table has no column window"),
    (
        "5.7",
        lambda: scaled(table=swept().replace({"window": {5: 14}})),
        "The lesson has swept windows of 14 days",
    ),
    (
        "5.7",
        lambda: scaled(seconds=300),
        "seconds is 300. Divide the work by the nodes; what is around it stays",
    ),
    ("5.7", lambda: scaled(seconds=307.5), "seconds is 307.5"),
    ("5.7", lambda: scaled(nodes=8), "nodes is 8"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes_whatever_its_style(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(
    ("task", "answers", "says"), WRONG, ids=[f"{n} {task} {says}" for n, (task, _, says) in enumerate(WRONG)]
)
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_what_is_right_is_told_with_what_was_found() -> None:
    champion()
    until = "2016-12-30"  # steps that nobody has run before
    before, after = pipeline(until=until), pipeline(until=until, window=28)
    flight = wb.check("5.4", first=before, run=after, failed=stopped()).message
    right = recomputed.held_out(until, 28, "logistic", 500)[1]["accuracy"]
    assert f"Reused: load, validate. Right on {right:.3f} of the held-out days, always_up on 0." in flight
    assert "The broken prices were stopped (gap), and the champion stays" in flight
    said = asked()["answers"]
    assert f"says true on {sum(said)} of {len(said)} evenings" in wb.check("5.5", **asked()).message
    assert "Alerts of 2011: 2011-09, 2011-10, 2011-11" in wb.check("5.6", **watched()).message
    assert "The best of 4 settings is" in wb.check("5.7", **scaled()).message


def test_a_best_that_is_not_in_the_table_is_told_beside_what_was_given() -> None:
    best, top = gained().max(), gained().idxmax()
    refused("5.7", f"best is {best + 0.02:.4f}. Give the largest", **scaled(best=best + 0.02))
    refused("5.7", f"best is {best - 0.0005:.4f}", **scaled(best=best - 0.0005))
    told = f"return_a_year is {swept().loc[top, 'return_a_year'] + 0.03:.4f}"
    refused("5.7", told, **richer(0.03, everywhere=False))
