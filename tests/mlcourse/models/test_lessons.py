"""The checks of the lessons of part 2: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import MetricThreshold
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlworkbench.serving.latency import Latency
from mlworkbench.verdict import Verdict
from tests.refusals import refused

pytestmark = pytest.mark.slow

random = np.random.default_rng(7)
X = pd.DataFrame(random.normal(size=(60, 2)), columns=["a", "b"])
Y = (X["a"] + X["b"] + random.normal(size=60) > 0).astype(int)
FOREST = RandomForestClassifier(10, max_depth=3, random_state=7).fit(X, Y)
RIGHT = pd.DataFrame({"day": [1, 2], "weather": ["sun", "rain"], "temperature": [20.5, 12.5]})
GAP = RIGHT.assign(day=[1.0, None])
RATE = {"per_degree": 10.0}
MILLISECONDS = np.full(100, 5.0)

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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checks") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store for all tests; they only add to it."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start("checks")


def tree(model: Any = None, name: str = "tree", inside: bool = True) -> str:
    model = model or DecisionTreeClassifier().fit(X, Y)
    with mlflow.start_run() if inside else contextlib.nullcontext():
        return wb.log_model(model, name, example=X.head(3)).model_uri


def bare() -> str:
    """A tree without example and signature."""
    options = {"pip_requirements": ["scikit-learn"], "skops_trusted_types": ["sklearn.tree._tree.Tree"]}
    with mlflow.start_run():
        return mlflow.sklearn.log_model(DecisionTreeClassifier().fit(X, Y), name="tree", **options).model_uri


def test_lesson_2_1_passes() -> None:
    assert wb.check("2.1", model_uri=tree(), flavors=2)


@pytest.mark.parametrize(
    ("make", "flavors", "says"),
    [
        (lambda: tree(name="oak"), 2, "is called 'oak'"),
        (lambda: tree(FOREST), 2, "is a RandomForestClassifier"),
        (lambda: tree(inside=False), 2, "belongs to no run"),
        (bare, 2, "no input example"),
        (tree, 3, "You count 3 flavor(s)"),
        (tree, {"sklearn": "x" * 5000}, "flavors is of type dict"),
        (lambda: "models:/m-nothing", 2, "There is no model at 'models:/m-nothing'"),
        (lambda: "models:/nobody@best", 2, "There is no model at"),
        (lambda: 3, 2, "model_uri is of type int"),
        (lambda: onnx("tree"), 2, "has the flavors onnx"),
    ],
)
def test_typical_mistakes_of_lesson_2_1(make: Callable[[], Any], flavors: Any, says: str) -> None:
    refused("2.1", says, model_uri=make(), flavors=flavors)


def onnx(name: str) -> str:
    from skl2onnx import to_onnx

    rows = X.head(2).to_numpy("float32")
    graph = to_onnx(DecisionTreeClassifier().fit(X, Y), rows, options={"zipmap": False})
    return wb.log_model(graph, name, example=rows).model_uri


def rides(example: Any, model: Any = None) -> str:
    return wb.log_model(model or Rides(), "rides", example=example).model_uri


def test_lesson_2_2_passes_with_an_example_and_by_hand() -> None:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    assert wb.check("2.2", model_uri=rides((GAP, RATE)))
    inputs = Schema([ColSpec("double", "day"), ColSpec("string", "weather"), ColSpec("double", "temperature")])
    params = ParamSchema([ParamSpec("per_degree", "double", 10.0)])
    uri = rides((RIGHT, RATE))
    mlflow.models.set_signature(uri, ModelSignature(inputs=inputs, params=params))
    assert wb.check("2.2", model_uri=uri)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: rides(GAP), "The signature has no parameters"),
        (lambda: rides((GAP, {"rate": 1.0}), Careless()), "parameters rate"),
        (lambda: rides((RIGHT, RATE)), "declares day as long"),
        (lambda: rides((GAP, RATE), Careless()), "gives 1 answer(s) for 2 rows"),
        (lambda: rides((GAP.drop(columns="day"), RATE)), "no column 'day'"),
        (lambda: optional(Rides()), "lets rows without temperature pass, and the model stops at KeyError"),
        (lambda: optional(Careless()), "gives 1 answer(s)"),
    ],
)
def test_typical_mistakes_of_lesson_2_2(make: Callable[[], str], says: str) -> None:
    refused("2.2", says, model_uri=make())


def optional(model: Any) -> str:
    """A signature in which the temperature may be missing."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    uri = rides((GAP, RATE), model)
    columns = [ColSpec("double", "day"), ColSpec("string", "weather"), ColSpec("double", "temperature", required=False)]
    params = ParamSchema([ParamSpec("per_degree", "double", 10.0)])
    mlflow.models.set_signature(uri, ModelSignature(inputs=Schema(columns), params=params))
    return uri


