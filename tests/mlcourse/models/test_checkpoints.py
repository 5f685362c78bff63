"""Lesson 2.6: checkpoints that were measured and chosen rightly pass; each mistake has a message of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import Any

import mlflow
import pytest
from mlflow.models import infer_signature
from xgboost import XGBRegressor

import mlworkbench as wb
from mlcourse.models import checkpoints
from tests.refusals import refused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("session")]

NAMES = (f"mine-{number}" for number in count())
"""Names that no other answer has used: the registry is that of all tests of this part."""


def error(model: Any, name: str) -> float:
    rows = checkpoints.frames()[name]
    return float(((model.predict(rows.drop(columns="target")) - rows["target"]) ** 2).mean() ** 0.5)


def train(
    steps: Iterator[int] | range = range(10, 60, 10),
    depth: int = 6,
    on: tuple[str, ...] = ("train", "validation"),
    plus: float = 0.0,
    anew: bool = False,
    experiment: str = "2.6 checkpoints",
) -> str:
    """A run with checkpoints of a training."""
    wb.start(experiment)
    rows = checkpoints.frames()["train"]
    X, y = rows.drop(columns="target"), rows["target"]
    data = {name: mlflow.data.from_pandas(frame, name=name) for name, frame in checkpoints.frames().items()}
    model = None
    with mlflow.start_run(run_name="mine") as run:
        for step in steps:
            booster = XGBRegressor(n_estimators=10, max_depth=depth, learning_rate=0.1, random_state=7)
            model = booster.fit(X, y, xgb_model=None if anew else model)
            stored = mlflow.xgboost.log_model(
                model, name="mine", step=step, signature=infer_signature(X, y), pip_requirements=["xgboost"]
            )
            for name in on:
                value = error(model, name) + plus
                mlflow.log_metric("rmse", value, step=step, model_id=stored.model_id, dataset=data[name])
    return run.info.run_id


def ordered(run_id: str, data: str = "validation") -> list[Any]:
    """The checkpoints of a run, the one with the least error on a data set first."""
    wb.start("2.6 checkpoints")
    order = {"field_name": "metrics.rmse", "ascending": True, "dataset_name": data}
    where = f"source_run_id = '{run_id}'"
    return mlflow.search_logged_models(filter_string=where, order_by=[order], output_format="list")


@cache
def followed() -> str:
    """Id of a right run, once for all tests: training takes a while."""
    return train()


def register(run_id: str = "", which: int = 0, name: str = "") -> dict:
    """The answers for a run, by default the right one, of which one checkpoint is registered."""
    run_id, name = run_id or followed(), name or next(NAMES)
    mlflow.register_model(ordered(run_id)[which].model_uri, name)
    return {"run_id": run_id, "name": name}


def second_version() -> dict:
    """First a wrong one, then the right one under the same name."""
    return register(name=register(which=-1)["name"])


def by_pandas() -> dict:
    """Chosen from a table, without order_by, and the run itself as the answer."""
    run_id, name = followed(), next(NAMES)
    wb.start("2.6 checkpoints")
    found = mlflow.search_logged_models(filter_string=f"source_run_id = '{run_id}'", output_format="list")
    best = min(found, key=lambda each: next(m.value for m in each.metrics if m.dataset_name == "validation"))
    mlflow.MlflowClient().create_registered_model(name)
    mlflow.MlflowClient().create_model_version(name, best.model_uri, run_id, model_id=best.model_id)
    return {"run_id": mlflow.get_run(run_id), "name": name}


def of_another_run() -> dict:
    """The version comes from a run with other checkpoints."""
    return register() | {"run_id": train()}


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("2.6", register),
    ("2.6", second_version),
    ("2.6", by_pandas),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("2.6", lambda: register(which=-1), "another has a smaller error on 'validation'"),
    ("2.6", lambda: register() | {"name": "diabetes-2-6"}, "is the model of the lesson"),
    ("2.6", lambda: {"run_id": followed(), "name": "nobody"}, "The registry has no version of 'nobody'"),
    ("2.6", lambda: {"run_id": followed(), "name": 7}, "name is of type int"),
    ("2.6", lambda: register(train(range(10, 30, 10))), "has models at 2 step(s)"),
    ("2.6", lambda: register(train(depth=3)), "The deepest tree is 3 deep"),
    ("2.6", lambda: register(train(anew=True)), "trees: they do not grow"),
    ("2.6", lambda: {"run_id": train(on=("train",)), "name": "mine"}, "has no rmse on 'validation'"),
    ("2.6", lambda: {"run_id": train(plus=-5.0), "name": "mine"}, "the stored model reaches"),
    ("2.6", lambda: {"run_id": train(experiment="elsewhere"), "name": "mine"}, "is in the experiment 'elsewhere'"),
    ("2.6", of_another_run, "is no checkpoint of this run"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=["registered", "second version", "by pandas"])
def test_checkpoints_that_were_followed(task: str, answers: Callable[[], dict]) -> None:
    assert "5 checkpoints" in wb.check(task, **answers()).message


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_typical_mistakes(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())
