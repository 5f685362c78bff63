"""Lesson 2.6: checkpoints that were measured and chosen rightly pass; each mistake has a message of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.models import infer_signature
from xgboost import XGBRegressor

import mlworkbench as wb
from mlcourse.models import checkpoints
from tests.refusals import refused

pytestmark = pytest.mark.slow


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
    order = {"field_name": "metrics.rmse", "ascending": True, "dataset_name": data}
    where = f"source_run_id = '{run_id}'"
    return mlflow.search_logged_models(filter_string=where, order_by=[order], output_format="list")


def register(run_id: str, name: str, which: int = 0) -> dict:
    mlflow.register_model(ordered(run_id)[which].model_uri, name)
    return {"run_id": run_id, "name": name}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with a right run, which each test copies: training takes a while."""
    home = tmp_path_factory.mktemp("trained") / ".mlworkbench"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLWORKBENCH_HOME", str(home))
        return home, train()


@pytest.fixture
def right(trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Id of the right run, in a store of this test."""
    shutil.copytree(trained[0], tmp_path / ".mlworkbench")
    monkeypatch.setenv("MLWORKBENCH_HOME", str(tmp_path / ".mlworkbench"))
    wb.start("2.6 checkpoints")
    return trained[1]


def second_version(run_id: str) -> dict:
    """First a wrong one, then the right one under the same name."""
    register(run_id, "mine", which=-1)
    return register(run_id, "mine")


def by_pandas(run_id: str) -> dict:
    """Chosen from a table, without order_by, and the run itself as the answer."""
    found = mlflow.search_logged_models(filter_string=f"source_run_id = '{run_id}'", output_format="list")
    best = min(found, key=lambda each: next(m.value for m in each.metrics if m.dataset_name == "validation"))
    mlflow.MlflowClient().create_registered_model("by hand")
    mlflow.MlflowClient().create_model_version("by hand", best.model_uri, run_id, model_id=best.model_id)
    return {"run_id": mlflow.get_run(run_id), "name": "by hand"}


RIGHT: list[Callable[[str], dict]] = [lambda run_id: register(run_id, "deeper"), second_version, by_pandas]

WRONG: list[tuple[Callable[[str], dict], str]] = [
    (lambda run_id: register(run_id, "mine", which=-1), "another has a smaller error on 'validation'"),
    (lambda run_id: register(run_id, "mine") | {"name": "diabetes-2-6"}, "is the model of the lesson"),
    (lambda run_id: {"run_id": run_id, "name": "nobody"}, "The registry has no version of 'nobody'"),
    (lambda run_id: {"run_id": run_id, "name": 7}, "name is of type int"),
    (lambda run_id: register(train(range(10, 30, 10)), "mine"), "has models at 2 step(s)"),
    (lambda run_id: register(train(depth=3), "mine"), "The deepest tree is 3 deep"),
    (lambda run_id: register(train(anew=True), "mine"), "trees: they do not grow"),
    (lambda run_id: {"run_id": train(on=("train",)), "name": "mine"}, "has no rmse on 'validation'"),
    (lambda run_id: {"run_id": train(plus=-5.0), "name": "mine"}, "the stored model reaches"),
    (lambda run_id: {"run_id": train(experiment="elsewhere"), "name": "mine"}, "is in the experiment 'elsewhere'"),
    (lambda run_id: register(run_id, "mine") | {"run_id": train()}, "is no checkpoint of this run"),
]


@pytest.mark.parametrize("answers", RIGHT)
def test_checkpoints_that_were_followed(right: str, answers: Callable[[str], dict]) -> None:
    assert "5 checkpoints" in wb.check("2.6", **answers(right)).message


@pytest.mark.parametrize(("answers", "says"), WRONG, ids=[says for _, says in WRONG])
def test_typical_mistakes(right: str, answers: Callable[[str], dict], says: str) -> None:
    refused("2.6", says, **answers(right))
