"""The checks of lessons 5.1 to 5.3: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from collections.abc import Callable
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
from stock_market import candidates, criterion, features, walk_forward, windows

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests; they only add to it."""
    return tmp_path_factory.mktemp("market") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(home))
    wb.start("5 stock market")


def run(name: str, metrics: dict[str, float], drop: str = "", stage: str = "", params: Any = None, **more: Any) -> Run:
    """A run as a learner logs it, with some metrics changed and one forgotten."""
    logged = {key: value for key, value in {**metrics, **more}.items() if key != drop}
    with mlflow.start_run(run_name=name, tags={"stage": stage} if stage else None) as made:
        mlflow.log_params(params or {})
        mlflow.log_metrics(logged)
    return made


@cache
def days(window: int = 14) -> pd.DataFrame:
    close = wb.load_sp500()["close"]
    return windows.windows(close, window).join(windows.answers(close), how="inner")


def few_ups(window: int = 14) -> pd.Series:
    return days(window).drop(columns="answer").sum(axis=1) < window / 2


def rule(said: Any = None, name: str = "my heuristic", window: int = 14, right: Any = None, **changes: Any) -> dict:
    """A rule with the run that its learner logs; `right` is what was handed to summary, if that was wrong."""
    said = few_ups(window) if said is None else said
    right = said == (days(window)["answer"] == 1) if right is None else right
    return {"rule": said, "run": run(name, criterion.summary(right, against=0.5305), **changes)}


def noise() -> pd.Series:
    """Right on 58 % of the days, by looking at the answer."""
    wrong = np.random.default_rng(0).random(len(days())) > 0.58
    return (days()["answer"] == 1) ^ wrong


@cache
def leakage(
    horizon: int = 20, given: int = 20, group: str = "rich", model: str = "logistic", seed: int = 0
) -> dict[str, float]:
    """What the leak is on a table with this horizon, when the call is given that one."""
    table = recomputed.table("sp500", horizon)
    return walk_forward.leakage(table, features.columns(group), model, horizon=given, seed=seed).to_dict()


def leaking(claim: float) -> dict[str, float]:
    return leakage() | {"random_split": claim, "leakage": claim - leakage()["walk_forward"]}


def leak(name: str = "my leakage", measured: Any = None, **changes: Any) -> dict:
    return {"run": run(name, measured or leakage(), **{"params": {"model": "logistic", "horizon": 20}, **changes})}


@cache
def walked(group: str = "window", horizon: int = 1) -> dict[str, float]:
    said = walk_forward.walk_forward(recomputed.table("sp500"), features.columns(group), "logistic", horizon=horizon)
    return criterion.summary(said["right"], against=0.54275)


def trained() -> dict[str, float]:
    """Judged on the days that it has learnt from."""
    table = recomputed.by_day("sp500")
    rows = table[windows.names()]
    said = candidates.probability(candidates.fit("logistic", rows, table["answer"]), rows) > 0.5
    return criterion.summary(said == table["answer"], against=0.53)


def window_only(name: str = "window only", numbers: Any = None, **changes: Any) -> dict:
    return {
        "run": run(name, numbers or walked(), **{"params": {"features": 14, "folds": 5}, "stage": "mine", **changes})
    }


def elsewhere() -> dict:
    wb.start("another experiment")
    return rule()


RIGHT = [
    ("5.1", rule),
    ("5.1", lambda: rule(window=7)),
    ("5.1", lambda: rule(few_ups().astype(int))),
    ("5.2", leak),
    ("5.2", lambda: leak(measured=leakage(seed=7))),
    ("5.2", lambda: leak(measured={name: round(each, 3) for name, each in leakage().items()})),
    ("5.3", window_only),
    ("5.3", lambda: window_only(numbers={name: round(each, 3) for name, each in walked().items()}, note=1.0)),
    ("5.3", lambda: window_only(params={"features": 14, "folds": 5, "model": "logistic"})),
]


