"""The checks of part 1 know: right answers of every style pass, and made-up ones are told what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlcourse.tracking.cancer import split
from mlcourse.untrusted import JUDGE_VARIABLE
from tests.refusals import refused

pytestmark = pytest.mark.slow

EXPERIMENT = "exercises: tracking"
X_train, X_test, y_train, y_test = split()
NOTE = {"mlflow.note.content": "All columns have the same scale, so that none of them rules."}


@pytest.fixture(autouse=True)
def session(home) -> Iterator[None]:
    wb.start(EXPERIMENT)
    yield
    plt.close("all")
    mlflow.sklearn.autolog(disable=True)


def log(name="x", params=None, metrics=None, tags=None, history=None, **options) -> str:
    with mlflow.start_run(run_name=name, tags=tags, **options) as run:
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
        for metric, values in (history or {}).items():
            for step, value in enumerate(values):
                mlflow.log_metric(metric, value, step=step)
    return run.info.run_id


def by_client(name="x", params=None, metrics=None, tags=None) -> str:
    """The same without the fluent calls."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    run_id = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    for key, value in (params or {}).items():
        client.log_param(run_id, key, value)
    for key, value in (metrics or {}).items():
        client.log_metric(run_id, key, value)
    client.set_terminated(run_id)
    return run_id


# Task 1
MOST = {"strategy": "most_frequent"}
SHARE = DummyClassifier(strategy="most_frequent").fit(X_train, y_train).score(X_test, y_test)


def baseline(accuracy=SHARE, how=log, purpose="x") -> dict:
    return {"run_id": how("baseline", MOST, {"accuracy": accuracy}, {"purpose": purpose})}


# Task 2
@cache
def predicted(c=0.1, rows=None) -> np.ndarray:
    model = LogisticRegression(C=c, max_iter=10000)
    return model.fit(X_train[:rows], y_train[:rows]).predict(X_test)


def scored(predictions=None, accuracy=None, truth=None, how=log, c=0.1) -> dict:
    predictions = predicted() if predictions is None else predictions
    truth = y_test if truth is None else truth
    right = float(np.mean(np.asarray(predictions).ravel() == np.asarray(truth).ravel()))
    run_id = how("x", {"C": c}, {"accuracy": right if accuracy is None else accuracy})
    return {"run_id": run_id, "predictions": predictions, "y_test": truth}


# Task 3
@cache
def losses(scaler=StandardScaler, rounds=12, eta=0.001, seed=7, of_test=False) -> tuple[float, ...]:
    scaled = scaler().fit(X_train)
    X, Z = scaled.transform(X_train), scaled.transform(X_test)
    model, found = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=eta, random_state=seed), []
    for _ in range(rounds):
        model.partial_fit(X, y_train, classes=[0, 1])
        found.append(log_loss(y_test, model.predict_proba(Z)) if of_test else log_loss(y_train, model.predict_proba(X)))
    return tuple(found)


class ByPandas(StandardScaler):
    """Scales as (X - X.mean()) / X.std() does in pandas, whose std divides by one less."""

    def transform(self, X):
        return ((X - X_train.mean()) / X_train.std()).to_numpy()


def falling(values=None) -> dict:
    return {"run_id": log(history={"loss": losses() if values is None else values})}


# Task 4
SETTINGS = {"C": 0.1, "max_iter": 10000}


def files(predictions=None, settings=None, figure=None, blank=False, table=None, png=None, by_dictionary=False) -> dict:
    predictions = predicted() if predictions is None else predictions
    outcome = pd.DataFrame({"actual": y_test, "predicted": predictions})
    wrong = outcome[outcome["actual"] != outcome["predicted"]] if table is None else table
    picture = plt.figure() if blank else ConfusionMatrixDisplay.from_predictions(y_test, predictions).figure_
    with mlflow.start_run() as run:
        if by_dictionary:
            mlflow.log_dict(wrong.to_dict("split", index=False), "errors.json")
        else:
            mlflow.log_table(wrong, "errors.json")
        mlflow.log_dict(SETTINGS if settings is None else settings, "settings.json")
        if png is None:
            mlflow.log_figure(picture, "confusion.png")
        else:
            mlflow.log_text(png, "confusion.png")
    return {"run_id": run.info.run_id}


# Task 5
def data(table=None) -> dict:
    table = X_train.assign(malignant=y_train) if table is None else table
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(table, name="cells"), context="training")
    return {"run_id": run.info.run_id, "X_train": X_train}


