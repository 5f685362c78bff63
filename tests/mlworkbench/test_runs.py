"""Tables of runs are tidy and complete, and long histories arrive whole."""

from __future__ import annotations

import gc
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlworkbench as wb


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("tracking")


def log(name: str, params: dict | None = None, metrics: dict | None = None, tags: dict | None = None) -> str:
    with mlflow.start_run(run_name=name, tags=tags) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
    return run.info.run_id


def test_a_row_a_run_with_short_names() -> None:
    log("first", {"depth": 3}, {"r2_score": 0.7}, {"owner": "me"})
    table = wb.runs_table()
    assert table.columns.tolist() == [
        *("run_id", "name", "experiment", "status", "started", "seconds", "lesson", "notebook"),
        *("depth", "r2_score", "owner"),
    ]
    row = table.iloc[0]
    assert (row["name"], row.experiment, row.status, row.depth, row.r2_score) == (
        "first",
        "tracking",
        "FINISHED",
        "3",
        0.7,
    )
    assert 0 <= row.seconds < 60


def test_prefixes_stay_where_names_collide() -> None:
    log("first", {"size": 1, "name": "x"}, {"size": 2.0})
    table = wb.runs_table()
    assert {"params.size", "metrics.size", "params.name", "name"} <= set(table.columns)
    assert "size" not in table


def test_lesson_and_notebook_come_from_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYNB_FILE", "/x/01_tracking/04_searching_runs.ipynb")
    log("first")
    row = wb.runs_table().iloc[0]
    assert (row.lesson, row.notebook) == ("1.4", "04_searching_runs.ipynb")


def test_an_empty_and_an_unknown_experiment() -> None:
    assert wb.runs_table().empty
    assert "seconds" in wb.runs_table()
    with pytest.raises(wb.WorkbenchError, match="Did you mean 'tracking'"):
        wb.runs_table("trackin")


def test_several_experiments_filters_and_running_runs() -> None:
    log("first", metrics={"m": 1})
    wb.start("other")
    log("second", metrics={"m": 2})
    both = wb.runs_table(["tracking", "other"], "metrics.m > 0", order_by=["metrics.m DESC"])
    assert both.experiment.tolist() == ["other", "tracking"]
    assert wb.runs_table("other", max_results=1)["name"].tolist() == ["second"]
    with mlflow.start_run(run_name="running"):
        running = wb.runs_table("other").set_index("name").loc["running"]
    assert math.isnan(running.seconds)


