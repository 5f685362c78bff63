"""Choose the signature with which the stored model still answers to its own example as the model itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench.errors import told
from mlworkbench.models import refusals
from mlworkbench.models.answers import Answer
from mlworkbench.models.wire import why_not_served

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

    from mlworkbench.models.job import Job

_NAMED = 5  # columns that a note names


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
        signature.to_dict()  # raises for a name that cannot be written, such as a number of numpy
    except Exception:
        signature.outputs = Schema([ColSpec(AnyType())])
    return signature


def notes_on(job: Job, stored: PyFuncModel | None, signature: ModelSignature | None, why_none: str) -> list[str]:
    """What the reader should know: why there is no signature, what it will refuse, and who cannot ask the model."""
    if stored is None:
        return [
            f"The {type(job.model).__name__} has no predict: mlflow.{job.flavor}.load_model reads it; pyfunc, serve "
            "and score cannot ask it. If they should, log a function that calls the method you need."
        ]
    stored.metadata.signature = signature
    told_nothing = job.example is None or job.options.get("signature") is False
    unserved = "" if told_nothing else why_not_served(stored, job.example, job.params)
    notes = _notes_on_types(signature, why_none)
    if unserved and not _varies(job, stored, signature):
        notes.append(
            f"A server will not answer to this example as the model does ({unserved}): rows and answers travel as JSON "
            "there, which knows numbers, texts, lists and dicts. Give and return those, or ask the model with score."
        )
    return notes


def _notes_on_types(signature: ModelSignature | None, why_none: str) -> list[str]:
    if why_none:
        return [
            f"The model is stored without a signature: with the inferred one it refuses its own example ({why_none}). "
            "To have one, give columns of numbers, texts or dates without a time zone, and whole numbers with gaps as "
            "floats, as in example.astype({'column': float}); signature=False chooses none."
        ]
    if signature is None or signature.inputs is None or signature.inputs.is_tensor_spec():
        return []
    types = {column.name: str(column.type) for column in signature.inputs if column.name is not None}
    whole = [str(name) for name, kind in types.items() if kind in ("DataType.integer", "DataType.long")]
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
