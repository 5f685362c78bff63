"""More right and wrong answers to the tasks of part 2: of another style, and made up."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import make_metric
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import mlworkbench as wb
from mlworkbench.verdict import Verdict
from tests.mlcourse.models.answers import (
    DATA,
    EXPERIMENT,
    PIPELINE,
    RIGHT,
    TEST,
    TRUTH,
    X,
    Y,
    exported,
    gate,
    proven,
    run,
    stored,
    task_1,
)

ALL, ALL_Y = pd.concat([X, TEST]), pd.concat([Y, TRUTH])


def pipeline(rows: Any = X, truth: Any = Y, alpha: float = 1.0) -> dict:
    model = Pipeline([("scale", StandardScaler()), ("ridge", Ridge(alpha))]).fit(rows, truth)
    return {"model_uri": stored(model)}


def plain(serialization_format: str, nested: bool = False, **wrong: Any) -> dict:
    """Logged with MLflow's own call."""
    with mlflow.start_run(), mlflow.start_run(nested=True):
        info = mlflow.sklearn.log_model(
            PIPELINE,
            name="progression",
            input_example=X.head(3),
            serialization_format=serialization_format,
            pip_requirements=["scikit-learn"],
        )
    return {"model_uri": info, **wrong}


def of_a_deleted_run() -> dict:
    with mlflow.start_run() as made:
        uri = wb.log_model(PIPELINE, "progression", example=X.head(3)).model_uri
    MlflowClient().delete_run(made.info.run_id)
    return {"model_uri": uri}


def facts_of(uri: str, kind: type = list) -> dict:
    file = mlflow.models.Model.load(uri)
    form = file.flavors.get("sklearn", {}).get("serialization_format")
    return {
        "model_uri": uri,
        "flavors": kind(file.flavors),
        "size": np.int64(file.model_size_bytes),
        "file_format": form,
    }


def addressed(by_client: bool = True, name: str = "progression", uri: str | None = None) -> dict:
    """Registered with MlflowClient or with `wb.register`, which find the same version again or not."""
    client, uri = MlflowClient(), uri or task_1()
    run_id = mlflow.models.Model.load(task_1()).run_id
    if by_client:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        version = client.create_model_version(name, uri, run_id, model_id=uri.removeprefix("models:/")).version
    else:
        version = wb.register(uri, name).version
    client.set_registered_model_alias(name, "best", version)
    return {
        "model_uri": task_1(),
        "by_run": f"runs:/{run_id}/progression",
        "by_alias": f"models:/{name}@best",
    }


def patient_of(model: Any, signature: Any = None) -> dict:
    """Another model that knows gaps, with an example or a signature by hand."""
    rows = X.head(3).astype({"age": float})
    with mlflow.start_run():
        uri = wb.log_model(model, "patient", example=rows).model_uri
    if signature is not None:
        mlflow.models.set_signature(uri, signature)
    return {"model_uri": uri, "rows": TEST}


def trees(rows: Any = X, truth: Any = Y) -> Any:
    return DecisionTreeRegressor(max_depth=3).fit(rows, truth)


def signature(**kinds: str) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    known = dict.fromkeys(X, "double") | {"sex": "long"} | kinds
    return ModelSignature(inputs=Schema([ColSpec(kind, name) for name, kind in known.items()]))


def difference(wide: str = "float32", digits: int | None = None, **options: Any) -> dict:
    answers = exported(wide=wide, **options)
    rows = TEST if hasattr(options.get("example"), "columns") else TEST.to_numpy(wide)
    found = mlflow.pyfunc.load_model(answers["model_uri"]).predict(rows)
    largest = abs(np.ravel(found.to_numpy() if hasattr(found, "to_numpy") else [*found.values()]) - RIGHT).max()
    return {**answers, "difference": largest if digits is None else float(f"{largest:.{digits}g}")}


def share_close(predictions: Any, targets: Any) -> float:
    return float((abs(predictions - targets) <= 50).mean())


@cache
def evaluation(how: str = "uri", data: str = "test") -> str:
    """A run of `mlflow.models.evaluate`."""
    rows = {"test": DATA, "training": X.assign(progression=Y)}[data]
    model: Any = {"uri": task_1, "loaded": lambda: mlflow.pyfunc.load_model(task_1()), "other": dearest}.get(how)
    model, options = model() if model else None, {}
    if how == "function":
        model = PIPELINE.predict
    if how == "static":
        rows, options = rows.assign(said=RIGHT), {"predictions": "said"}
    metric = make_metric(eval_fn=share_close, greater_is_better=True, name="share_close")
    with mlflow.start_run() as made:
        mlflow.models.evaluate(
            model,
            rows,
            targets="progression",
            model_type="regressor",
            extra_metrics=[metric],
            evaluator_config={"log_explainer": False},
            **options,
        )
    return made.info.run_id