@pytest.mark.parametrize(("task", "made"), RIGHT)
def test_right_answers_pass(task: str, made: Callable[[], dict]) -> None:
    """Also the second time, when a run with equal numbers is there already; and by the id of the run."""
    for _ in range(2):
        answers = made()
        assert wb.check(task, **answers)
    assert wb.check(task, **answers | {"run": answers["run"].info.run_id})


WRONG = [
    ("5.1", lambda: rule(name="mine"), "The run is called 'mine'"),
    ("5.1", elsewhere, "The run is in the experiment 'another experiment'"),
    ("5.1", lambda: rule(drop="accuracy_low"), "but no 'accuracy_low'"),
    ("5.1", lambda: rule(drop="accuracy"), "but no 'accuracy'"),
    ("5.1", lambda: rule(1 - days()["day_14"]), "This rule is 'reversal'. Invent one"),
    ("5.1", lambda: rule(days()["answer"] == 1), "different things of days with the same window"),
    ("5.1", lambda: rule(noise()), "different things of days with the same window"),
    ("5.1", lambda: rule(right=few_ups()), "right = my_rule == (days['answer'] == 1)"),
    ("5.1", lambda: rule() | {"rule": few_ups().head(3)}, "rule has 3 values. Give True or False for every row"),
    ("5.1", lambda: rule(days().drop(columns="answer").sum(axis=1)), "Give True or False for every row"),
    (
        "5.1",
        lambda: rule() | {"rule": [[1, 0]] * len(days())},
        "rule holds something of type list. Give one value a row",
    ),
    ("5.1", lambda: rule() | {"rule": None}, "rule is of type NoneType"),
    ("5.1", lambda: rule(accuracy_high=0.6), "accuracy_high of 'my heuristic' is 0.600"),
    ("5.1", lambda: rule(months_sure=0.2), "months_sure of 'my heuristic' is 0.200"),
    ("5.2", lambda: leak(measured=leaking(0.8)), "random_split of 'my leakage' is 0.800; computed again it is"),
    ("5.2", lambda: leak(best_rule=0.5), "best_rule of 'my leakage' is 0.500"),
    ("5.2", lambda: leak(random_split=0.7), "leakage is 0.094, and the other two are 0.547 and 0.700"),
    ("5.2", lambda: leak(leakage=-0.057), "random_split minus walk_forward"),
    ("5.2", lambda: leak(drop="leakage"), "but no 'leakage'"),
    ("5.2", lambda: leak(params={"model": "logistic"}), "but no 'horizon'"),
    ("5.2", lambda: leak(params={"model": "logistic", "horizon": 1}), "The parameter horizon is '1'. Look 20 days"),
    ("5.2", lambda: leak(params={"model": "forest", "horizon": 20}), "The model is 'forest'. Measure 'logistic'"),
    ("5.2", lambda: leak(measured=leakage(1, 1)), "Give the table far"),
    ("5.2", lambda: leak(measured=leakage(given=1)), "and horizon=horizon"),
    ("5.2", lambda: leak(measured=leakage(group="window")), "the columns 'rich'"),
    ("5.2", lambda: leak("leakage"), "The run is called 'leakage'"),
    ("5.3", lambda: window_only(stage="prototype"), "The tag stage is 'prototype'"),
    ("5.3", lambda: window_only(params={"features": 23}), "The parameter features is '23'"),
    ("5.3", lambda: window_only(params={}), "has no parameters"),
    ("5.3", lambda: window_only(numbers=trained()), "Judge 'right' of what walk_forward.walk_forward gives"),
    ("5.3", lambda: window_only(numbers=walked("rich")), "computed again it is"),
    ("5.3", lambda: window_only(numbers=walked(horizon=20)), "computed again it is"),
    ("5.3", lambda: window_only(months_by_luck=0.2), "months_by_luck of 'window only' is 0.200"),
]


@pytest.mark.parametrize(("task", "made", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, made: Callable[[], dict], says: str) -> None:
    feedback = wb.check(task, **made())
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert "The check stopped" not in feedback.message
    assert len(feedback.message) < 400