def test_the_table_pages_through_any_number_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With small pages instead of thousands of runs."""
    monkeypatch.setattr("mlworkbench.runs._PAGE", 10)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tracking").experiment_id
    for _ in range(35):
        client.create_run(experiment)
    assert len(wb.runs_table()) == 35
    assert len(wb.runs_table(max_results=25)) == 25
    assert wb.runs_table().run_id.is_unique


def test_the_table_tells_what_search_runs_tells() -> None:
    """Values, gaps, types and order, with runs that have nothing in common and one that is still running."""
    log("first", {"depth": 3}, {"loss": math.inf}, {"owner": "me"})
    log("second", {"rate": 0.1}, {"accuracy": 0.5})
    log("third")
    with mlflow.start_run(run_name="running"):
        ours, theirs = wb.runs_table(), mlflow.search_runs()
    assert ours["run_id"].tolist() == theirs["run_id"].tolist()
    assert ours["started"].equals(theirs["start_time"].rename("started"))
    for column in ("params.depth", "params.rate", "metrics.loss", "metrics.accuracy", "tags.owner"):
        short = column.partition(".")[2]
        pd.testing.assert_series_equal(ours[short], theirs[column].rename(short))


def test_no_experiments_have_no_runs() -> None:
    log("first")
    assert wb.runs_table([]).empty


def test_the_best_run_needs_a_direction() -> None:
    low, high = log("low", metrics={"loss": 1}), log("high", metrics={"loss": 2})
    log("nan", metrics={"loss": math.nan})
    with mlflow.start_run(run_name="running"):
        mlflow.log_metric("loss", 0)
        assert wb.best_run("loss", lower_is_better=True).info.run_id == low
    assert wb.best_run("loss", lower_is_better=False).info.run_id == high
    with pytest.raises(TypeError):
        wb.best_run("loss")  # type: ignore[call-arg]


def test_the_best_run_is_found_where_a_parameter_shares_the_name() -> None:
    run = log("one", {"loss": "huber"}, {"loss": 1})
    assert wb.best_run("loss", lower_is_better=True).info.run_id == run


def test_no_best_run_says_which_metrics_there_are() -> None:
    log("one", metrics={"accuracy": 1})
    with pytest.raises(wb.WorkbenchError, match="the metrics there are: accuracy"):
        wb.best_run("acuracy", lower_is_better=False)


def test_a_long_history_arrives_whole() -> None:
    values = [math.sin(i) for i in range(5000)]
    with mlflow.start_run() as run:
        wb.log_history({"sine": values, "twice": [2 * v for v in values]})
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "sine")
    assert [point.step for point in history] == list(range(5000))
    assert [point.value for point in history] == values
    assert len(client.get_metric_history(run.info.run_id, "twice")) == 5000


def test_a_history_takes_a_table_its_own_steps_and_another_run() -> None:
    run_id = log("one")
    wb.log_history(pd.DataFrame({"a": [1, 2], "b": [3.5, math.nan]}), step=[10, 20], run_id=run_id)
    history = mlflow.MlflowClient().get_metric_history(run_id, "a")
    assert [(point.step, point.value) for point in history] == [(10, 1), (20, 2)]


def test_what_a_history_refuses() -> None:
    with pytest.raises(wb.WorkbenchError, match="no active run"):
        wb.log_history({"a": [1]})
    with mlflow.start_run():
        with pytest.raises(wb.WorkbenchError, match="different lengths: a 1, b 2"):
            wb.log_history({"a": [1], "b": [1, 2]})
        with pytest.raises(wb.WorkbenchError, match="steps 3"):
            wb.log_history({"a": [1]}, step=[1, 2, 3])
        with pytest.raises(wb.WorkbenchError, match="'x' in the history of 'a'"):
            wb.log_history({"a": ["x"]})
        wb.log_history({})


@pytest.mark.parametrize(
    "asked",
    [
        *({"experiments": name} for name in (5, "", "a\0", "\ud800", ["tracking", None], [["tracking"]])),
        *({"filter_string": text} for text in (5, "m > ", "metrics.m > 'a'", "params.x = '\ud800'", ["metrics.m > 0"])),
        {"filter_string": f"attributes.start_time > {10**30}"},
        *({"order_by": order} for order in (5, "nonsense", ["nonsense"], [None], "\ud800")),
        *({"max_results": number} for number in (-1, 0, 1.5, "2", True, math.nan)),
    ],
    ids=str,
)
def test_what_cannot_be_searched_for_is_told_in_three_sentences(asked: dict) -> None:
    log("first", metrics={"m": 1})
    with pytest.raises(wb.WorkbenchError, match=r"(?s)Found: .*Expected: .*Do this: "):
        wb.runs_table(**asked)


def test_more_rows_than_a_database_counts_are_all(session: None) -> None:
    log("first")
    assert len(wb.runs_table(max_results=2**70, order_by="attributes.start_time")) == 1


def test_a_parameter_is_no_metric_and_a_direction_is_true_or_false() -> None:
    log("one", {"loss": "huber"}, {"m": 1})
    with pytest.raises(wb.WorkbenchError, match=r"no finished run with the metric 'loss'(?s:.*)metrics there are: m"):
        wb.best_run("loss", lower_is_better=True)
    with pytest.raises(wb.WorkbenchError, match="lower_is_better='no'"):
        wb.best_run("m", lower_is_better="no")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metrics", "step"),
    [
        *(
            (metrics, None)
            for metrics in (None, 5, "abc", [1], {"a": None}, {"a": [10**400]}, {"a": [[1]]}, {"a": [1j]})
        ),
        *(({name: [1]}, None) for name in ("f1[macro]", "\ud800", "a\0", None, "", "a/../b", "x" * 300)),
        *(({"a": [1]}, step) for step in ([2**70], [1.5], ["1"], [math.nan], [None])),
        ({"a": [1, 2]}, [3, 3]),
    ],
    ids=repr,
)
def test_what_is_no_history_is_told_and_nothing_of_it_is_logged(metrics: object, step: object) -> None:
    run = log("one")
    with pytest.raises(wb.WorkbenchError, match=r"(?s)Found: .*Expected: .*Do this: "):
        wb.log_history(metrics, step=step, run_id=run)  # type: ignore[arg-type]
    assert not mlflow.get_run(run).data.metrics


def test_a_name_that_mlflow_refuses_is_told_before_the_first_batch() -> None:
    run = log("one")
    with pytest.raises(wb.WorkbenchError, match=r"f1\[macro\]"):
        wb.log_history({"f1[macro]": range(1500), "good": range(1500)}, run_id=run)
    assert not mlflow.get_run(run).data.metrics


@pytest.mark.parametrize("run_id", [5, "", "nope", "\ud800", "a\0", b"x"])
def test_a_history_for_a_run_that_is_not_there(run_id: object) -> None:
    with pytest.raises(wb.WorkbenchError, match="metrics for the run"):
        wb.log_history({"a": [1]}, run_id=run_id)  # type: ignore[arg-type]


def test_one_number_is_a_history_of_one() -> None:
    run = log("one")
    wb.log_history({"a": 5}, step=3, run_id=run)  # type: ignore[arg-type]
    (point,) = mlflow.MlflowClient().get_metric_history(run, "a")
    assert (point.step, point.value) == (3, 5)


def test_threads_log_and_read_at_once() -> None:
    """Each history arrives whole, in its own run, and garbage collection is on again."""
    runs = [log(f"run {number}") for number in range(8)]

    def work(number: int) -> int:
        wb.log_history({"a": [float(number)] * 1200}, run_id=runs[number])
        return len(wb.runs_table("tracking"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [8] * 8
    for number, run in enumerate(runs):
        history = mlflow.MlflowClient().get_metric_history(run, "a")
        assert {point.value for point in history} == {float(number)}
        assert len(history) == 1200
    assert gc.isenabled()
