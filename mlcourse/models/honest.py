"""The check of task 11 of part 2: a model whose signature lied has an honest one."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import sequence, shown
from mlcourse.course_data import diabetes
from mlcourse.models import drill, logged_models
from mlcourse.models.first_model import own
from mlcourse.models.logged_models import Stored
from mlworkbench.tasks import NotYetError

SLACK = 0.05  # points of 25 to 346 by which solvers may differ


def honest(left: Any, lies: Any, model_uri: Any) -> str:
    """Task 11: the inputs about which a signature lies are named, and the same model has an honest signature.

    Recomputed: about which inputs the signature of the model lied; the model is asked about the test rows, without each
    column, and with a text; it is trained again, and its predictions are compared.
    Cross-examined: the type of the output in the signature.
    """
    found = own(left, "left", name=drill.LEFT)
    lied = drill.lies_of(found.record.model_id)
    _named(lies, set(lied))
    stored, data = own(model_uri), diabetes()
    logged_models.input_types(stored)
    answers = logged_models.numbers(stored.answer(data.X_test), "The predictions")
    expected = drill.fitted().predict(data.X_test)
    if len(answers) != len(expected) or (apart := float(abs(answers - expected).max())) > SLACK:
        told = f"{len(answers)} predictions" if len(answers) != len(expected) else f"predictions up to {apart:.3g} away"
        raise NotYetError(
            f"The model gives {told} for {len(expected)} rows of the one that was left behind.",
            "Load that one with mlflow.sklearn.load_model, and store it as it is.",
        )
    for column in data.X_test:
        logged_models.refuses(stored, data.X_test.drop(columns=column), f"rows without {column}")
    logged_models.refuses(stored, data.X_test.assign(bmi="high"), "a text as bmi")
    _output(stored)
    return f"The signature lied about {' and '.join(lied)}; the one of your model does not."


def _named(lies: Any, wanted: set[str]) -> None:
    named = {str(name) for name in sequence(lies, "lies")}
    if strange := sorted(named - set(diabetes().X_train)):
        raise NotYetError(f"There is no input {shown(strange[0])}.", "Give names of inputs.")
    if innocent := sorted(named - wanted):
        raise NotYetError(
            f"What the signature says of {innocent[0]} is true.", "Compare it with one that is inferred from X_train."
        )
    if len(named) < len(wanted):
        raise NotYetError(
            f"You name {len(named)} of {len(wanted)} inputs.",
            "An input has a type, and it may be required or optional.",
        )


def _output(stored: Stored) -> None:
    import numpy as np

    outputs = stored.file.signature.outputs if stored.file.signature else None
    if outputs is None:
        raise NotYetError("The signature says nothing of the output.", "Infer it from the predictions as well.")
    for kind in outputs.numpy_types():
        if not np.issubdtype(kind, np.floating):
            raise NotYetError(f"The signature declares the output as {kind!s}.", "A prediction is a float.")
