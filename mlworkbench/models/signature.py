"""Choose the signature with which the stored model still answers to its own example as the model itself does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import told
from mlworkbench.models import refusals

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

    from mlworkbench.models.job import Job

_NAMED = 5  # columns that a note names


class Answer:
    """What a model says to the example of a job: ``value``, or the ``error`` that it raised."""

    def __init__(self, job: Job, ask: Callable[..., Any]) -> None:
        self.value: Any = None
        self.error: Any = None
        try:
            self.value = ask(copy.deepcopy(job.example), **job.params)
        except Exception as error:
            self.error = error

    def is_like(self, other: Any) -> bool:
        """Whether both answered, and the same."""
        return not (self.error or other.error) and _same(self.value, other.value)


def choose(job: Job, own: Answer | None, stored: PyFuncModel | None) -> tuple[ModelSignature | None, str]:
    """The signature of a stored model, and why there is none (nothing when there is one).

    ``own`` is what the model in memory says, if it can be asked; ``stored`` comes with the signature that was given or
    that its type hints tell, if any. A model that does not answer, or not as the one in memory, is refused.
    """
    if stored is None:
        return _of_memory(job, own)
    if stored.metadata.signature:  # it holds, whatever the example says
        answer = _asked(job, stored, stored.metadata.signature)
        if answer.error:
            raise refusals.no_answer(job, answer.error)
        return stored.metadata.signature, ""
    params = _inferred(None, job.params)
    answered = own if own and not own.error else None
    plain = None if answered else _asked(job, stored, params)
    why = ""
    if job.options.get("signature") is not False:
        try:
            answer = _asked(job, stored, signature := _inferred(job.example, job.params))
            if not answer.error and (answer.is_like(answered or plain) or _varies(job, stored, params)):
                return _with_outputs(signature, answer), ""
            why = refusals.heart(answer.error) if answer.error else "it would answer something else"
        except Exception as error:
            why = told(error)
    plain = plain or _asked(job, stored, params)
    if plain.error:
        raise refusals.no_answer(job, (own and own.error) or plain.error)
    if answered and not plain.is_like(answered) and not _varies(job, stored, params):
        raise refusals.answers_change(job)
    return params, why


def _varies(job: Job, stored: PyFuncModel, params: ModelSignature | None) -> bool:
    """Whether two answers without a signature differ, as those of a model that draws numbers do."""
    return not _asked(job, stored, params).is_like(_asked(job, stored, params))


def _of_memory(job: Job, own: Answer | None) -> tuple[ModelSignature | None, str]:
    """The signature of a transformer, which MLflow stores and pyfunc cannot ask."""
    if own and own.error:
        raise refusals.no_answer(job, own.error)
    given = job.options.get("signature")
    if given is not None or not own:
        return given or None, ""
    try:
        return _with_outputs(_inferred(job.example, job.params), own), ""
    except Exception as error:
        return None, told(error)


def _with_outputs(signature: ModelSignature, answer: Answer) -> ModelSignature:
    """Add the outputs as MLflow infers them: a one-dimensional answer to a table is a value a row, not a tensor."""
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    said = answer.value
    if isinstance(said, np.ndarray) and said.ndim == 1 and not signature.inputs.is_tensor_spec():
        said = pd.Series(said)
    try:
        signature.outputs = infer_signature(None, said).outputs if said is not None else None
    except Exception:
        signature.outputs = Schema([ColSpec(AnyType())])
    return signature


def notes_on(signature: ModelSignature | None, why_none: str) -> list[str]:
    """What the reader should know: why there is no signature, or what the one that there is will refuse."""
    if why_none:
        return [
            f"The model is stored without a signature: with the inferred one it refuses its own example ({why_none}). "
            "To have one, give columns of numbers, texts or dates without a time zone, and whole numbers with gaps as "
            "floats, as in example.astype({'column': float}); signature=False chooses none."
        ]
    if signature is None or signature.inputs is None or signature.inputs.is_tensor_spec():
        return []
    whole = [
        str(column.name) for column in signature.inputs if str(column.type) in ("DataType.integer", "DataType.long")
    ]
    if not whole:
        return []
    named = ", ".join(whole[:_NAMED]) + (", …" if len(whole) > _NAMED else "")
    return [
        f"The signature says whole numbers for {named}: rows with a gap or a fraction there will be refused. If such "
        "rows can come, log the model with example.astype({'column': float})."
    ]


def _asked(job: Job, stored: PyFuncModel, signature: ModelSignature | None) -> Answer:
    stored.metadata.signature = signature
    return Answer(job, lambda example, **params: stored.predict(example, params=params or None))


def _inferred(rows: Any, params: dict[str, Any]) -> Any:
    """A signature as it comes back from its file, where names of columns that are pairs have become lists."""
    from mlflow.models import ModelSignature, infer_signature

    if rows is None and not params:
        return None
    return ModelSignature.from_dict(infer_signature(rows, params=params or None).to_dict())


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are equal, in whatever form; gaps are equal to gaps, and rounding is forgiven."""
    import numpy as np
    import pandas as pd

    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    left, right = _flat(one), _flat(other)
    if len(left) != len(right):
        return False
    try:
        if not any(isinstance(value, str) for value in (*left, *right)):
            return bool(np.allclose(left.astype(float), right.astype(float), rtol=1e-5, equal_nan=True))
    except (TypeError, ValueError):
        pass
    return bool(pd.Series(left, dtype=object).equals(pd.Series(right, dtype=object)))


def _flat(answer: Any) -> Any:
    import numpy as np

    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer, dtype=object).ravel()
