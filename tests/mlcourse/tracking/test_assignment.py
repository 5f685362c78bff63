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
from mlcourse.tracking import cancer, scores
from mlcourse.tracking.assignment import TASKS
from tests.mlcourse.tracking.test_counted import WRONG as COUNTED_WRONG
from tests.refusals import refused

EXPERIMENT = "exercises: tracking"


@pytest.fixture(autouse=True)
def session(home: Path) -> Iterator[None]:
    wb.start(EXPERIMENT)
    yield
    plt.close("all")
    mlflow.sklearn.autolog(disable=True)


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
        for place, value in enumerate(values):
            mlflow.log_metric(name, value, step=step[place] if step else place)
        mlflow.log_metrics(metrics)
    return run.info.run_id


def files(table=None, skip="", settings=None, figure="confusion.png") -> str:
    table = table if table is not None else pd.DataFrame({"actual": [1], "predicted": [0]})
    with mlflow.start_run() as run:
        mlflow.log_table(table, "errors.json")
        if skip != "settings.json":
            mlflow.log_dict({"C": 1} if settings is None else settings, "settings.json")
        if skip != "confusion.png":
            mlflow.log_figure(plt.figure(), figure)
    return run.info.run_id


TRAINING = pd.DataFrame({"x": [1.0, 2.0]})


def data(context="training", column="malignant", rows=2) -> dict:
    frame = pd.DataFrame({"x": [1.0] * rows, column: [0.0] * rows})
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(frame), context=context)
    return {"run_id": run.info.run_id, "X_train": TRAINING}


def scored(accuracy=1.0, predictions=None, c=0.1) -> dict:
    run_id = log(params={"C": c}, metrics={"accuracy": accuracy})
    return {"run_id": run_id, "predictions": Y if predictions is None else predictions, "y_test": Y}


def forest(before: bool = False, leave_on: bool = False, **options) -> str:
    from sklearn.ensemble import RandomForestClassifier

    X, y = np.array([[0], [1], [2], [3]]), np.array([0, 1, 0, 1])
    X_test, y_test = X.copy(), y.copy()
    mlflow.sklearn.autolog(**{"log_models": False, "log_post_training_metrics": False, "silent": True, **options})
    with mlflow.start_run() as run:
        if before:
            mlflow.log_param("n_estimators", "many")
        model = RandomForestClassifier(n_estimators=2).fit(X, y)
        mlflow.log_metric("test_accuracy", model.score(X_test, y_test))
    mlflow.sklearn.autolog(disable=not leave_on)
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


