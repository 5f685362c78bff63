"""For each task of part 2, typical wrong answers are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlworkbench.serving.latency import Latency
from tests.mlcourse.models.answers import (
    PIPELINE,
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
from tests.mlcourse.models.answers import RIGHT as PREDICTED
from tests.mlcourse.models.more_answers import (
    ALL,
    ALL_Y,
    addressed,
    copied,
    difference,
    evaluated,
    facts_of,
    guessing,
    in_words,
    of_a_deleted_run,
    on_the_training_rows,
    overwritten,
    passing,
    patient_of,
    pipeline,
    plain,
    refusal,
    signature,
    told_otherwise,
    trees,
)
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

MEASURED = Latency(np.linspace(3.1, 7.7, 200), 1, clients=2, per_second=190.0)
P99 = {"latency_p99_ms": round(MEASURED.percentiles["p99"], 3)}


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("models.1", lambda: {"model_uri": task_1()}),
    ("models.1", lambda: plain("skops")),
    ("models.1", lambda: plain("cloudpickle")),
    ("models.1", pipeline),
    ("models.2", facts),
    ("models.2", lambda: facts_of(task_1(), set)),
    ("models.2", lambda: facts_of(plain("cloudpickle")["model_uri"].model_uri, lambda names: pd.Index(names)[::-1])),
    ("models.3", addresses),
    ("models.3", addressed),
    ("models.3", lambda: addressed(by_client=False)),
    ("models.4", patient),
    ("models.4", lambda: patient_of(trees())),
    ("models.4", lambda: patient_of(trees(), signature())),
    ("models.5", follow_up),
    ("models.5", lambda: follow_up("(predicted > limit).tolist()", example=(X.head(3), {"limit": 150.0}))),
    ("models.5", lambda: follow_up("1 * (predicted > limit)")),
    ("models.6", difference),
    ("models.6", lambda: difference("float64", example=X.head(3).to_numpy())),
    ("models.6", lambda: difference(example=X.head(3), digits=1)),
    ("models.7", evaluated),
    ("models.7", lambda: evaluated("loaded")),
    ("models.7", lambda: evaluated("function")),
    ("models.7", lambda: evaluated("static")),
    ("models.8", refusal),
    ("models.8", lambda: refusal("nested")),
    ("models.8", lambda: refusal("more")),
    ("models.9", served),
    ("models.9", lambda: served(answers=list(PREDICTED), run_id=run(latency_p99_ms=5))),
    ("models.9", lambda: served(answers=pd.DataFrame({"said": PREDICTED}), latency=MEASURED, run_id=run(**P99))),
    ("models.9", lambda: served(answers={"predictions": list(PREDICTED)})),
    ("models.10", lambda: passing("quantile")),
    ("models.10", lambda: passing("shifted")),
    ("models.10", lambda: passing("function")),
]

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
    ("models.5", lambda: follow_up("predicted >= limit"), "which is what is predicted for the first row"),
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
    ("models.9", lambda: served(answers=PREDICTED[:3]), "3 answers for 111 test rows"),
    ("models.9", lambda: served(answers=PREDICTED + 9), "not those of your model"),
    ("models.9", lambda: served(latency=Latency(np.full(100, 5.0), 111)), "Each request had 111 rows"),
    ("models.9", lambda: served(latency=Latency(np.full(20, 5.0), 1)), "20 requests were timed"),
    ("models.9", lambda: served(run_id=run(latency_p99_ms=4.0)), "latency_p99_ms is 4, but p99 is 5"),
    (
        "models.9",
        lambda: served(latency=Latency(np.array([1900.0, *[2000.0] * 99]), 1), run_id=run(latency_p99_ms=2000.0)),
        "Get below 1000 ms",
    ),
    ("models.10", lambda: proven(dearer()), "no tag 'why'"),
    ("models.10", lambda: proven(task_1()), "The gate refused the candidate"),
    ("models.10", lambda: proven(dearer(), min_relative_change=0.01), "The cost is wanted 1 % below"),
    ("models.10", lambda: proven(dearer(), metric="max_error"), "The gate looked at max_error"),
    ("models.10", lambda: proven(guess(), stored(DummyRegressor(strategy="constant", constant=0).fit(X, Y))), "costs"),
    ("models.10", forged, "holds no verdict"),
    ("models.1", lambda: pipeline(TEST, TRUTH), "was trained on the test rows"),
    ("models.1", lambda: pipeline(ALL, ALL_Y), "was trained on all rows"),
    ("models.1", lambda: pipeline(truth=Y.sample(frac=1, random_state=1).to_numpy()), "away from the pipeline"),
    ("models.1", lambda: pipeline(alpha=500), "points away from the pipeline of task 1"),
    ("models.1", of_a_deleted_run, "was deleted"),
    ("models.2", lambda: facts_of(exported()["model_uri"]) | {"file_format": "skops"}, "names another format"),
    ("models.2", lambda: facts_of(guess()), "predicts up to"),
    ("models.2", lambda: facts(file_format=None), "file_format is of type NoneType"),
    ("models.3", lambda: addresses(by_alias=alias(task_1(), "other")), "names the registered model 'other'"),
    ("models.3", lambda: addressed(uri=stored()), "leads to another model"),
    ("models.3", lambda: addresses() | {"model_uri": guess()}, "predicts up to"),
    ("models.4", lambda: patient_of(trees(truth=Y.sample(frac=1, random_state=1).to_numpy())), "and guessing by"),
    ("models.4", lambda: patient_of(trees(TEST, TRUTH)), "as one that was trained on the test rows"),
    ("models.4", lambda: patient_of(trees(ALL, ALL_Y)), "as one that was trained on all rows"),
    ("models.4", lambda: patient_of(trees(), signature(age="string")), "declares age as string"),
    ("models.4", lambda: patient() | {"rows": X}, "rows has the shape (331, 10)"),
    ("models.5", in_words, "the model answers 'False'"),
    ("models.5", lambda: follow_up() | {"original": guess()}, "original predicts up to"),
    ("models.6", lambda: exported(difference=float("nan")), "difference is nan"),
    ("models.6", lambda: exported(difference=0.005), "Your difference is 0.005, not"),
    ("models.6", lambda: exported() | {"original": guess()}, "original predicts up to"),
    ("models.7", lambda: own_metric(mean_absolute_error=41.0, share_close=share(TEST, TRUTH)), "has no example_count"),
    ("models.7", copied, "names no data set: its metrics were logged by hand"),
    ("models.7", lambda: copied("another experiment"), "in the experiment 'another experiment'"),
    ("models.7", lambda: overwritten(mean_absolute_error=30.0), "mean_absolute_error of the run"),
    ("models.7", lambda: evaluated(data="training"), "of the test rows are predicted within 50"),
    ("models.7", lambda: evaluated(y_test=PREDICTED), "y_test is of type ndarray"),
    ("models.8", lambda: gate(guessing("median"), task_1()), "The candidate guesses"),
    (
        "models.8",
        lambda: gate(guessing(), task_1(), data=X.assign(progression=Y)),
        "The gate saw a mean absolute error of",
    ),
    ("models.8", lambda: told_otherwise(refusal(), candidate=1.0), "is not the one that its run"),
    ("models.9", lambda: served(latency=Latency(np.full(100, 5.0), 1)), "All 100 requests took 5 ms"),
    ("models.9", lambda: served(latency=Latency(np.linspace(-1, 5.0, 100), 1)), "A request took -1 ms"),
    ("models.9", lambda: served(answers=np.full(111, np.nan)), "are not all finite numbers"),
    ("models.9", lambda: served(answers=TRUTH), "not those of your model"),
    ("models.10", lambda: passing("test rows"), "trained on the test rows"),
    ("models.10", lambda: passing("all rows"), "trained on all rows"),
    ("models.10", lambda: passing("memory"), "which no model of the training rows does"),
    ("models.10", on_the_training_rows, "The gate saw a mean cost of"),
    ("models.10", lambda: told_otherwise(proven(task_1()), passed=True), "On the test rows the candidate costs"),
]


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{number} {task}" for number, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes_whatever_its_style(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


def test_answers_are_escaped() -> None:
    page = wb.check("models.1", model_uri="<img src=x onerror=alert(1)>")._repr_html_()
    assert "<img" not in page
