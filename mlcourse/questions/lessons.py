"""Checks of the lessons of part 6, by the number of the lesson."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import shown
from mlcourse.questions import traces
from mlworkbench.tasks import NotYetError, Task

_OF_THE_LESSON = "talk 1"
_FEWEST = 2


def talked(session: Any) -> str:
    """Lesson 6.1: a session of at least two traced answers, each with a tag.

    Recomputed: the passages that were looked up, and what the stand-in says to each prompt.
    Cross-examined: states, tags and the session of the traces.
    """
    if session == _OF_THE_LESSON:
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


TASKS = {
    "6.1": Task(
        talked,
        (
            "The section 'Mark traces' has all of it, with another session.",
            "A function with @mlflow.trace that calls mlflow.update_current_trace(tags={'topic': …}, session_id='my "
            "talk') and then answer(question). Call it twice, with different questions.",
        ),
    ),
}
