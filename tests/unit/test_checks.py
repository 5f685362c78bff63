"""Checks answer in words, never raise, and look into the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlworkbench as wb
from mlworkbench.checks import TASKS


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("checks")


def log(params: dict | None = None, metrics: dict | None = None, **options) -> str:
    with mlflow.start_run(**options) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
    return run.info.run_id


def forest(sizes=(1, 2, 3), name: str = "my forest", author: str | None = "me") -> str:
    with mlflow.start_run(run_name=name, tags={"author": author} if author else {}) as parent:
        for size in sizes:
            log({"n_estimators": size}, {"accuracy": 0.9}, nested=True)
    return parent.info.run_id


def volume(
    steps=range(2000, 2010), table: str = "volume.json", context: str = "analysis", column: str = "volume"
) -> str:
    frame = pd.DataFrame({"year": [2000.0], "mean_volume": [1.0]})
    with mlflow.start_run() as run:
        mlflow.log_param("column", column)
        for step in steps:
            mlflow.log_metric("mean_volume", 2.0, step=step)
        mlflow.log_table(frame, table)
        mlflow.log_input(mlflow.data.from_pandas(frame), context=context)
    return run.info.run_id


def test_the_right_answers_pass() -> None:
    assert wb.check("0", run_id=log({"strategy": "uniform"}, {"accuracy": 0.4}))
    assert wb.check("1.1", parent_run_id=forest())
    assert wb.check("1.2", run_id=volume())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: log({"strategy": "most_frequent"}, {"accuracy": 0.4}), "Use another one"),
        (lambda: log({}, {"accuracy": 0.4}), "but no 'strategy'"),
        (lambda: log({"strategy": "prior"}, {"score": 0.4}), "the metrics score, but no 'accuracy'"),
        (lambda: log({"strategy": "prior"}, {"accuracy": float("nan")}), "NaN"),
        (lambda: log({"strategy": "prior"}, {"accuracy": 40.0}), "between 0 and 1"),
        (lambda: mlflow.start_run().info.run_id, "has the status RUNNING"),
        (lambda: 3, "of type int"),
        (lambda: "nothing", "No run with the id 'nothing'"),
    ],
)
def test_typical_mistakes_of_lesson_0(make: Callable[[], object], says: str) -> None:
    feedback = wb.check("0", run_id=make())
    assert not feedback
    assert feedback.status == "Not yet"
    assert says in feedback.message


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: forest(name="a forest"), "is called 'a forest'"),
        (lambda: forest(author=None), "no tag 'author'"),
        (lambda: forest(sizes=(1,)), "1 child run(s)"),
        (lambda: forest(sizes=(5, 5, 5)), "1 different n_estimators"),
    ],
)
def test_typical_mistakes_of_lesson_1_1(make: Callable[[], str], says: str) -> None:
    assert says in wb.check("1.1", parent_run_id=make()).message


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: volume(steps=[0] * 10), "10 point(s) on 1 step(s)"),
        (lambda: volume(table="other.json"), "no artifact volume.json"),
        (lambda: volume(context="training"), "has training"),
        (lambda: volume(column="close"), "'close'"),
    ],
)
def test_typical_mistakes_of_lesson_1_2(make: Callable[[], str], says: str) -> None:
    assert says in wb.check("1.2", run_id=make()).message


def test_dots_mean_not_attempted() -> None:
    feedback = wb.check("0", run_id=...)
    assert not feedback
    assert feedback.status == "Not attempted"


def test_unknown_tasks_and_arguments_are_told_not_raised() -> None:
    assert "Did you mean '1.1'" in wb.check("1.11", run_id="x").message
    assert "It takes run_id" in wb.check("0", run="x").message
    assert "got nothing" in wb.check("0").message


def test_a_check_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.set_tracking_uri("sqlite:////proc/nowhere/x.db")
    feedback = wb.check("0", run_id="abc")
    assert feedback.status == "Not yet"


def test_feedback_is_escaped_and_does_not_speak_by_colour_alone() -> None:
    page = wb.check("0", run_id="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page
    assert "Not yet" in page


@pytest.mark.parametrize("task", TASKS)
def test_hints_are_numbered_in_order(task: str) -> None:
    total = len(TASKS[task].hints)
    assert wb.hint(task).startswith(f"Hint 1 of {total}: ")
    assert wb.hint(task, total + 1) == f"Task {task} has the hints 1 to {total}."


def test_a_hint_for_an_unknown_task() -> None:
    with pytest.raises(wb.WorkbenchError, match="no task is called"):
        wb.hint("9.9")


def test_a_store_without_the_expected_experiment() -> None:
    assert "No experiment '1.4 ridge'" in wb.check("1.4", count=3, run_id="x").message
    wb.start("1.4 ridge")
    assert "has no finished runs" in wb.check("1.4", count=3, run_id="x").message


def fill_1_4() -> dict[str, str]:
    wb.start("1.4 ridge")
    for r2 in (0.4, 0.6, 0.7):
        log(metrics={"r2_score": r2})
    wb.start("1.4 forest")
    return {name: log({"max_depth": name[0]}, {"rmse": float(name[2:])}) for name in ("2 0.5", "2 0.3", "3 0.1")}


def test_lesson_1_4_is_compared_with_the_store() -> None:
    ids = fill_1_4()
    assert wb.check("1.4", count=2, run_id=ids["2 0.3"])
    assert "You count 3 of 3 runs" in wb.check("1.4", count=3, run_id=ids["2 0.3"]).message
    assert "count is '2' of type str" in wb.check("1.4", count="2", run_id=ids["2 0.3"]).message
    assert "max_depth 3" in wb.check("1.4", count=2, run_id=ids["3 0.1"]).message
    assert "rmse of 0.3" in wb.check("1.4", count=2, run_id=ids["2 0.5"]).message


def trees(best: str = "mean", children: int = 6, name: str = "tree search") -> str:
    with mlflow.start_run(run_name=name) as parent:
        for depth in range(children):
            log({"max_depth": depth}, {"cv_mean": 0.5 + depth / 100, "best_fold": 0.7 + depth / 100}, nested=True)
        reported = {"mean": 0.5 + (children - 1) / 100, "fold": 0.7 + (children - 1) / 100, "other": 0.123}[best]
        mlflow.log_metric("best_cv_mean", reported)
    return parent.info.run_id


def test_lesson_1_5_wants_the_mean() -> None:
    assert wb.check("1.5", parent_run_id=trees())
    assert "is the best fold" in wb.check("1.5", parent_run_id=trees("fold")).message
    assert "The parent reports 0.123" in wb.check("1.5", parent_run_id=trees("other")).message
    assert "5 child run(s)" in wb.check("1.5", parent_run_id=trees(children=5)).message
    assert "is called 'x'" in wb.check("1.5", parent_run_id=trees(name="x")).message


def test_lesson_1_3_wants_both_and_nothing_twice() -> None:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(return_X_y=True)

    def autologged(store_model: bool = False) -> str:
        mlflow.sklearn.autolog(log_models=False, log_post_training_metrics=False, silent=True)
        with mlflow.start_run() as run:
            model = LogisticRegression(max_iter=5000).fit(X, y)
            mlflow.log_metric("test_accuracy", model.score(X.copy(), y))
            if store_model:
                mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        mlflow.sklearn.autolog(disable=True)
        return run.info.run_id

    assert wb.check("1.3", run_id=autologged())
    assert "was not autologged" in wb.check("1.3", run_id=log(metrics={"test_accuracy": 1})).message
    assert "stored a model" in wb.check("1.3", run_id=autologged(store_model=True)).message
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run() as run:
        from sklearn.tree import DecisionTreeClassifier

        DecisionTreeClassifier().fit(X, y)
    mlflow.sklearn.autolog(disable=True)
    assert "trained a DecisionTreeClassifier" in wb.check("1.3", run_id=run.info.run_id).message
