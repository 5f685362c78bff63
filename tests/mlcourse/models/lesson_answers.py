"""Makers of right and wrong answers to the tasks of the lessons of part 2."""

from __future__ import annotations

import contextlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import MetricThreshold, ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlcourse.course_data import samples, wine
from mlworkbench.serving.latency import Latency
from mlworkbench.verdict import Verdict

X, X_TEST, Y, Y_TEST = wine()
FOREST = RandomForestClassifier(20, random_state=7).fit(X.astype("float32"), Y)
TREE = DecisionTreeClassifier(max_depth=2, random_state=7)
ROWS = X_TEST.astype("float32")
RIDES = pd.DataFrame({"day": [1, 2], "weather": ["sun", "rain"], "temperature": [20.5, 12.5]})
GAP, RATE = RIDES.assign(day=[1.0, None]), {"per_degree": 10.0}
TIMES = np.array([4.0, *[5.0] * 99])
FAST = Latency(TIMES, 1)

DOUBTFUL = """import mlflow


class Doubtful(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.forest = mlflow.sklearn.load_model(context.artifacts["forest"])

    def predict(self, context, model_input, params=None):
        sure, limit = self.forest.predict_proba(model_input).max(axis=1), params["limit"]
        return RULE


mlflow.models.set_model(Doubtful())
"""


def as_in_a_notebook() -> tuple[type, type]:
    """Two PythonModels that are stored whole, because they can be imported from nowhere."""

    class Rides(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return model_input["temperature"].to_numpy()

    class Careless(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return model_input["day"].to_numpy()

    return Rides, Careless


Rides, Careless = as_in_a_notebook()


# 2.1
def stored(model: Any, name: str = "tree", inside: bool = True, example: Any = None) -> str:
    with mlflow.start_run() if inside else contextlib.nullcontext():
        return wb.log_model(model, name, example=X.head(3) if example is None else example).model_uri


def tree(rows: Any = X, truth: Any = Y, **options: Any) -> dict:
    return {"model_uri": stored(DecisionTreeClassifier(**options).fit(rows, truth)), "flavors": 2}


def all_wines() -> dict:
    return tree(pd.concat([X, X_TEST]), pd.concat([Y, Y_TEST]))


def by_mlflow(**options: Any) -> dict:
    """Stored with MLflow's own call, in a run below another."""
    known = {"input_example": X.head(3), "serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
    with mlflow.start_run(), mlflow.start_run(nested=True):
        info = mlflow.sklearn.log_model(TREE.fit(X, Y), name="tree", **{**known, **options})
    return {"model_uri": info, "flavors": np.int64(len(info.flavors))}


def bare() -> dict:
    """A tree without example and signature."""
    trusted = {"serialization_format": "skops", "skops_trusted_types": ["sklearn.tree._tree.Tree"]}
    return by_mlflow(input_example=None, **trusted)


def onnx() -> dict:
    from skl2onnx import to_onnx

    rows = X.head(2).to_numpy("float32")
    graph = to_onnx(TREE.fit(X, Y), rows, options={"zipmap": False})
    return {"model_uri": wb.log_model(graph, "tree", example=rows).model_uri, "flavors": 2}


# 2.2
def rides(example: Any = (GAP, RATE), model: Any = None) -> dict:
    return {"model_uri": wb.log_model(model or Rides(), "rides", example=example).model_uri}


def by_hand(model: Any = None, required: bool = True, example: Any = (RIDES, RATE), **kinds: str) -> dict:
    """A signature written by hand."""
    answers = rides(example, model)
    known = {"day": "double", "weather": "string", "temperature": "double", **kinds}
    columns = [ColSpec(kind, name, required=required or name != "temperature") for name, kind in known.items()]
    params = ParamSchema([ParamSpec("per_degree", "double", 10.0)])
    mlflow.models.set_signature(answers["model_uri"], ModelSignature(inputs=Schema(columns), params=params))
    return answers


# 2.3
@cache
def inside() -> str:
    return wb.log_model(FOREST, "forest", example=ROWS.head(3)).model_uri


def doubtful(rule: str = "sure < limit", name: str = "doubtful", params: dict | None = None, **wrong: Any) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "doubtful.py")
        file.write_text(DOUBTFUL.replace("RULE", rule))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=file,
            artifacts={"forest": inside()},
            input_example=(ROWS.head(3), params or {"limit": 0.7}),
            pip_requirements=["mlflow"],
        )
    return {"model_uri": info.model_uri, "rows": ROWS, "forest": FOREST, **wrong}


def instead(model: Any, example: Any) -> dict:
    return doubtful() | {"model_uri": wb.log_model(model, "doubtful", example=example).model_uri}


# 2.4
CELLS = samples()
TEST = CELLS.X_test.assign(malignant=CELLS.y_test)
STUMP = DecisionTreeClassifier(max_depth=1, random_state=7)
LINEAR = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10000))


@cache
def cells(kind: str, seen: str = "training") -> str:
    models = {
        "stump": STUMP,
        "linear": LINEAR,
        "alone": LogisticRegression(max_iter=10000, solver="newton-cholesky"),
        "tree": TREE,
    }
    X, y = (CELLS.X_train, CELLS.y_train) if seen == "training" else (CELLS.X_test, CELLS.y_test)
    return stored(models[kind].fit(X, y), kind, example=X.head(3))


@cache
def decided(candidate: str = "linear", baseline: str = "stump", rows: int | None = None, **wanted: Any) -> Verdict:
    asked = {"recall": 0.8, "accuracy": {"min_absolute_change": 0.01}, "seen": "training", **wanted}
    thresholds = {
        "recall_score": MetricThreshold(threshold=asked["recall"], greater_is_better=True),
        "accuracy_score": MetricThreshold(**dict(asked["accuracy"]), greater_is_better=True),
    }
    data = TEST.head(rows) if rows else TEST
    new = cells(candidate, asked["seen"])
    return wb.validate(new, cells(baseline), data, target="malignant", thresholds=thresholds)


def gated(**options: Any) -> dict:
    return {"verdict": decided(**options), "test": TEST}


# 2.5
def served(answers: Any = None, latency: Any = FAST, **wrong: Any) -> dict:
    """What a tree answers, which was stored just before."""
    model = TREE.fit(X, Y)
    stored(model, "served")
    return {
        "answers": model.predict(X_TEST) if answers is None else answers,
        "latency": latency,
        "y_test": Y_TEST,
        **wrong,
    }
