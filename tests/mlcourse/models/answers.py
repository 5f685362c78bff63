"""Makers of right and wrong answers to the tasks of part 2."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.models import MetricThreshold, make_metric
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlworkbench.serving.latency import Latency
from mlworkbench.verdict import Verdict

EXPERIMENT = "exercises: models"
DIABETES = load_diabetes(as_frame=True, scaled=False)
ROWS = DIABETES.data.astype({"age": int, "sex": int})
X, TEST, Y, TRUTH = train_test_split(ROWS, DIABETES.target, random_state=7)
DATA = TEST.assign(progression=TRUTH)
PIPELINE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
RIGHT = PIPELINE.predict(TEST)
FAST = Latency(np.array([4.0, *[5.0] * 99]), 1)

FOLLOW_UP = """import mlflow


class FollowUp(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.model = mlflow.sklearn.load_model(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        limit, predicted = params["limit"], self.model.predict(model_input)
        return RULE


mlflow.models.set_model(FollowUp())
"""


def as_in_a_notebook() -> Any:
    """A PythonModel that is stored whole, because it can be imported from nowhere."""

    class Above(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return (model_input["bmi"] > 30).to_numpy()

    return Above()


def stored(
    model: Any = PIPELINE, name: str = "progression", example: Any = None, inside: bool = True, **options
) -> str:
    example = X.head(3) if example is None else example
    if not inside:
        return wb.log_model(model, name, example=example, **options).model_uri
    with mlflow.start_run():
        return wb.log_model(model, name, example=example, **options).model_uri


@cache
def task_1() -> str:
    """The model of task 1, once for all tests."""
    return stored()


@cache
def guess() -> str:
    return stored(DummyRegressor().fit(X, Y), "guess")


def elsewhere() -> str:
    wb.start("another experiment")
    uri = stored()
    wb.start(EXPERIMENT)
    return uri


def without_example() -> str:
    with mlflow.start_run():
        return mlflow.sklearn.log_model(PIPELINE, name="progression", pip_requirements=["scikit-learn"]).model_uri


def run(**metrics: float) -> str:
    with mlflow.start_run() as made:
        mlflow.log_metrics(metrics)
    return made.info.run_id


def facts(**wrong: Any) -> dict:
    file = mlflow.models.Model.load(task_1())
    right = {"flavors": list(file.flavors), "size": file.model_size_bytes, "file_format": "skops"}
    return {"model_uri": task_1(), **right, **wrong}


def alias(uri: str, name: str) -> str:
    version = mlflow.register_model(uri, name)
    mlflow.MlflowClient().set_registered_model_alias(name, "best", version.version)
    return f"models:/{name}@best"


def addresses(**wrong: Any) -> dict:
    run_id = mlflow.models.Model.load(task_1()).run_id
    right = {"by_run": f"runs:/{run_id}/progression", "by_alias": alias(task_1(), "progression")}
    return {"model_uri": task_1(), **right, **wrong}


def patient(model: Any = None, example: Any = None) -> dict:
    model = model or make_pipeline(SimpleImputer(), Ridge()).fit(X, Y)
    example = X.head(3).astype({"age": float}) if example is None else example
    return {"model_uri": stored(model, "patient", example), "rows": TEST}


def follow_up(rule: str = "predicted > limit", name: str = "follow_up", example: Any = None) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "follow_up.py")
        file.write_text(FOLLOW_UP.replace("RULE", rule))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=file,
            artifacts={"model": task_1()},
            input_example=example or (X.head(3), {"limit": 200.0}),
            pip_requirements=["mlflow"],
        )
    return {"model_uri": info.model_uri, "rows": TEST, "original": task_1()}


def pickled() -> dict:
    uri = stored(as_in_a_notebook(), "follow_up", (X.head(3), {"limit": 30.0}))
    return {"model_uri": uri, "rows": TEST, "original": task_1()}


def exported(model: Any = PIPELINE, example: Any = None, wide: str = "float32", **wrong: Any) -> dict:
    from skl2onnx import to_onnx

    rows = X.head(3).to_numpy(wide)
    uri = stored(to_onnx(model, rows[:1]), "progression_onnx", rows if example is None else example)
    return {"model_uri": uri, "original": task_1(), "rows": TEST, "difference": 3e-5, **wrong}


def broadcast() -> float:
    """The largest difference of a column from a row: of all pairs."""
    return float(abs(RIGHT[:, None] - RIGHT).max())


def own_metric(**metrics: float) -> dict:
    return {"run_id": run(**metrics), "model_uri": task_1(), "rows": TEST, "y_test": TRUTH}


def share(rows: Any, truth: Any) -> float:
    return float((abs(PIPELINE.predict(rows) - truth) <= 50).mean())


def gate(candidate: str, baseline: str | None, metric: str = "mean_absolute_error", data: Any = DATA, **wanted) -> dict:
    def cost(predictions, targets):
        missing = targets - predictions
        return float(np.where(missing > 0, 3 * missing, -missing).mean())

    given = MetricThreshold(**{"min_relative_change": 0.05, "greater_is_better": False, **wanted})
    mean_cost = make_metric(eval_fn=cost, greater_is_better=False, name="mean_cost")
    options = {"target": "progression", "model_type": "regressor", "extra_metrics": [mean_cost]}
    verdict = wb.validate(candidate, baseline, data, thresholds={metric: given}, **options)
    return {"verdict": verdict, "baseline": task_1()}


def served(**wrong: Any) -> dict:
    right = {"answers": RIGHT, "latency": FAST, "run_id": run(latency_p99_ms=5.0)}
    return {**right, "model_uri": task_1(), "rows": TEST, **wrong}


def dearer() -> str:
    """A candidate that aims higher than the middle."""
    return stored(make_pipeline(StandardScaler(), Ridge()).fit(X, Y + 30), "higher")


def proven(candidate: str, baseline: str | None = None, metric: str = "mean_cost", **options: Any) -> dict:
    wanted = {"min_relative_change": 0.1, **options}
    return {**gate(candidate, baseline or task_1(), metric, **wanted), "rows": TEST, "y_test": TRUTH}


def forged() -> dict:
    table = gate(dearer(), task_1(), "mean_cost", min_relative_change=0.1)["verdict"].table
    return {"verdict": Verdict(True, table, run()), "baseline": task_1(), "rows": TEST, "y_test": TRUTH}