# Task 6
def forest(
    rows=None, of_training=False, on_test=False, seed=7, typed=None, by_hand=False, helper=False, **settings
) -> dict:
    mlflow.sklearn.autolog(log_models=False, log_post_training_metrics=helper, silent=True)
    model = RandomForestClassifier(random_state=seed, **settings)
    with mlflow.start_run() as run:
        if by_hand:
            mlflow.log_params(model.get_params())
        model.fit(*((X_test, y_test) if on_test else (X_train[:rows], y_train[:rows])))
        X, y = (X_train, y_train) if of_training else (X_test, y_test)
        score = model.score(X, y) if helper else accuracy_score(y, model.predict(X))
        mlflow.log_metric("test_accuracy", score if typed is None else typed)
    mlflow.sklearn.autolog(disable=True)
    return {"run_id": run.info.run_id}


@cache
def of_forest() -> float:
    return RandomForestClassifier(random_state=7).fit(X_train, y_train).score(X_test, y_test)


# Tasks 7 to 9
@cache
def folds(depth, seed=7, cv=5, training=True) -> tuple[float, ...]:
    X, y = (X_train, y_train) if training else (pd.concat([X_train, X_test]), pd.concat([y_train, y_test]))
    return tuple(cross_val_score(DecisionTreeClassifier(max_depth=depth, random_state=seed), X, y, cv=cv))


def searched(depths=(1, 2, 3, 5, 8), make=folds, digits=9, backwards=False) -> tuple[str, list[str]]:
    children = []
    with mlflow.start_run(run_name="how deep?") as parent:
        for depth in depths:
            values = [round(float(value), digits) for value in make(depth)]
            params, mean = {"max_depth": depth}, {"cv_mean": round(sum(values) / len(values), digits)}
            values = values[::-1] if backwards else values
            children.append(log("child", params, mean, history={"fold_accuracy": values}, nested=True))
    return parent.info.run_id, children


def search(**options) -> dict:
    return {"parent_run_id": searched(**options)[0]}


def choice(number=2, **options) -> dict:
    parent, children = searched(**options)
    return {"parent_run_id": parent, "run_id": children[number]}


# Task 10
SCALED = make_pipeline(StandardScaler(), LogisticRegression())
LOGARITHMS = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())


@cache
def scores(model, cv=5, rows="training") -> tuple[float, ...]:
    X, y = (X_train, y_train)
    if rows == "all":
        X, y = pd.concat([X_train, X_test]), pd.concat([y_train, y_test])
    return tuple(cross_val_score(model, X, y, cv=cv))


def beaten(model=SCALED, values=None, store="wb", stored=None, **options) -> dict:
    values = scores(model) if values is None else values
    stored = (model if stored is None else stored).fit(X_train, y_train)
    with mlflow.start_run(tags=NOTE) as run:
        mlflow.log_param("model", "x")
        wb.log_history({"fold_accuracy": list(values)})
        mlflow.log_metric("cv_mean", float(np.mean(values)))
        if store == "wb":
            wb.log_model(stored, "model", example=X_train.head(3))
        elif store:
            trusted = {"skops_trusted_types": []} if store == "skops" else {}
            mlflow.sklearn.log_model(stored, name="model", serialization_format=store, pip_requirements=[], **trusted)
    return {"run_id": run.info.run_id}


