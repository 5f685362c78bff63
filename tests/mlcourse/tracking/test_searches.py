"""Checks of lessons 1.3 to 1.5: autologging, searching, and a search of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse import course_data
from mlcourse.tracking import lesson_data

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def session(home: Path) -> Iterator[None]:
    wb.start("checks")
    yield
    mlflow.sklearn.autolog(disable=True)


def log(params: dict | None = None, metrics: dict | None = None, **options) -> str:
    with mlflow.start_run(**options) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
    return run.info.run_id


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
    assert wb.check("1.4", count=np.int64(2), run_id=ids["2 0.3"])
    assert wb.check("1.4", count="2", run_id=ids["2 0.3"]).message == "count is of type str. Write it without quotes."
    for count in (True, pd.DataFrame({"x": range(100)})):
        told = wb.check("1.4", count=count, run_id=ids["2 0.3"]).message
        assert told == f"count is of type {type(count).__name__}. Give one number: len(…) counts rows."
    assert "count is nan" in wb.check("1.4", count=float("nan"), run_id="x").message
    assert "max_depth 3" in wb.check("1.4", count=2, run_id=ids["3 0.1"]).message
    assert "rmse of 0.3" in wb.check("1.4", count=2, run_id=ids["2 0.5"]).message


def trees(
    reported: float = 0.55, children: int = 6, name: str = "tree search", fold: float = 0.2, depth: int | None = None
) -> str:
    """A search with the means 0.50, 0.51, … and best folds that lie above them by ``fold``."""
    with mlflow.start_run(run_name=name) as parent:
        for i in range(children):
            mean = 0.5 + i / 100
            log({"max_depth": depth or i}, {"cv_mean": mean, "best_fold": mean + fold}, nested=True)
        mlflow.log_metric("best_cv_mean", reported)
    return parent.info.run_id


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: trees(0.75), "is the best fold"),
        (lambda: trees(0.123), "The parent reports 0.123"),
        (lambda: trees(0.5492), "reports 0.549. Report the largest cv_mean of its children, 0.550"),
        (lambda: trees(children=5), "5 child run(s)"),
        (lambda: trees(depth=3), "use 1 different max_depth"),
        (lambda: trees(fold=-0.1), "has a best_fold of 0.450, below its cv_mean of 0.550"),
        (lambda: trees(name="x"), "is called 'x'"),
    ],
)
def test_typical_mistakes_of_lesson_1_5(make: Callable[[], str], says: str) -> None:
    assert says in wb.check("1.5", parent_run_id=make()).message


def test_lesson_1_5_wants_the_mean_rounded_or_not() -> None:
    assert wb.check("1.5", parent_run_id=searched())
    assert wb.check("1.5", parent_run_id=searched(digits=3))
    assert wb.check("1.5", parent_run_id=searched(depths=(None, 1, 2, 3, 4, 5, 20)))


def searched(depths=(1, 2, 3, 5, 8, 13), plus: float = 0.0, digits: int = 9) -> str:
    """A search with the means that such trees reach."""
    means = [lesson_data.tree_means(str(depth))[0] + plus for depth in depths]
    with mlflow.start_run(run_name="tree search") as parent:
        for depth, mean in zip(depths, means, strict=True):
            log({"max_depth": depth}, {"cv_mean": mean, "best_fold": mean + 0.03}, nested=True)
        mlflow.log_metric("best_cv_mean", round(max(means), digits))
    return parent.info.run_id


def test_lesson_1_5_knows_what_trees_reach() -> None:
    assert (
        "The child with max_depth 13 has a cv_mean of 0.628; on the lesson's days"
        in wb.check("1.5", parent_run_id=searched(plus=0.616 - lesson_data.tree_means("1")[0])).message
    )
    assert "such a tree reaches about" in wb.check("1.5", parent_run_id=searched(plus=0.3)).message
    assert "A child has max_depth '0'" in wb.check("1.5", parent_run_id=trees()).message


def test_lesson_1_3_wants_both_and_nothing_twice() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, X_test, y, y_test = course_data.wine()

    def autologged(
        store_model: bool = False,
        leave_on: bool = False,
        max_iter: int = 5000,
        typed: float | None = None,
        scaled=False,
    ) -> str:
        mlflow.sklearn.autolog(log_models=False, log_post_training_metrics=False, silent=True)
        with mlflow.start_run() as run:
            model = LogisticRegression(max_iter=max_iter)
            model = (make_pipeline(StandardScaler(), model) if scaled else model).fit(X, y)
            mlflow.log_metric("test_accuracy", model.score(X_test, y_test) if typed is None else typed)
            if store_model:
                mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        mlflow.sklearn.autolog(disable=not leave_on)
        return run.info.run_id

    assert wb.check("1.3", run_id=autologged())
    assert wb.check("1.3", run_id=autologged(scaled=True))
    assert "no number of right answers" in wb.check("1.3", run_id=autologged(typed=0.9)).message
    assert "this model reaches about" in wb.check("1.3", run_id=autologged(typed=0.8)).message
    assert "was not autologged" in wb.check("1.3", run_id=log(metrics={"test_accuracy": 1})).message
    assert "max_iter is '4000'" in wb.check("1.3", run_id=autologged(max_iter=4000)).message
    assert "still on" in wb.check("1.3", run_id=autologged(leave_on=True)).message
    assert "stored a model" in wb.check("1.3", run_id=autologged(store_model=True)).message
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run() as run:
        from sklearn.tree import DecisionTreeClassifier

        DecisionTreeClassifier().fit(X, y)
    mlflow.sklearn.autolog(disable=True)
    assert "trained a DecisionTreeClassifier" in wb.check("1.3", run_id=run.info.run_id).message
