"""For each task of part 2, typical wrong answers are refused, each with its own message."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.models import MetricThreshold, make_metric
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlworkbench.checks.models_assignment import TASKS
from mlworkbench.gate import Verdict
from mlworkbench.serving import Latency

EXPERIMENT = "exercises: models"
DIABETES = load_diabetes(as_frame=True, scaled=False)
ROWS = DIABETES.data.astype({"age": int, "sex": int})
X, TEST, Y, TRUTH = train_test_split(ROWS, DIABETES.target, random_state=7)
DATA = TEST.assign(progression=TRUTH)
PIPELINE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
RIGHT = PIPELINE.predict(TEST)
FAST = Latency(np.full(100, 5.0), 1)

FOLLOW_UP = """import mlflow


class FollowUp(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.model = mlflow.sklearn.load_model(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        limit, predicted = params["limit"], self.model.predict(model_input)
        return RULE


mlflow.models.set_model(FollowUp())
"""


class Above(mlflow.pyfunc.PythonModel):
    def predict(self, model_input, params=None):
        return (model_input["bmi"] > (params or {"limit": 30.0})["limit"]).to_numpy()


Above.__module__ = "__main__"  # as if a notebook had defined it


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("answers") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store for all tests; they only add to it."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(EXPERIMENT)


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
    right = {"by_run": f"runs:/{run_id}/progression", "by_alias": alias(task_1(), "right")}
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
    uri = stored(Above(), "follow_up", (X.head(3), {"limit": 30.0}))
    return {"model_uri": uri, "rows": TEST, "original": task_1()}


def exported(model: Any = PIPELINE, **wrong: Any) -> dict:
    from skl2onnx import to_onnx

    rows = X.head(3).to_numpy("float32")
    uri = stored(to_onnx(model, rows[:1]), "progression_onnx", rows)
    return {"model_uri": uri, "original": task_1(), "rows": TEST, "difference": 0.0, **wrong}


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


WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("models.1", lambda: {"model_uri": elsewhere()}, "in the experiment 'another experiment'"),
    ("models.1", lambda: {"model_uri": stored(name="model")}, "is called 'model'"),
    ("models.1", lambda: {"model_uri": stored(Ridge().fit(X, Y))}, "it is no pipeline"),
    ("models.1", lambda: {"model_uri": stored(make_pipeline(SimpleImputer(), Ridge()).fit(X, Y))}, "SimpleImputer"),
    ("models.1", lambda: {"model_uri": without_example()}, "no input example"),
    ("models.1", lambda: {"model_uri": stored(inside=False)}, "belongs to no run"),
    ("models.1", lambda: {"model_uri": "models:/m-0"}, "There is no model at 'models:/m-0'"),
    ("models.1", lambda: {"model_uri": PIPELINE}, "of type Pipeline"),
    ("models.2", lambda: facts(flavors=["sklearn"]), "You name 1 flavor(s)"),
    ("models.2", lambda: facts(flavors="sklearn"), "flavors is of type str"),
    ("models.2", lambda: facts(size=25.0), "The size is not 25 bytes"),
    ("models.2", lambda: facts(size="25 kB"), "size is '25 kB'"),
    ("models.2", lambda: facts(file_format="pickle"), "names another format"),
    ("models.3", lambda: addresses(by_run=task_1()), "by_run does not have the form runs:/"),
    ("models.3", lambda: addresses(by_run="runs:/1234/progression"), "There is no model at 'runs:/1234"),
    ("models.3", lambda: addresses(by_alias="models:/right/1"), "by_alias does not have the form"),
    ("models.3", lambda: addresses(by_alias="models:/nobody@best"), "There is no model at 'models:/nobody"),
    ("models.3", lambda: addresses(by_alias=alias(guess(), "wrong")), "by_alias leads to another model"),
    ("models.4", lambda: patient(example=X.head(3)), "declares age as long"),
    ("models.4", lambda: patient(PIPELINE), "does not answer to 5 right row(s)"),
    (
        "models.4",
        lambda: patient(make_pipeline(SimpleImputer(), Ridge()).fit(X[["age"]], Y), X[["age"]].head(3).astype(float)),
        "answers to rows without bmi",
    ),
    ("models.4", lambda: {"model_uri": without_example(), "rows": TEST}, "no signature"),
    ("models.5", pickled, "stored as a pickled object"),
    ("models.5", lambda: follow_up(name="again"), "is called 'again'"),
    ("models.5", lambda: follow_up("predicted > 200"), "With limit=100"),
    ("models.5", lambda: follow_up("predicted <= limit"), "are the opposite"),
    ("models.5", lambda: follow_up(example=(X.head(3), {"limit": 200.0, "x": 1})) | {"original": 3}, "of type int"),
    ("models.6", lambda: exported() | {"model_uri": task_1()}, "Export it with to_onnx first"),
    ("models.6", lambda: exported(make_pipeline(StandardScaler(), Ridge(500)).fit(X, Y)), "predictions differ by"),
    ("models.6", lambda: exported(difference=12.5), "Your difference is 12.5"),
    ("models.6", lambda: exported(difference=np.zeros(3)), "of type ndarray"),
    ("models.7", lambda: own_metric(share_close=share(TEST, TRUTH)), "has no mean_absolute_error"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0), "but no 'share_close'"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0, share_close=64.9), "should lie between 0 and 1"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0, share_close=share(X, Y)), "of the test rows"),
    ("models.8", lambda: gate(guess(), None, threshold=1.0, min_relative_change=None), "whatever the baseline does"),
    ("models.8", lambda: gate(guess(), task_1(), greater_is_better=True), "A small error is a good one"),
    ("models.8", lambda: gate(task_1(), guess()), "let the candidate pass"),
    ("models.8", lambda: gate(guess(), guess()), "compared with another model"),
    ("models.8", lambda: gate(guess(), task_1(), "max_error"), "The gate looked at max_error"),
    ("models.8", lambda: {"verdict": False, "baseline": task_1()}, "verdict is of type bool"),
    ("models.9", lambda: served(answers=RIGHT[:3]), "3 answers for 111 test rows"),
    ("models.9", lambda: served(answers=RIGHT + 9), "not those of your model"),
    ("models.9", lambda: served(latency=Latency(np.full(100, 5.0), 111)), "Each request had 111 rows"),
    ("models.9", lambda: served(latency=Latency(np.full(20, 5.0), 1)), "20 requests were timed"),
    ("models.9", lambda: served(run_id=run(latency_p99_ms=4.0)), "latency_p99_ms is 4, but p99 is 5"),
    (
        "models.9",
        lambda: served(latency=Latency(np.full(100, 2000.0), 1), run_id=run(latency_p99_ms=2000.0)),
        "Get below 1000 ms",
    ),
    ("models.10", lambda: proven(dearer()), "no tag 'why'"),
    ("models.10", lambda: proven(task_1()), "The gate refused the candidate"),
    ("models.10", lambda: proven(dearer(), min_relative_change=0.01), "The cost is wanted 1 % below"),
    ("models.10", lambda: proven(dearer(), metric="max_error"), "The gate looked at max_error"),
    ("models.10", lambda: proven(guess(), stored(DummyRegressor(strategy="constant", constant=0).fit(X, Y))), "costs"),
    ("models.10", forged, "holds no verdict"),
]


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    feedback = wb.check(task, **answers())
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert "Traceback" not in feedback.message
    assert "The check stopped" not in feedback.message
    assert len(feedback.message) < 600


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG if name == task]
    assert len(set(messages)) >= 2


def test_other_right_answers_pass_too() -> None:
    assert wb.check("models.3", **addresses())
    assert wb.check("models.4", **patient())
    assert wb.check("models.5", **follow_up())
    assert wb.check("models.10", **proven(stored(make_pipeline(Ridge()).fit(X, Y + 35), tags={"why": "higher"})))


def test_answers_are_escaped() -> None:
    page = wb.check("models.1", model_uri="<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page
