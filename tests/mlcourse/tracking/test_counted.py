"""Task 11 of part 1: a night that was counted twice is put in order in the store, and nothing else passes for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlcourse.tracking import cancer, drill
from tests.refusals import refused

pytestmark = pytest.mark.slow

SETTINGS = ["params.max_depth", "params.random_state"]
BEST = max(drill.DEPTHS)


@pytest.fixture(autouse=True)
def session(home) -> None:
    wb.start("exercises: tracking")


def below(night: Any) -> pd.DataFrame:
    """The runs of a night, with the number of their folds."""
    found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{night.info.run_id}'")
    folds = [len(MlflowClient().get_metric_history(run_id, "fold_accuracy")) for run_id in found["run_id"]]
    return found.assign(folds=folds)


def surplus(runs: pd.DataFrame, keep: str = "first") -> list[str]:
    """Ids of the runs that are not complete, and of one of the two that are equal."""
    complete = runs[runs["folds"] == cancer.FOLDS]
    return sorted(set(runs["run_id"]) - set(complete.drop_duplicates(SETTINGS, keep=keep)["run_id"]))


def mean() -> float:
    return float(np.mean([cancer.seeded_folds(BEST, seed) for seed in drill.SEEDS]))


def in_order(keep: str = "first", change: Callable[[Any, pd.DataFrame], None] | None = None, **answers: Any) -> dict:
    """A night in order, with what else was changed in it, and the answers with some of them changed."""
    night = drill.bad_night()
    runs = below(night)
    for run_id in surplus(runs, keep):
        mlflow.delete_run(run_id)
    if change:
        change(night, runs)
    return {"parent_run_id": night, "max_depth": BEST, "mean": mean(), **answers}


def untouched() -> dict:
    return {"parent_run_id": drill.bad_night(), "max_depth": BEST, "mean": mean()}


def killed_deleted(night: Any, runs: pd.DataFrame) -> None:
    """Whatever was killed is gone, also what was complete."""
    kept = runs[(runs["status"] == "KILLED") & (runs["folds"] == cancer.FOLDS)]
    mlflow.delete_run(kept["run_id"].item())


def cut_kept(night: Any, runs: pd.DataFrame) -> None:
    """Of the setting that was cut, the run with fewer folds was kept."""
    cut = runs[runs["folds"] < cancer.FOLDS].iloc[0]
    whole = runs[(runs[SETTINGS] == cut[SETTINGS]).all(axis=1) & (runs["folds"] == cancer.FOLDS)]
    mlflow.delete_run(whole["run_id"].item())
    MlflowClient().restore_run(cut["run_id"])


def equal_kept(night: Any, runs: pd.DataFrame) -> None:
    """Of two equal runs the second was restored."""
    complete = runs[runs["folds"] == cancer.FOLDS]
    MlflowClient().restore_run(complete[complete.duplicated(SETTINGS)]["run_id"].item())


def logged_again(night: Any, runs: pd.DataFrame) -> None:
    """A run of the night was replaced by one of the learner's own."""
    left = set(runs["run_id"]) - set(surplus(runs))
    own = runs[(runs["params.max_depth"] == str(BEST)) & (runs["params.random_state"] == "1")]
    for run_id in left & set(own["run_id"]):
        mlflow.delete_run(run_id)
    with mlflow.start_run(tags={"mlflow.parentRunId": night.info.run_id}):
        mlflow.log_params({"max_depth": BEST, "random_state": 1})
        wb.log_history({"fold_accuracy": cancer.seeded_folds(BEST, 1)})
        mlflow.log_metric("cv_mean", float(np.mean(cancer.seeded_folds(BEST, 1))))


def another_added(night: Any, runs: pd.DataFrame) -> None:
    with mlflow.start_run(tags={"mlflow.parentRunId": night.info.run_id}):
        mlflow.log_params({"max_depth": 9, "random_state": 1})


def overwritten(night: Any, runs: pd.DataFrame) -> None:
    """A mean was corrected by hand instead."""
    run_id = next(run_id for run_id in runs["run_id"] if run_id not in surplus(runs))
    MlflowClient().log_metric(run_id, "cv_mean", 0.99, step=cancer.FOLDS)


def renamed(night: Any, runs: pd.DataFrame) -> None:
    MlflowClient().set_tag(night.info.run_id, "mlflow.runName", "day")


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("tracking.11", in_order),
    ("tracking.11", lambda: in_order(keep="last", mean=round(mean(), 3), max_depth=float(BEST))),
    ("tracking.11", lambda: in_order(max_depth=np.int64(BEST), mean=np.float64(mean()))),
    ("tracking.11", lambda: (made := in_order()) | {"parent_run_id": made["parent_run_id"].info.run_id}),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("tracking.11", untouched, "are 14 runs for 12 settings, and none was deleted"),
    ("tracking.11", lambda: in_order(change=killed_deleted), "has no run any more"),
    ("tracking.11", lambda: in_order(change=cut_kept), "folds. Keep the one with 5"),
    ("tracking.11", lambda: in_order(change=equal_kept), "has 2 runs. Keep one that is complete"),
    ("tracking.11", lambda: in_order(change=logged_again), "began after the night"),
    ("tracking.11", lambda: in_order(change=another_added), "max_depth 9 with random_state 1 was no setting"),
    ("tracking.11", lambda: in_order(change=overwritten), "but the mean of the logged folds is"),
    ("tracking.11", lambda: in_order(change=renamed), "The run is called 'day'"),
    ("tracking.11", lambda: in_order(max_depth=1), "with max_depth 1 is not the highest"),
    ("tracking.11", lambda: in_order(mean=0.95), "the mean of the three runs of this depth is 0.933"),
    ("tracking.11", lambda: in_order(max_depth=None), "max_depth is of type NoneType"),
    ("tracking.11", lambda: in_order(parent_run_id="0" * 32), "No run with the id"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_night_in_order_passes(task: str, answers: Callable[[], dict]) -> None:
    assert "Each setting counts once" in wb.check(task, **answers()).message


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_a_night_that_is_not_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_which_settings_are_concerned_is_another_matter_each_time() -> None:
    concerned: Iterator[frozenset] = (
        frozenset(
            setting for setting, count in Counter(map(tuple, below(night)[SETTINGS].to_numpy())).items() if count > 1
        )
        for night in (drill.bad_night() for _ in range(8))
    )
    assert len(set(concerned)) > 1
