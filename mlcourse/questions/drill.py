"""What the assignment of part 6 begins with: a clean experiment, a morning that went wrong, and careless gates."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import mlflow

from mlcourse.questions import helpdesk, prompts
from mlcourse.questions.desk import PROMPT
from mlcourse.questions.passages import QUESTIONS
from mlworkbench.errors import WorkbenchError

if TYPE_CHECKING:
    from mlflow.entities import Run

EXPERIMENT, MORNING = "exercises: questions", "bad morning"
_CALLS = (
    ("ada", "luck", "Could my accuracy be luck?"),
    ("grace", "drift", "When does retraining help?"),
    ("grace", "luck", "Is the best fold a fair score?"),
    ("ada", "drift", "How do I notice that the data have drifted?"),
    ("grace", "drift", "How do I see drift in a month?"),
)
NIGHT, NIGHT_DESK, TABLE = "night", "exercise-night-desk", "answers.json"
_LINES = "Question: {{question}}\nLesson: {{lesson}}\nPassage: {{passage}}"
_ORDERS = "Answer in one sentence and name the lesson."
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


def careless_gates() -> Run:
    """Register a prompt with five versions, of which each has passed a gate, some of them on few questions.

    Returns
    -------
    Run
        The night, with a run of a gate below it for each version. Which version was asked what is another matter of
        luck each time; the last one is in production.
    """
    fresh_prompt(NIGHT_DESK)
    right = [question for question in QUESTIONS if prompts.finds(question, "words")]
    first, last = random.sample(sorted({QUESTIONS[question] for question in right}), 2)
    few = random.sample(right, 6)
    asked: list[tuple[str, Collection[str]]] = [
        (f"{_ORDERS}\n\n{_LINES}", QUESTIONS),
        (f"Name the lesson, and answer in one sentence.\n\n{_LINES}", few),
        (f"Answer, and name the lesson.\n\n{_LINES}", QUESTIONS),
        _of_one_lesson(first),
    ]
    random.shuffle(asked)
    with mlflow.start_run(run_name=NIGHT) as night:
        for number, (template, questions) in enumerate([*asked, _of_one_lesson(last)], start=1):
            mlflow.genai.register_prompt(name=NIGHT_DESK, template=template)
            run_id = _gate(number, template, questions)
            mlflow.genai.set_prompt_version_tag(NIGHT_DESK, number, "gate", run_id)
    mlflow.genai.set_prompt_alias(NIGHT_DESK, "production", number)
    return night


def _of_one_lesson(lesson: str) -> tuple[str, Collection[str]]:
    """A prompt that names this lesson whatever is asked, and the questions about it."""
    return (
        f"{_ORDERS}\n\n{_LINES.replace('{{lesson}}', lesson)}",
        [question for question in QUESTIONS if QUESTIONS[question] == lesson],
    )


def _gate(number: int, template: str, questions: Collection[str]) -> str:
    """Log what a version answers to these questions, and how good that is."""
    answers = {question: prompts.answer(template, question) for question in questions}
    right = [prompts.names_lesson(answer, QUESTIONS[question]) for question, answer in answers.items()]
    with mlflow.start_run(run_name=f"gate of version {number}", nested=True) as run:
        mlflow.log_param("version", number)
        mlflow.log_metrics({"right_lesson": sum(right) / len(right), "words": prompts.words(answers.values())})
        mlflow.log_table({"question": list(answers), "answer": list(answers.values())}, TABLE)
    return str(run.info.run_id)
