"""The help desk of lesson 6.1 in a file: a function that answers, and whose calls are traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow

from mlcourse.questions import helpdesk
from mlcourse.questions.model_server import complete

PROMPT = "Answer from the passage.\n\nQuestion: {question}\nLesson: {lesson}\nPassage: {passage}"


def desk(way: str = "words", prompt: str = PROMPT, address: str = "") -> Callable[[str], str]:
    """Make a help desk.

    Parameters
    ----------
    way : str
        How it finds passages: ``counts``, ``words`` or ``parts``, see `mlcourse.questions.helpdesk.WAYS`.
    prompt : str
        What is said to the model, with ``{question}``, ``{lesson}`` and ``{passage}``, or these in doubled braces.
    address : str
        Base address of an OpenAI-compatible model; the stand-in answers without one. It is not traced.

    Returns
    -------
    callable
        Takes a question, returns the answer; each call leaves a trace with the spans ``answer``, ``find``, ``model``.

    See Also
    --------
    https://mlflow.org/docs/latest/genai/tracing/
    """

    @mlflow.trace(span_type="RETRIEVER")  # type: ignore[untyped-decorator]
    def find(question: str) -> list[dict[str, Any]]:
        return helpdesk.find(question, way)

    @mlflow.trace(span_type="CHAIN")  # type: ignore[untyped-decorator]
    def answer(question: str) -> str:
        found = find(question)
        lesson, passage = (found[0]["metadata"]["doc_uri"], found[0]["page_content"]) if found else ("", "")
        filled = helpdesk.filled(prompt, question, lesson, passage)
        with mlflow.start_span("model", span_type="LLM") as span:
            span.set_inputs({"prompt": filled})
            said = complete(filled, address)
            span.set_outputs(said)
            span.set_attribute("stand_in", not address)
        return said

    made: Callable[[str], str] = answer
    return made
