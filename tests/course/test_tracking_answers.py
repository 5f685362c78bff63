"""For each task of part 1, typical wrong answers are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlworkbench.checks.tracking_assignment import TASKS

EXPERIMENT = "exercises: tracking"


@pytest.fixture(autouse=True)
def session(home: Path) -> Iterator[None]:
    wb.start(EXPERIMENT)
    yield
    plt.close("all")


def log(name="baseline", params=None, metrics=None, tags=None, **options) -> str:
    with mlflow.start_run(run_name=name, tags=tags, **options) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
    return run.info.run_id


def elsewhere() -> str:
    wb.start("another experiment")
    run_id = log(params={"strategy": "most_frequent"}, metrics={"accuracy": 0.6}, tags={"purpose": "x"})
    wb.start(EXPERIMENT)
    return run_id


def failed() -> str:
    with pytest.raises(ValueError, match="stop"), mlflow.start_run() as run:
        raise ValueError("stop")
    return run.info.run_id


def running() -> str:
    return mlflow.start_run().info.run_id


def history(values=(0.9, 0.91, 0.92, 0.93, 0.94), name="fold_accuracy", step=None, tags=None, **metrics) -> str:
    with mlflow.start_run(tags=tags, nested=True) as run:
        mlflow.log_params({"max_depth": 3, "model": "tree"})
        wb.log_history({name: values}, step=step)
        mlflow.log_metrics(metrics)
    return run.info.run_id


def files(table=None, skip="") -> str:
    table = table if table is not None else pd.DataFrame({"actual": [1], "predicted": [0]})
    with mlflow.start_run() as run:
        mlflow.log_table(table, "errors.json")
        if skip != "settings.json":
            mlflow.log_dict({"C": 1}, "settings.json")
        if skip != "confusion.png":
            mlflow.log_figure(plt.figure(), "confusion.png")
    return run.info.run_id


def data(context="training", column="malignant") -> str:
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"x": [1.0], column: [0.0]})), context=context)
    return run.info.run_id


def forest(before: bool = False, **options) -> str:
    from sklearn.ensemble import RandomForestClassifier

    X, y = np.array([[0], [1], [2], [3]]), np.array([0, 1, 0, 1])
    X_test, y_test = X.copy(), y.copy()
    mlflow.sklearn.autolog(**{"log_models": False, "log_post_training_metrics": False, "silent": True, **options})
    with mlflow.start_run() as run:
        if before:
            mlflow.log_param("n_estimators", "many")
        model = RandomForestClassifier(n_estimators=2).fit(X, y)
        mlflow.log_metric("test_accuracy", model.score(X_test, y_test))
    mlflow.sklearn.autolog(disable=True)
    return run.info.run_id


def search(depths=(1, 2, 3, 5, 8), means=None, parent_params=None, folds=5, best=False) -> tuple[str, list[str]]:
    children = []
    with mlflow.start_run(run_name="how deep?") as parent:
        mlflow.log_params(parent_params or {})
        for number, depth in enumerate(depths):
            mean = means[number] if means else 0.9 + number / 100
            values = [mean + 0.01 * (i - 2) for i in range(5)][:folds]
            with mlflow.start_run(nested=True) as child:
                mlflow.log_param("max_depth", depth)
                wb.log_history({"fold_accuracy": values})
                mlflow.log_metric("cv_mean", max(values) if best else sum(values) / len(values))
            children.append(child.info.run_id)
    return parent.info.run_id, children


def parent(**options) -> str:
    return search(**options)[0]


def lucky() -> dict:
    """A child whose best fold beats all others, while its mean does not."""
    with mlflow.start_run() as top:
        ids = [
            history(values, cv_mean=sum(values) / 5) for values in ((0.99, 0.8, 0.8, 0.8, 0.8), (0.9,) * 5, (0.7,) * 5)
        ]
    return {"parent_run_id": top.info.run_id, "run_id": ids[0]}


def lowest() -> tuple[str, str]:
    top, children = search()
    return top, children[0]


NOTE = {"mlflow.note.content": "scaled"}
GOOD = {"params": {"strategy": "most_frequent"}, "metrics": {"accuracy": 0.6}, "tags": {"purpose": "x"}}
Y = [0, 1, 1, 0]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("tracking.1", lambda: {"run_id": elsewhere()}, "in the experiment 'another experiment'"),
    ("tracking.1", lambda: {"run_id": log(**{**GOOD, "name": "base"})}, "is called 'base'"),
    ("tracking.1", lambda: {"run_id": log(**{**GOOD, "tags": {}})}, "no tag 'purpose'"),
    ("tracking.1", lambda: {"run_id": log(**{**GOOD, "params": {"strategy": "prior"}})}, "strategy is 'prior'"),
    ("tracking.1", lambda: {"run_id": failed()}, "status FAILED"),
    ("tracking.1", lambda: {"run_id": running()}, "status RUNNING"),
    ("tracking.1", lambda: {"run_id": 17}, "of type int"),
    (
        "tracking.2",
        lambda: {"run_id": log(params={"C": 1}, metrics={"accuracy": 1.0}), "predictions": [0, 1, 1, 1], "y_test": Y},
        "0.750 of your test predictions are right",
    ),
    ("tracking.2", lambda: {"run_id": log(), "predictions": [0, 1], "y_test": Y}, "2 predictions for 4 test rows"),
    ("tracking.2", lambda: {"run_id": log(), "predictions": 0.9, "y_test": Y}, "predictions is of type float"),
    (
        "tracking.2",
        lambda: {"run_id": log(params={"C": 1}, metrics={"accuracy": float("nan")}), "predictions": Y, "y_test": Y},
        "NaN",
    ),
    ("tracking.3", lambda: {"run_id": history([0.5] * 12, "loss", step=[0] * 12)}, "1 step(s)"),
    ("tracking.3", lambda: {"run_id": history([0.5] * 12, "loss")}, "All 12 points"),
    ("tracking.3", lambda: {"run_id": log(metrics={"loss": 0.1})}, "1 point(s) on 1 step(s)"),
    ("tracking.4", lambda: {"run_id": log()}, "no artifacts, but no errors.json"),
    ("tracking.4", lambda: {"run_id": files(skip="confusion.png")}, "no confusion.png"),
    ("tracking.4", lambda: {"run_id": files(skip="settings.json")}, "no settings.json"),
    ("tracking.4", lambda: {"run_id": files(pd.DataFrame({"y": [1], "p": [0]}))}, "has the columns p, y"),
    ("tracking.5", lambda: {"run_id": log()}, "names no data set"),
    ("tracking.5", lambda: {"run_id": data(context="test")}, "has the context test"),
    ("tracking.5", lambda: {"run_id": data(column="y")}, "no column 'malignant'"),
    ("tracking.6", lambda: {"run_id": log(metrics={"test_accuracy": 0.9})}, "was not autologged"),
    ("tracking.6", lambda: {"run_id": forest(before=True)}, "autologging lost the rest"),
    ("tracking.6", lambda: {"run_id": forest(log_post_training_metrics=True)}, "logged twice"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=(1, 2))}, "2 child run(s)"),
    ("tracking.7", lambda: {"parent_run_id": log(params={"max_depth": [1, 2, 3]})}, "'[1, 2, 3]'"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=([1, 2], 2, 3, 4, 5))}, "not a list"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=(3, 3, 3, 3, 3))}, "1 different depths"),
    ("tracking.7", lambda: {"parent_run_id": parent(best=True)}, "the best fold"),
    ("tracking.7", lambda: {"parent_run_id": parent(folds=1)}, "1 point(s)"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": "params.max_depth = 3"}, "MLflow refuses"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": ""}, "that it should not"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": "params.max_dept = '3'"}, "finds 0 of 1"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": 3}, "of type int"),
    (
        "tracking.9",
        lambda: dict(zip(("parent_run_id", "run_id"), lowest(), strict=True)),
        "the lowest mean",
    ),
    ("tracking.9", lambda: {"parent_run_id": parent(), "run_id": log()}, "is no child"),
    ("tracking.9", lucky, "the best fold, not the best mean"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.94, tags=NOTE)}, "the best fold"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.92, tags=NOTE)}, "Beat 0.94"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.92)}, "no description"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.99, tags=NOTE)}, "the mean of the logged folds is 0.920"),
]


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    feedback = wb.check(task, **answers())
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert "Traceback" not in feedback.message
    assert "The check stopped" not in feedback.message


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG if name == task]
    assert len(set(messages)) >= 2


def test_answers_are_escaped() -> None:
    page = wb.check("tracking.1", run_id="<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page
