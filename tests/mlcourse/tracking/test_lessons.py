"""Checks answer in words, never raise, and look into the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse.answers import apart
from mlcourse.tasks import TASKS
from mlcourse.tracking import lesson_data
from mlworkbench.tasks import known_tasks


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("checks")


def log(params: dict | None = None, metrics: dict | None = None, **options) -> str:
    with mlflow.start_run(**options) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
    return run.info.run_id


FIRST, SECOND, THIRD = "0 start here", "1.1 experiments and runs", "1.2 logging"
YEARS = range(1999, 2019)


def guess(params: dict | None = None, metrics: dict | None = None, experiment: str = FIRST, **options) -> str:
    wb.start(experiment)
    return log(params, metrics, **options)


def forest(
    sizes=(1, 2, 3), name: str = "my forest", author: str | None = "me", experiment: str = SECOND, accuracy=41 / 45
) -> str:
    wb.start(experiment)
    with mlflow.start_run(run_name=name, tags={"author": author} if author else {}) as parent:
        for size in sizes:
            log({"n_estimators": size}, {"accuracy": accuracy}, nested=True)
    return parent.info.run_id


def volume(
    steps=YEARS,
    table: str = "volume.json",
    context: str | None = "analysis",
    column: str = "volume",
    content: object = None,
    experiment: str = THIRD,
    values: object = None,
    days: object = None,
) -> str:
    wb.start(experiment)
    known = lesson_data.volume() if values is None else values
    frame = pd.DataFrame({"year": list(YEARS), "mean_volume": [known[year] for year in YEARS]})
    with mlflow.start_run() as run:
        mlflow.log_param("column", column)
        for step in steps:
            mlflow.log_metric("mean_volume", known.get(step, 2.0), step=step)
        if isinstance(content, dict):
            mlflow.log_dict(content, table)
        else:
            mlflow.log_table(frame if content is None else content, table)
        mlflow.log_input(mlflow.data.from_pandas(wb.load_sp500() if days is None else days), context=context)
    return run.info.run_id


def test_the_right_answers_pass() -> None:
    assert wb.check("0", run_id=guess({"strategy": "uniform"}, {"accuracy": 0.4}))
    assert wb.check("1.1", parent_run_id=forest())
    assert wb.check("1.2", run_id=volume())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: guess({"strategy": "most_frequent"}, {"accuracy": 0.4}), "Use another one"),
        (lambda: guess({}, {"accuracy": 0.4}), "has no parameters. Log it"),
        (lambda: guess({"strategy": "prior"}), "has no metrics. Log it"),
        (lambda: guess({"strategy": "x" * 500}, {"accuracy": 0.4}), "xx...xx"),
        (lambda: guess({"strategy": "prior"}, {"accuracy": 0.4}, "another"), "in the experiment 'another'"),
        (lambda: guess({"strategy": "prior"}, {"score": 0.4}), "the metrics score, but no 'accuracy'"),
        (lambda: guess({"strategy": "prior"}, {"accuracy": float("nan")}), "NaN"),
        (lambda: guess({"strategy": "prior"}, {"accuracy": 40.0}), "between 0 and 1"),
        (lambda: guess({"strategy": "prior"}, {"accuracy": 0.5}), "which no number of right answers out of 45"),
        (lambda: guess({"strategy": "uniform"}, {"accuracy": 1.0}), "guessing by 'uniform' reaches about"),
        (lambda: guess({"strategy": "prior"}, {"accuracy": 0.2}), "guessing by 'prior' reaches about 0.400"),
        (lambda: mlflow.start_run().info.run_id, "has the status RUNNING"),
        (lambda: 3, "of type int"),
        (lambda: pd.DataFrame({"run_id": ["x"] * 100}), "`table.run_id[0]` holds the id of the first row"),
        (lambda: pd.DataFrame({"run_id": ["x"]}).iloc[0], "of type Series. `table.run_id[0]`"),
        (lambda: "nothing", "No run with the id 'nothing'"),
    ],
)
def test_typical_mistakes_of_lesson_0(make: Callable[[], object], says: str) -> None:
    feedback = wb.check("0", run_id=make())
    assert not feedback
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert len(feedback.message) < 250


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: forest(name="a forest"), "is called 'a forest'"),
        (lambda: forest(author=None), "no tag 'author'"),
        (lambda: forest(sizes=(1,)), "1 child run(s)"),
        (lambda: forest(experiment="1.1 wine trees"), "Log it in '1.1 experiments and runs'"),
        (lambda: forest(sizes=(5, 5, 5)), "1 different n_estimators"),
        (lambda: forest(accuracy=0.9), "accuracy is 0.9, which no number of right answers"),
        (lambda: forest(accuracy=0.4), "a forest of 3 tree(s) reaches about 0.933"),
        (lambda: forest(sizes=("many", 2, 3)), "n_estimators is 'many'"),
    ],
)
def test_typical_mistakes_of_lesson_1_1(make: Callable[[], str], says: str) -> None:
    assert says in wb.check("1.1", parent_run_id=make()).message


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: volume(steps=[0] * 10), "10 point(s) on 1 step(s)"),
        (lambda: volume(table="other.json"), "has other.json, but no volume.json"),
        (lambda: volume(table="tables/volume.json"), "without a folder"),
        (lambda: volume(context="training"), "has the context 'training'"),
        (lambda: volume(context=None), "the context is missing"),
        (lambda: volume(experiment="another"), "in the experiment 'another'"),
        (lambda: volume(steps=range(20)), "go from 0 to 19"),
        (lambda: volume(steps=range(1999, 2009)), "10 of 20 years"),
        (lambda: volume(content={"a": 1}), "cannot be read as a table"),
        (lambda: volume(content=pd.DataFrame({"mean_volume": [2.0]})), "has the columns mean_volume"),
        (lambda: volume(content=pd.DataFrame({"year": [2000], "volume": [2.0]})), "has the columns volume, year"),
        (lambda: volume(content=pd.DataFrame({"year": [2000], "mean_volume": [2e9]})), "holds 2e+09"),
        (lambda: volume(content=pd.DataFrame({"year": [2000], "mean_volume": ["much"]})), "Give billions"),
        (lambda: volume(content=pd.DataFrame({"year": [], "mean_volume": []})), "has no rows"),
        (lambda: volume(column="close"), "'close'"),
        (lambda: volume(values=dict.fromkeys(YEARS, 3.0)), "In the metric mean_volume, 1999 has 3.000; the mean"),
        (
            lambda: volume(content=pd.DataFrame({"year": [2000], "mean_volume": [2.0]})),
            "In volume.json, 2000 has 2.000",
        ),
        (lambda: volume(days=wb.load_sp500().head(20).astype(float)), "The data set has 20 rows, the daily prices"),
        (lambda: volume(values=lesson_data.volume().shift(1).fillna(1)), "In the metric mean_volume, 1999 has 1.000"),
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


def test_an_unexpected_error_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run_id: object) -> str:
        raise TypeError("unhashable.\nmore")

    monkeypatch.setitem(known_tasks(), "0", TASKS["0"]._replace(function=broken))
    assert wb.check("0", run_id="x").message == "The check stopped at TypeError: unhashable. Look at your answers."


def test_feedback_is_escaped_and_does_not_speak_by_colour_alone() -> None:
    page = wb.check("0", run_id="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in page
    assert "Not yet" in page


@pytest.mark.parametrize("task", TASKS)
def test_hints_are_numbered_in_order(task: str) -> None:
    total = len(TASKS[task].hints)
    assert wb.hint(task).startswith(f"Hint 1 of {total}: ")
    assert wb.hint(task, total + 1) == f"Task {task} has the hints 1 to {total}."


def test_a_hint_is_shown_without_quotes() -> None:
    text = wb.hint("1.2", 2)
    assert isinstance(text, str)
    assert repr(text) == str(text)
    assert "prices['volume']" in repr(text)


def test_a_hint_for_an_unknown_task() -> None:
    with pytest.raises(wb.WorkbenchError, match="no task is called"):
        wb.hint("9.9")


def test_numbers_that_differ_look_different() -> None:
    assert apart(0.9444, 0.9436) == ("0.9444", "0.9436")
    assert apart(0.5, 0.6) == ("0.500", "0.600")
