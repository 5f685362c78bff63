"""For each task of part 2, typical wrong answers are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlcourse.models.assignment import TASKS
from mlworkbench.serving.latency import Latency
from tests.mlcourse.models.answers import (
    PIPELINE,
    RIGHT,
    TEST,
    TRUTH,
    X,
    Y,
    addresses,
    alias,
    broadcast,
    dearer,
    elsewhere,
    exported,
    facts,
    follow_up,
    forged,
    gate,
    guess,
    own_metric,
    patient,
    pickled,
    proven,
    run,
    served,
    share,
    stored,
    task_1,
    without_example,
)
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")


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
    ("models.2", lambda: facts(size="25 kB"), "size is of type str"),
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
    ("models.5", lambda: follow_up(example=(X.head(3), {"limit": 150})), "a whole number (long)"),
    ("models.5", lambda: follow_up("predicted > 200", example=(X.head(3), {"limit": "150"})), "of type str"),
    ("models.5", lambda: follow_up(example=(X.head(3), {"limit": 200.0, "x": 1})) | {"original": 3}, "of type int"),
    ("models.6", lambda: exported() | {"model_uri": task_1()}, "Export it with to_onnx first"),
    ("models.6", lambda: exported(make_pipeline(StandardScaler(), Ridge(500)).fit(X, Y)), "predictions differ by"),
    ("models.6", lambda: exported(difference=12.5), "Your difference is 12.5"),
    ("models.6", lambda: exported(difference=broadcast()), "Flatten the answers of the export"),
    ("models.6", lambda: exported(difference=0), "Your difference is 0, but"),
    ("models.6", lambda: exported(difference=np.zeros(3)), "of type ndarray"),
    ("models.7", lambda: own_metric(share_close=share(TEST, TRUTH)), "has no mean_absolute_error"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0), "Give make_metric the name 'share_close'"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0, share_close=64.9), "should lie between 0 and 1"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0, share_close=share(X, Y)), "of the test rows"),
    ("models.8", lambda: gate(guess(), None, threshold=1.0, min_relative_change=None), "whatever the baseline does"),
    ("models.8", lambda: gate(guess(), task_1(), greater_is_better=True), "A small error is a good one"),
    (
        "models.8",
        lambda: gate(guess(), task_1(), min_relative_change=None, min_absolute_change=0.05),
        "5 % of the baseline's is min_relative_change=0.05",
    ),
    ("models.8", lambda: gate(guess(), task_1(), min_relative_change=0.15), "wanted 15 % below"),
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
    refused(task, says, **answers())


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG if name == task]
    assert len(set(messages)) >= 2


def test_other_right_answers_pass_too() -> None:
    assert wb.check("models.3", **addresses())
    assert wb.check("models.4", **patient())
    assert wb.check("models.5", **follow_up())
    for kind, example in {"float32": None, "float64": X.head(3).to_numpy(), "table": X.head(3)}.items():
        wide = "float64" if kind == "float64" else "float32"
        assert wb.check("models.6", **exported(example=example, wide=wide)), kind
    assert wb.check("models.10", **proven(stored(make_pipeline(Ridge()).fit(X, Y + 35), tags={"why": "higher"})))


def test_answers_are_escaped() -> None:
    page = wb.check("models.1", model_uri="<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page