@pytest.fixture
def doubtful(tmp_path: Path) -> Callable[..., str]:
    def log(rule: str = "sure < limit", name: str = "doubtful", params: dict | None = None) -> str:
        file = tmp_path / "doubtful.py"
        file.write_text(DOUBTFUL.replace("RULE", rule))
        inside = wb.log_model(FOREST, "forest", example=X.head(3))
        return mlflow.pyfunc.log_model(
            name=name,
            python_model=file,
            artifacts={"forest": inside.model_uri},
            input_example=(X.head(3), params or {"limit": 0.7}),
            pip_requirements=["mlflow"],
        ).model_uri

    return log


def test_lesson_2_3_passes(doubtful: Callable[..., str]) -> None:
    assert wb.check("2.3", model_uri=doubtful(), rows=X, forest=FOREST)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "unsure"}, "is called 'unsure'"),
        ({"params": {"limit": 0.5}}, "default of limit is 0.5"),
        ({"rule": "sure >= limit"}, "are the opposite"),
        ({"rule": "sure < 0.7"}, "With limit=0.5"),
        ({"rule": "(sure < limit)[:4]"}, "gives 4 answer(s) for 60 rows"),
    ],
)
def test_typical_mistakes_of_lesson_2_3(doubtful: Callable[..., str], options: dict, says: str) -> None:
    refused("2.3", says, model_uri=doubtful(**options), rows=X, forest=FOREST)


def test_lesson_2_3_wants_code_and_a_limit(doubtful: Callable[..., str]) -> None:
    pickled = wb.log_model(Rides(), "doubtful", example=(GAP, RATE))
    refused("2.3", "stored as a pickled object", model_uri=pickled, rows=X, forest=FOREST)
    refused("2.3", "and no code", model_uri=tree(FOREST, "doubtful"), rows=X, forest=FOREST)


STUMP = DecisionTreeClassifier(max_depth=1, random_state=7).fit(X, Y)
LINEAR = LogisticRegression().fit(X, Y)


ROWS = X.assign(malignant=Y)


def gate(candidate: Any = LINEAR, baseline: Any = STUMP, rows: Any = ROWS) -> Verdict:
    wanted = {
        "recall_score": MetricThreshold(threshold=0.8, greater_is_better=True),
        "accuracy_score": MetricThreshold(min_absolute_change=0.01, greater_is_better=True),
    }
    return wb.validate(tree(candidate), tree(baseline), rows, target="malignant", thresholds=wanted)


def test_lesson_2_4() -> None:
    verdict = gate()
    assert wb.check("2.4", verdict=verdict, test=ROWS)
    with mlflow.start_run() as run:
        pass
    low, alone = (verdict.table.assign(wanted=[*wanted]) for wanted in (("at least 0.1",) * 2, ("at least 0.8",) * 2))
    refused("2.4", "The recall is wanted at least 0.1", verdict=replace(verdict, table=low), test=ROWS)
    refused("2.4", "The accuracy is wanted at least 0.8", verdict=replace(verdict, table=alone), test=ROWS)
    refused("2.4", "looked at accuracy_score", verdict=replace(verdict, table=verdict.table[1:]), test=ROWS)
    refused("2.4", "holds no verdict", verdict=replace(verdict, run_id=run.info.run_id), test=ROWS)
    refused("2.4", "verdict is of type bool", verdict=True, test=ROWS)
    refused("2.4", "is a DecisionTreeClassifier", verdict=gate(STUMP, LINEAR), test=ROWS)
    refused("2.4", "The gate saw an accuracy of", verdict=gate(rows=ROWS.head(30)), test=ROWS)
    refused("2.4", "refused the candidate", verdict=gate(baseline=DecisionTreeClassifier().fit(X, Y)), test=ROWS)


def test_lesson_2_5() -> None:
    good = {"answers": Y.to_numpy(), "latency": Latency(MILLISECONDS, 1), "y_test": Y}
    assert wb.check("2.5", **good)
    refused("2.5", "3 answers for 60 test rows", **{**good, "answers": Y[:3]})
    refused("2.5", "0.00 of the answers are right", **{**good, "answers": 1 - Y})
    refused("2.5", "answers is of type int", **{**good, "answers": 1})
    refused("2.5", "latency is of type float", **{**good, "latency": 5.0})
    refused("2.5", "Each request had 60 rows", **{**good, "latency": Latency(MILLISECONDS, 60)})
    refused("2.5", "20 requests were timed", **{**good, "latency": Latency(MILLISECONDS[:20], 1)})
