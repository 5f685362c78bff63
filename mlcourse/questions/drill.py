"""What the assignment of part 6 begins with: a clean experiment, and a morning at the help desk that went wrong."""

from __future__ import annotations

import contextlib
from typing import Any

import mlflow

from mlcourse.questions import helpdesk
from mlcourse.questions.desk import PROMPT
from mlworkbench.errors import WorkbenchError

EXPERIMENT, MORNING = "exercises: questions", "bad morning"
_CALLS = (
    ("ada", "luck", "Could my accuracy be luck?"),
    ("grace", "drift", "When does retraining help?"),
    ("grace", "luck", "Is the best fold a fair score?"),
    ("ada", "drift", "How do I notice that the data have drifted?"),
    ("grace", "drift", "How do I see drift in a month?"),
)
_TOO_LONG = "How do I run a sweep on many machines?"


def fresh() -> None:
    """Delete the traces of the assignment, so that a notebook begins anew."""
    client = mlflow.MlflowClient()
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    old = mlflow.search_traces(locations=[number], include_spans=False, return_type="list", flush=True)
    for start in range(0, len(old), 100):
        ids = [trace.info.trace_id for trace in old[start : start + 100]]
        client.delete_traces(number, trace_ids=ids)


def fresh_prompt(prompt: str) -> None:
    """Delete a prompt with all of its versions, if it exists."""
    client = mlflow.MlflowClient()
    if client.get_prompt(prompt) is not None:
        for version in client.search_prompt_versions(prompt):
            client.delete_prompt_version(prompt, str(version.version))
        client.delete_prompt(prompt)


def bad_morning() -> None:
    """Leave the traces of six calls, of which the last one failed in its second step."""
    for user, topic, question in _CALLS:
        _call(question, user, topic)
    with contextlib.suppress(WorkbenchError):
        _call(_TOO_LONG, "ada", "scale", fails=True)
    mlflow.flush_trace_async_logging()


@mlflow.trace(name="answer", span_type="CHAIN")  # type: ignore[untyped-decorator]
def _call(question: str, user: str, topic: str, *, fails: bool = False) -> str:
    mlflow.update_current_trace(tags={"topic": topic}, user=user, session_id=MORNING)
    with mlflow.start_span("find", span_type="RETRIEVER") as span:
        span.set_inputs({"question": question})
        found: list[dict[str, Any]] = helpdesk.find(question)
        span.set_outputs(found)
    with mlflow.start_span("model", span_type="LLM") as span:
        best = found[0]
        prompt = helpdesk.filled(PROMPT, question, best["metadata"]["doc_uri"], best["page_content"])
        span.set_inputs({"prompt": prompt})
        if fails:
            raise WorkbenchError("the model server answered 503: busy.", "status 200.", "Ask again in a minute.")
        said = helpdesk.reply(prompt)
        span.set_outputs(said)
    return said