def evaluated(how: str = "uri", data: str = "test", **wrong: Any) -> dict:
    right = {"run_id": evaluation(how, data), "model_uri": task_1(), "rows": TEST, "y_test": TRUTH}
    return {**right, **wrong}


def copied(experiment: str = EXPERIMENT, **changed: float) -> dict:
    """The metrics of an evaluation, logged by hand into another run."""
    wb.start(experiment)
    metrics = mlflow.get_run(evaluation()).data.metrics
    answers = evaluated(run_id=run(**{**metrics, **changed}))
    wb.start(EXPERIMENT)
    return answers


def overwritten(**metrics: float) -> dict:
    """An evaluation over which something was logged."""
    answers = evaluated(run_id=evaluation.__wrapped__())
    with mlflow.start_run(run_id=answers["run_id"]):
        mlflow.log_metrics(metrics)
    return answers


@cache
def guessing(strategy: str = "mean") -> Any:
    """A guess, as what `log_model` returns."""
    model = DummyRegressor(strategy=strategy, constant=150.0 if strategy == "constant" else None)
    with mlflow.start_run():
        return wb.log_model(model.fit(X, Y), "guess", example=X.head(3))


def refusal(how: str = "info") -> dict:
    """A gate that refuses, asked in different ways."""
    if how == "nested":
        with mlflow.start_run():
            return gate(guessing().model_uri, task_1())
    extra = {"threshold": 45.0} if how == "more" else {}
    return gate(guessing(), task_1(), **extra)


def told_otherwise(answers: dict, passed: bool = False, **columns: Any) -> dict:
    """A verdict that says something else than its run."""
    verdict: Verdict = answers["verdict"]
    return answers | {"verdict": replace(verdict, table=verdict.table.assign(**columns), passed=passed)}


@cache
def dearest() -> str:
    return stored(make_pipeline(StandardScaler(), Ridge()).fit(X, Y + 30), "dearest", tags={"why": "I aim higher."})


@cache
def candidate(kind: str) -> str:
    """Candidates of different kinds; some of them know the test rows."""
    why, quantile = {"why": "Aim at the 75 % quantile."}, QuantileRegressor(quantile=0.75, alpha=0)
    boosted = GradientBoostingRegressor(loss="quantile", alpha=0.75, n_estimators=60, max_depth=2)
    linear = make_pipeline(StandardScaler(), quantile)
    truth = dict(zip(TEST.round(6).itertuples(index=False, name=None), TRUTH, strict=True))

    def remembers(rows: pd.DataFrame) -> np.ndarray:
        return np.array([truth.get(row, 0.0) for row in rows.round(6).itertuples(index=False, name=None)])

    def higher(rows: pd.DataFrame) -> np.ndarray:
        return PIPELINE.predict(rows) + 30

    models = {
        "quantile": lambda: linear.fit(X, Y),
        "shifted": lambda: make_pipeline(Ridge()).fit(X, Y + 35),
        "function": lambda: higher,
        "test rows": lambda: linear.fit(TEST, TRUTH),
        "all rows": lambda: linear.fit(ALL, ALL_Y),
        "boosted on all rows": lambda: boosted.fit(ALL, ALL_Y),
        "memory": lambda: remembers,
    }
    return stored(models[kind](), "candidate", tags=why)


@cache
def passing(kind: str) -> dict:
    return proven(candidate(kind))


def on_the_training_rows() -> dict:
    return proven(candidate("quantile"), data=X.assign(progression=Y))


def in_words() -> dict:
    """The model of task 5, which answers with texts."""
    code = Path(tempfile.mkdtemp(), "words.py")
    code.write_text(
        "import mlflow\n\n\nclass Words(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, model_input, params=None):\n        return ['False'] * len(model_input)\n\n\n"
        "mlflow.models.set_model(Words())\n"
    )
    example = (X.head(3), {"limit": 150.0})
    info = mlflow.pyfunc.log_model(
        name="follow_up", python_model=code, input_example=example, pip_requirements=["mlflow"]
    )
    return {"model_uri": info.model_uri, "rows": TEST, "original": task_1()}