class Forged(LogisticRegression):
    """A model of the learner's own, which would run the learner's code in the check."""


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("tracking.1", baseline),
    ("tracking.1", lambda: baseline(how=by_client)),
    ("tracking.1", lambda: baseline(round(SHARE, 3))),
    ("tracking.1", lambda: baseline(np.float32(SHARE))),
    ("tracking.2", scored),
    ("tracking.2", lambda: scored(list(map(int, predicted())), how=by_client)),
    ("tracking.2", lambda: scored(c="0.10")),
    ("tracking.2", lambda: scored(pd.Series(predicted(), index=y_test.index))),
    ("tracking.2", lambda: scored(pd.DataFrame({"predicted": predicted()}), truth=y_test.to_numpy())),
    ("tracking.3", falling),
    ("tracking.3", lambda: falling(losses(MinMaxScaler, 20))),
    ("tracking.3", lambda: falling([round(value, 3) for value in losses(RobustScaler, 10)])),
    ("tracking.3", lambda: falling(losses(ByPandas))),
    ("tracking.4", files),
    ("tracking.4", lambda: files(by_dictionary=True)),
    ("tracking.4", lambda: files(settings={**LogisticRegression(**SETTINGS).get_params(), "note": "x"})),
    ("tracking.4", lambda: files(table=errors().assign(row=range(len(errors())))[["predicted", "row", "actual"]])),
    ("tracking.5", data),
    ("tracking.5", lambda: data(pd.concat([y_train.rename("malignant").astype(float), X_train], axis=1))),
    ("tracking.5", lambda: data(X_train.assign(malignant=y_train == 1).reset_index(drop=True))),
    ("tracking.6", forest),
    ("tracking.6", lambda: forest(n_jobs=2)),
    ("tracking.6", lambda: forest(by_hand=True)),
    ("tracking.7", search),
    ("tracking.7", lambda: search(depths=(None, 3, 1, 2, 20, 4), digits=3)),
    ("tracking.7", lambda: search(make=lambda depth: folds(depth, cv=KFold(5)), backwards=True)),
    ("tracking.7", lambda: search(depths=np.arange(1, 7))),
    ("tracking.7", lambda: search(make=lambda depth: folds(depth, cv=KFold(5, shuffle=True, random_state=7)))),
    ("tracking.8", lambda: filtered("tags.mlflow.parentRunId = '{}' AND params.max_depth = '3'")),
    ("tracking.8", lambda: filtered("params.max_depth LIKE '3' and tags.`mlflow.parentRunId` = '{}'")),
    (
        "tracking.8",
        lambda: filtered('params.max_depth = "3" AND tags.mlflow.parentRunId = "{}" AND metrics.cv_mean > 0'),
    ),
    ("tracking.9", lambda: choice(best())),
    ("tracking.9", lambda: choice(best(), digits=4)),
    ("tracking.9", lambda: choice(0, depths=(None, 1, 2, 3, 4)) if best((None, 1, 2, 3, 4)) == 0 else choice(best())),
    ("tracking.10", beaten),
    ("tracking.10", lambda: beaten(Pipeline([("s", RobustScaler()), ("m", SVC(C=2.0))]), store="cloudpickle")),
    ("tracking.10", lambda: beaten(values=[round(value, 3) for value in scores(SCALED)], store="skops")),
    ("tracking.10", lambda: beaten(LOGARITHMS, store="cloudpickle")),
    ("tracking.10", lambda: beaten(values=scores(SCALED, StratifiedKFold(5, shuffle=True, random_state=7)))),
]


def errors() -> pd.DataFrame:
    outcome = pd.DataFrame({"actual": y_test, "predicted": predicted()})
    return outcome[outcome["actual"] != outcome["predicted"]]


def filtered(text: str) -> dict:
    parent = searched()[0]
    searched()  # a second search, which the filter must not find
    return {"parent_run_id": parent, "filter_string": text.format(parent)}


def by_id() -> dict:
    parent, children = searched()
    return {"parent_run_id": parent, "filter_string": f"attributes.run_id = '{children[2]}'"}


def mean_of(depth: int) -> float:
    values = [round(float(value), 9) for value in folds(depth)]
    return round(sum(values) / len(values), 9)


def best(depths=(1, 2, 3, 5, 8)) -> int:
    return int(np.argmax([np.mean(folds(depth)) for depth in depths]))


def flipped(number: int) -> np.ndarray:
    found = predicted().copy()
    found[:number] = 1 - found[:number]
    return found


WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("tracking.1", lambda: baseline(0.9), "accuracy is 0.900, but the most frequent class is right on 0.629"),
    ("tracking.1", lambda: baseline(float(1 - y_train.mean())), "accuracy is 0.627"),
    ("tracking.1", lambda: baseline(1 - SHARE), "accuracy is 0.371"),
    ("tracking.1", lambda: baseline(purpose=" \n"), "The tag 'purpose' is empty"),
    ("tracking.2", lambda: scored(list(y_test)), "they are y_test itself"),
    ("tracking.2", lambda: scored(predicted(100.0)), "are not those of LogisticRegression(C=0.1"),
    ("tracking.2", lambda: scored(flipped(20)), "20 of the predictions are not those"),
    ("tracking.2", lambda: scored(truth=predicted()), "y_test is not the target of the test rows"),
    ("tracking.2", lambda: scored(np.zeros(143)), "of the predictions are not those"),
    ("tracking.3", lambda: falling(np.linspace(0.5, 0.1, 12)), "Point 1 of the loss is 0.500"),
    ("tracking.3", lambda: falling(losses(seed=8)), "of the loss is"),
    ("tracking.3", lambda: falling(losses(eta=0.01)), "Point 1 of the loss is 0.1"),
    ("tracking.3", lambda: falling(losses(of_test=True)), "of the loss is"),
    ("tracking.3", lambda: falling([*losses()[:-1], 0.01]), "Point 12 of the loss is 0.010"),
    ("tracking.4", lambda: files(table=errors().head(1)), "the model of task 2 has"),
    ("tracking.4", lambda: files(predicted(100.0, 40)), "the model of task 2 has"),
    ("tracking.4", lambda: files(table=errors().rename(columns={"actual": "predicted", "predicted": "actual"})), "has"),
    ("tracking.4", lambda: files(settings={"C": 1, "max_iter": 10000}), "In settings.json C is '1'"),
    ("tracking.4", lambda: files(settings={"C": 0.1}), "In settings.json max_iter is 'missing'"),
    ("tracking.4", lambda: files(png="a matrix"), "confusion.png is no picture"),
    ("tracking.4", lambda: files(blank=True), "confusion.png is empty"),
    ("tracking.5", lambda: data(X_train.assign(malignant=y_train.sample(frac=1, random_state=1).to_numpy())), "digest"),
    ("tracking.5", lambda: data(X_train.assign(malignant=1 - y_train)), "has the digest"),
    ("tracking.5", lambda: data(X_train.assign(malignant=0.0)), "has the digest"),
    ("tracking.5", lambda: data(X_train.sample(frac=1, random_state=2).assign(malignant=y_train)), "in their order"),
    ("tracking.5", lambda: data(X_test.assign(malignant=y_test)), "has 143 rows"),
    ("tracking.6", lambda: forest(of_training=True), "that is the training data"),
    ("tracking.6", lambda: forest(seed=8), "random_state is '8'"),
    ("tracking.6", lambda: forest(rows=50), "RandomForestClassifier(random_state=7) is right on"),
    ("tracking.6", lambda: forest(typed=0.97), "test_accuracy is 0.970"),
    ("tracking.6", lambda: forest(helper=True), "logged twice"),
    ("tracking.6", lambda: forest(on_test=True, typed=of_forest()), "The model was trained on 143 rows"),
    ("tracking.7", lambda: search(make=lambda depth: [0.9 + depth / 100] * 5), "this tree has"),
    ("tracking.7", lambda: search(make=lambda depth: folds(depth, cv=10)), "has 10 points"),
    ("tracking.7", lambda: search(make=lambda depth: folds(depth, training=False)), "this tree has"),
    ("tracking.7", lambda: search(make=lambda depth: [1.0] * 5), "have the mean 1.000"),
    ("tracking.7", lambda: search(make=lambda depth: folds(3)), "The scores of the child with max_depth 8"),
    ("tracking.8", by_id, "finds these runs without a look at parentRunId"),
    (
        "tracking.8",
        lambda: filtered("tags.mlflow.parentRunId = '{}' AND metrics.cv_mean = " + repr(mean_of(3))),
        "without a look at max_depth",
    ),
    ("tracking.9", lambda: choice(0, make=lambda depth: [1 - depth / 100] * 5), "this tree has"),
    ("tracking.9", lambda: choice(1), "One child has"),
    (
        "tracking.10",
        lambda: beaten(values=[1.0] * 5),
        "The mean of the folds is 1.000; with the stored model it is 0.97",
    ),
    ("tracking.10", lambda: beaten(values=scores(SCALED, 10)), "has 10 points"),
    ("tracking.10", lambda: beaten(values=scores(SCALED, rows="all")), "with the stored model it is 0.97"),
    ("tracking.10", lambda: beaten(store=""), "holds no model"),
    ("tracking.10", lambda: beaten(stored=DecisionTreeClassifier(max_depth=3)), "with the stored model it is 0.9"),
    ("tracking.10", lambda: beaten(Forged(), values=[0.97] * 5, store="cloudpickle"), "something of the type Forged"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes_whatever_its_style(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_made_up_answer_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_a_pickle_runs_nothing_in_the_process_that_judges(tmp_path) -> None:
    file = tmp_path / "pid"

    class Bomb(LogisticRegression):
        def __reduce__(self):
            return exec, (f"import os, pathlib; pathlib.Path({str(file)!r}).write_text(str(os.getpid()))",)

    answers = beaten(Bomb(), values=[0.97] * 5, store="cloudpickle")
    # a fresh process, as the one that judges is: a fork of this one, with the threads of other tests, may wait for ever
    judge = (
        f"import os, mlflow; mlflow.set_tracking_uri({mlflow.get_tracking_uri()!r}); import mlworkbench as wb; "
        f"print(os.getpid(), bool(wb.check('tracking.10', **{answers!r})))"
    )
    environment = os.environ | {JUDGE_VARIABLE: "1"}
    done = subprocess.run([sys.executable, "-c", judge], check=True, env=environment, capture_output=True, text=True)
    pid, passed = done.stdout.split()[-2:]
    assert passed == "False", done.stdout
    assert file.exists(), done.stdout + done.stderr
    assert file.read_text() not in {pid, str(os.getpid())}