NOTE = {"mlflow.note.content": "All columns have the same scale now."}
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
    ("tracking.2", lambda: scored(1.0, [0, 1, 1, 1]), "is 1.000, but 0.750 of your test predictions are right"),
    ("tracking.2", lambda: scored(0.7508, [0, 1, 1, 1]), "is 0.751, but 0.750"),
    ("tracking.2", lambda: scored(c=1), "The parameter C is '1'. Use C=0.1"),
    ("tracking.2", lambda: {**scored(), "run_id": log()}, "has no parameters. Log it"),
    ("tracking.2", lambda: scored(predictions=[0, 1]), "2 predictions for 4 test rows"),
    ("tracking.2", lambda: scored(predictions=0.9), "predictions is of type float"),
    ("tracking.2", lambda: scored(predictions=np.ones((4, 2))), "has 2 column(s). Give one plain column: use predict"),
    ("tracking.2", lambda: scored(float("nan")), "NaN"),
    ("tracking.3", lambda: {"run_id": history([0.5] * 12, "loss", step=[0] * 12)}, "1 step(s)"),
    ("tracking.3", lambda: {"run_id": history([0.5] * 12, "loss")}, "All 12 points"),
    ("tracking.3", lambda: {"run_id": log(metrics={"loss": 0.1})}, "1 point(s) on 1 step(s)"),
    ("tracking.3", lambda: {"run_id": history([2.96, *[3] * 10, 3.81], "loss")}, "ends at 3.81, not below 1. Scale"),
    ("tracking.3", lambda: {"run_id": history([0.4, *[0.3] * 10, 0.5], "loss")}, "from 0.400 to 0.500 and does not"),
    ("tracking.4", lambda: {"run_id": log()}, "no artifacts. Log errors.json"),
    ("tracking.4", lambda: {"run_id": files(figure="figures/confusion.png")}, "Give 'confusion.png' as the path"),
    ("tracking.4", lambda: {"run_id": files(settings={})}, "settings.json is empty"),
    ("tracking.4", lambda: {"run_id": files(pd.DataFrame({"actual": [], "predicted": []}))}, "has no rows"),
    ("tracking.4", lambda: {"run_id": files(pd.DataFrame({"actual": Y, "predicted": [0, 1, 0, 1]}))}, "In 2 of 4 rows"),
    ("tracking.4", lambda: {"run_id": files(skip="confusion.png")}, "no confusion.png"),
    ("tracking.4", lambda: {"run_id": files(skip="settings.json")}, "no settings.json"),
    ("tracking.4", lambda: {"run_id": files(pd.DataFrame({"y": [1], "p": [0]}))}, "has the columns p, y"),
    ("tracking.5", lambda: {"run_id": log(), "X_train": TRAINING}, "names no data set"),
    ("tracking.5", lambda: data(context="test"), "has the context 'test'"),
    ("tracking.5", lambda: data(column="y"), "no column 'malignant'"),
    ("tracking.5", lambda: data(context=None), "the context is missing"),
    ("tracking.5", lambda: data(rows=3), "The data set has 3 rows, X_train has 2"),
    ("tracking.5", lambda: {**data(), "X_train": 2}, "X_train is of type int"),
    ("tracking.6", lambda: {"run_id": log(metrics={"test_accuracy": 0.9})}, "was not autologged"),
    ("tracking.6", lambda: {"run_id": forest(before=True)}, "autologging lost the rest"),
    ("tracking.6", lambda: {"run_id": forest(log_post_training_metrics=True)}, "logged twice"),
    ("tracking.6", lambda: {"run_id": forest(leave_on=True)}, "Autologging is still on"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=(1, 2, 4, 10, 8))}, "the depths '1, 2, 4, 8, 10'. Try 3"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=(1, 2))}, "2 child run(s)"),
    ("tracking.7", lambda: {"parent_run_id": log(params={"max_depth": [1, 2, 3]})}, "'[1, 2, 3]'"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=([1, 2], 2, 3, 4, 5))}, "not a list"),
    ("tracking.7", lambda: {"parent_run_id": parent(depths=(3, 3, 3, 3, 3))}, "1 different depths"),
    ("tracking.7", lambda: {"parent_run_id": parent(best=True)}, "the best fold"),
    ("tracking.7", lambda: {"parent_run_id": parent(folds=1)}, "1 point(s)"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": "params.max_depth = 3"}, "MLflow refuses"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": ""}, "that it should not"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": "params.max_dept = '3'"}, "finds 0 of 1"),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": "tags.x = '{my_parent_id}'"}, "contains a '{'"),
    (
        "tracking.8",
        lambda: {"parent_run_id": parent(depths=(1,)), "filter_string": "params.x = '3'"},
        "of depth 3. Add",
    ),
    ("tracking.8", lambda: {"parent_run_id": parent(), "filter_string": 3}, "of type int"),
    (
        "tracking.9",
        lambda: dict(zip(("parent_run_id", "run_id"), lowest(), strict=True)),
        "the lowest mean",
    ),
    ("tracking.9", lambda: {"parent_run_id": parent(), "run_id": log()}, "is no child"),
    ("tracking.9", lucky, "the best fold, not the best mean"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.94, tags=NOTE)}, "the best fold"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.92, tags=NOTE)}, "Beat 0.96"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.92, tags={"mlflow.note.content": "scaled"})}, "6 characters"),
    ("tracking.10", lambda: {"run_id": history([0.9597] * 5, cv_mean=0.96, tags=NOTE)}, "is 0.9597, not above 0.9600"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.92)}, "no description"),
    ("tracking.10", lambda: {"run_id": history(cv_mean=0.99, tags=NOTE)}, "the mean of the logged folds is 0.920"),
]


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG + COUNTED_WRONG if name == task]
    assert len(set(messages)) >= 2


def test_a_score_rounded_to_three_digits_is_right() -> None:
    predictions, y_test = cancer.logistic(), list(cancer.split().y_test)
    right = sum(a == b for a, b in zip(predictions, y_test, strict=True)) / len(y_test)
    run_id = log(params={"C": 0.1}, metrics={"accuracy": round(right, 3)})
    assert round(right, 3) != right
    assert wb.check("tracking.2", run_id=run_id, predictions=predictions, y_test=y_test)


def test_a_mean_rounded_to_three_digits_is_that_of_its_folds() -> None:
    run = mlflow.get_run(history([0.9611, 0.97, 0.97, 0.97, 0.97], cv_mean=0.968, tags=NOTE))
    assert scores.mean_of_folds(run, 5) == pytest.approx(0.96822)


def test_answers_are_escaped() -> None:
    page = wb.check("tracking.1", run_id="<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page
