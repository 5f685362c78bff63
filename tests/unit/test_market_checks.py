"""The checks of lessons 5.1 to 5.3: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.entities import Run

import mlworkbench as wb

SUMMARY = {
    "accuracy": 0.51,
    "accuracy_low": 0.49,
    "accuracy_high": 0.53,
    "months": 198,
    "months_met": 0.2,
    "months_by_luck": 0.19,
    "months_sure": 0.0,
}
LEAK = {"walk_forward": 0.547, "random_split": 0.604, "leakage": 0.057}


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests; they only add to it."""
    return tmp_path_factory.mktemp("market") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lessons log themselves is there."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(home))
    wb.start("5 stock market")
    run("always_up", SUMMARY, accuracy=0.53, accuracy_high=0.55)
    run("leakage", {"walk_forward": 0.554, "random_split": 0.652, "leakage": 0.098})


def run(name: str, metrics: dict[str, float], drop: str = "", stage: str = "", params: Any = None, **more: Any) -> Run:
    """A run as a learner logs it, with some metrics changed and one forgotten."""
    logged = {key: value for key, value in {**metrics, **more}.items() if key != drop}
    with mlflow.start_run(run_name=name, tags={"stage": stage} if stage else None) as made:
        mlflow.log_params(params or {})
        mlflow.log_metrics(logged)
    return made


def rule(name: str = "my heuristic", **changes: Any) -> Run:
    return run(name, SUMMARY, **changes)


def leak(name: str = "my leakage", **changes: Any) -> Run:
    return run(name, LEAK, **{"params": {"model": "logistic", "horizon": 20}, **changes})


def window_only(name: str = "window only", **changes: Any) -> Run:
    return run(name, SUMMARY, **{"params": {"features": 14}, "stage": "mine", **changes})


def elsewhere() -> Run:
    wb.start("another experiment")
    return rule()


@pytest.mark.parametrize(("task", "made"), [("5.1", rule), ("5.2", leak), ("5.3", window_only)])
def test_right_answers_pass(task: str, made: Callable[[], Run]) -> None:
    """Also the second time, when a run with equal numbers is there already."""
    for _ in range(2):
        assert wb.check(task, run=made())
    assert wb.check(task, run=made().info.run_id)


WRONG = [
    ("5.1", lambda: rule("mine"), "The run is called 'mine'"),
    ("5.1", elsewhere, "The run is in the experiment 'another experiment'"),
    ("5.1", lambda: rule(drop="accuracy_low"), "but no 'accuracy_low'"),
    ("5.1", lambda: rule(accuracy=0.53, accuracy_high=0.55), "These are the numbers of 'always_up'"),
    ("5.1", lambda: rule(accuracy=1.0, accuracy_high=1.1), "was used, or whether right and wrong were swapped"),
    ("5.1", lambda: rule(accuracy=0.2, accuracy_low=0.1), "is not to be had from the past alone"),
    ("5.1", lambda: rule(accuracy_low=0.52), "The accuracy 0.510 is not between 0.520 and 0.530"),
    ("5.1", lambda: rule(months=1), "Only 1 months were judged"),
    ("5.2", lambda: leak(random_split=0.7), "leakage is 0.057, and the other two are 0.547 and 0.700"),
    ("5.2", lambda: leak(leakage=-0.057), "random_split minus walk_forward"),
    ("5.2", lambda: leak(drop="leakage"), "but no 'leakage'"),
    ("5.2", lambda: leak(walk_forward=0.554, random_split=0.652, leakage=0.098), "These are the numbers of 'leakage'"),
    ("5.2", lambda: leak(params={"model": "logistic"}), "but no 'horizon'"),
    ("5.2", lambda: leak("leakage"), "The run is called 'leakage'"),
    ("5.3", lambda: window_only(stage="prototype"), "The tag stage is 'prototype'"),
    ("5.3", lambda: window_only(params={"features": 23}), "The parameter features is '23'"),
    ("5.3", lambda: window_only(params={}), "has no parameters"),
    ("5.3", lambda: window_only(accuracy=0.75, accuracy_high=0.8), "An accuracy of 0.75 is not to be had"),
    ("5.3", lambda: window_only(accuracy=0.53, accuracy_high=0.55), "These are the numbers of 'always_up'"),
]


@pytest.mark.parametrize(("task", "made", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, made: Callable[[], Run], says: str) -> None:
    feedback = wb.check(task, run=made())
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert "The check stopped" not in feedback.message
    assert len(feedback.message) < 400
