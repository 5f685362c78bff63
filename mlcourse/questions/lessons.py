"""Checks of the lessons of part 6, by the number of the lesson."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import apart, same, shown, text
from mlcourse.logged_runs import metric, run_in
from mlcourse.questions import prompts, traces
from mlworkbench.tasks import NotYetError, Task

_OF_THE_LESSON, _PROMPT_OF_THE_LESSON = "talk 1", "help-desk-6-3"
_FEWEST, _FEWEST_ANSWERS = 2, 20
_NAMED = "names_right_lesson/mean"


def talked(session: Any) -> str:
    """Lesson 6.1: a session of at least two traced answers, each with a tag.

    Recomputed: the passages that were looked up, and what the stand-in says to each prompt.
    Cross-examined: states, tags and the session of the traces; the prompts against what was looked up.
    Not checked: what another model says than the stand-in.
    """
    if text(session, "The session") == _OF_THE_LESSON:
        raise NotYetError(f"{shown(session)} is the talk of the lesson.", "Hold one of your own, with another name.")
    found = traces.in_session("6.1 traces", session)
    questions = set()
    for trace in found:
        traces.state(trace)
        traces.tagged(trace, "topic")
        questions.add(traces.lessons_found(trace)[0])
        traces.said(trace)
    if len(questions) < _FEWEST:
        raise NotYetError(f"The session holds {len(questions)} question.", "Ask another one in the same session.")
    return f"{len(questions)} questions in one session, and each trace tells what was looked up and what was said."


def scored(run_id: Any) -> str:
    """Lesson 6.2: an evaluation with a scorer of one's own, which reads the lesson in the text of the answer.

    Recomputed: the passages of each trace, what the stand-in says, and the mean of the scorer.
    Cross-examined: experiment and run; the prompts against the passages; the expected lessons against the questions of
    the workbook; the mean against what the scorer has left at each trace.
    Not checked: what another model says than the stand-in.
    """
    run = run_in("6.2 evaluation of answers", run_id)
    mean, scorer = metric(run, _NAMED, 0, 1), _NAMED.removesuffix("/mean")
    named, marks = [], []
    for trace in traces.of_run(run, _FEWEST_ANSWERS):
        traces.state(trace)
        question, _ = traces.lessons_found(trace, "parts")
        named.append(prompts.names_lesson(traces.said(trace).lower(), traces.expected_lesson(trace, question)))
        marks.append((trace, scorer, named[-1]))
    again = sum(named) / len(named)
    if not same(mean, again):
        found, right = apart(mean, again)
        raise NotYetError(f"{_NAMED} is {found}; read again the answers give {right}.", "Look for the expected lesson.")
    for mark in marks:
        traces.scored(*mark)
    if not again:
        raise NotYetError("No answer names the lesson.", "Let the prompt say: name the lesson.")
    return f"{again:.2f} of {len(named)} answers name the right lesson, and your scorer counts them right."


def promoted(name: Any) -> str:
    """Lesson 6.3: a prompt of one's own, of which a better version was moved to production.

    Recomputed: what the stand-in answers to all questions with the version in production.
    Cross-examined: versions, alias and tags in the registry.
    Not checked: what the tag why says.
    """
    if text(name, "The name") == _PROMPT_OF_THE_LESSON:
        raise NotYetError(f"{name!r} is the prompt of the lesson.", "Register one of your own, with another name.")
    holder = prompts.holder(name)
    prompts.tagged(holder, "why")
    replaced = prompts.replaced(holder)
    scores = prompts.measured(holder.template)
    prompts.demanded(scores, holder)
    return (
        f"Version {holder.version} replaced version {replaced.version}: {scores.names_source:.0%} of its answers name "
        f"a lesson, and they have {scores.words:.0f} words."
    )


TASKS = {
    "6.1": Task(
        talked,
        (
            "The section 'Mark traces' has all of it, with another session.",
            "A function with @mlflow.trace that calls mlflow.update_current_trace(tags={'topic': …}, session_id='my "
            "talk') and then answer(question). Call it twice, with different questions.",
        ),
    ),
    "6.2": Task(
        scored,
        (
            "A scorer with the arguments outputs and expectations, and a prompt that says: name the lesson.",
            "return f\"Lesson {expectations['lesson']}:\" in outputs. Then, with mlflow.start_run(): "
            "mlflow.genai.evaluate(data=data, predict_fn=desk('parts', prompt=my_prompt), scorers=[…]).",
        ),
    ),
    "6.3": Task(
        promoted,
        (
            "The sections 'Register a prompt' and 'Promote through a gate' have all of it, with another name.",
            "mlflow.genai.register_prompt twice, set_prompt_alias(name, 'production', 1), then the tags with "
            "set_prompt_version_tag(name, 2, 'replaces', '1') and 'why', and the alias to 2.",
        ),
    ),
}
