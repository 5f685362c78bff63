"""Task 11 of part 2: an honest signature in place of one that lies, by whatever way; no other model, no half of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlcourse.course_data import diabetes
from mlcourse.models import drill
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

X_train, X_test, y_train, y_test = diabetes()


def true_signature() -> ModelSignature:
    return infer_signature(X_train, drill.fitted().predict(X_train))


def mended(model: Any = None, signature: Any = None, plain: bool = False, lies: Any = None, **options: Any) -> dict:
    """The answers for a model that was left behind, stored anew: this model, with this signature."""
    left = drill.lying_model()
    model = mlflow.sklearn.load_model(left.model_uri) if model is None else model
    if plain:
        options = {"name": "mended", "pip_requirements": [], "serialization_format": "skops", **options}
        uri = mlflow.sklearn.log_model(model, signature=signature, **options).model_uri
    else:
        uri = wb.log_model(model, "mended", example=X_train.head(3)).model_uri
    return {"left": left.model_uri, "lies": list(lies_of(left)) if lies is None else lies(left), "model_uri": uri}


def lies_of(left: Any) -> tuple[str, str]:
    return drill.lies_of(left.model_id)


def in_place() -> dict:
    left = drill.lying_model()
    mlflow.models.set_signature(left.model_uri, true_signature())
    return {"left": left, "lies": pd.Index(lies_of(left)), "model_uri": left.model_uri}


def as_it_was() -> dict:
    left = drill.lying_model()
    return {"left": left.model_uri, "lies": list(lies_of(left)), "model_uri": left.model_uri}


def with_input(name: str, kind: str = "double", required: bool = True) -> ModelSignature:
    """A signature that is true but for an input."""
    columns = [
        ColSpec(kind, name, required=required) if column.name == name else column for column in true_signature().inputs
    ]
    return ModelSignature(Schema(columns), true_signature().outputs)


def trained(alpha: float = 2.0, rows: Any = X_train, truth: Any = y_train) -> Any:
    return make_pipeline(StandardScaler(), Lasso(alpha)).fit(rows, truth)


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("models.11", mended),
    ("models.11", in_place),
    ("models.11", lambda: mended(signature=true_signature(), plain=True, lies=lambda left: {*lies_of(left)})),
    ("models.11", lambda: mended(signature=with_input("bmi"), plain=True, lies=lambda left: np.array(lies_of(left)))),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("models.11", as_it_was, "The model does not answer to 111 right row(s)"),
    ("models.11", lambda: mended(lies=lambda left: ["age", *lies_of(left)]), "What the signature says of age is true"),
    ("models.11", lambda: mended(lies=lambda left: lies_of(left)[:1]), "You name 1 of 2 inputs"),
    ("models.11", lambda: mended(lies=lambda left: []), "You name 0 of 2 inputs"),
    ("models.11", lambda: mended(lies=lambda left: ["weight"]), "There is no input 'weight'"),
    ("models.11", lambda: mended(lies=lambda left: "bmi"), "lies is of type str"),
    ("models.11", lambda: mended(trained(alpha=20.0)), "of the one that was left behind"),
    ("models.11", lambda: mended(trained(rows=X_test, truth=y_test)), "predictions up to"),
    (
        "models.11",
        lambda: mended(signature=with_input("s3", required=False), plain=True),
        "The signature lets rows without s3 pass, and the model stops at ValueError",
    ),
    ("models.11", lambda: mended(plain=True), "The model has no signature"),
    (
        "models.11",
        lambda: mended(signature=ModelSignature(true_signature().inputs, Schema([ColSpec("string")])), plain=True),
        "The signature declares the output as",
    ),
    (
        "models.11",
        lambda: mended(signature=ModelSignature(true_signature().inputs), plain=True),
        "The signature says nothing of the output",
    ),
    ("models.11", lambda: mended() | {"left": mended()["model_uri"]}, "The model is called 'mended'"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_an_honest_signature_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_another_one_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_the_signature_that_was_left_lies_about_two_inputs_and_the_output() -> None:
    left = drill.lying_model()
    said, true = Model.load(left.model_uri).signature, true_signature()
    assert {found.name for found, right in zip(said.inputs, true.inputs, strict=True) if found != right} == {
        *lies_of(left)
    }
    assert said.outputs != true.outputs
