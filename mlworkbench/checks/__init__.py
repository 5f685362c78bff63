"""Exercise checks: look at what the learner did in the tracking store, and answer in words."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from mlworkbench.checks import (
    market,
    market_assignment,
    market_pilot,
    models,
    models_assignment,
    progress,
    projects,
    projects_assignment,
    registry,
    registry_assignment,
    tracking,
    tracking_assignment,
)
from mlworkbench.checks.feedback import NOT_ATTEMPTED, NOT_YET, PASSED, Feedback, Hint, NotYetError
from mlworkbench.errors import unknown_name

__all__ = ["TASKS", "Feedback", "check", "hint"]

MOST_CHARACTERS = 200  # of an unexpected error
_PARTS = (
    *(tracking, tracking_assignment, models, models_assignment),
    *(registry, registry_assignment, projects, projects_assignment),
    *(market, market_pilot, market_assignment),
)
TASKS = {name: task for part in _PARTS for name, task in part.TASKS.items()}


def check(task: str, **answers: Any) -> Feedback:
    """Tell whether a task is done, and if not, the next step. Never raises.

    Parameters
    ----------
    task : str
        Name of the task, as the notebook gives it.
    **answers
        What the task asks for. An answer left as ``...`` counts as not attempted.

    Returns
    -------
    Feedback
        Truthy only when the task is passed; shows itself in a notebook.
    """
    feedback = _feedback(task, answers)
    if isinstance(task, str) and task in TASKS:
        progress.record(feedback)
    return feedback


def _feedback(task: str, answers: dict[str, Any]) -> Feedback:
    if problem := _misuse(task, answers):
        return Feedback(str(task), NOT_YET, problem)
    open_answers = [name for name, value in answers.items() if value is ...]
    if open_answers:
        return Feedback(
            task, NOT_ATTEMPTED, f"Replace the dots in {', '.join(open_answers)}, then run this cell again."
        )
    try:
        return Feedback(task, PASSED, TASKS[task].function(**answers))
    except NotYetError as reason:
        return Feedback(task, NOT_YET, str(reason))
    except Exception as error:  # a check must never end a learner's notebook
        told = f"{type(error).__name__}: {_first_line(error)}".rstrip(" :.")
        return Feedback(task, NOT_YET, f"The check stopped at {told}. Look at your answers.")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return textwrap.shorten(lines[0], MOST_CHARACTERS, placeholder=" …")


def hint(task: str, number: int = 1) -> Hint:
    """The hint of that number for a task; hints get plainer as the number grows.

    Raises
    ------
    WorkbenchError
        For a task that does not exist.
    """
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)
    hints = TASKS[task].hints
    if not 1 <= number <= len(hints):
        return Hint(f"Task {task} has the hints 1 to {len(hints)}.")
    more = f" (hint({task!r}, {number + 1}) tells more)" if number < len(hints) else ""
    return Hint(f"Hint {number} of {len(hints)}: {hints[number - 1]}{more}")


def _misuse(task: str, answers: dict[str, Any]) -> str | None:
    if not isinstance(task, str) or task not in TASKS:
        return str(unknown_name("task", str(task), TASKS)).replace("\n", " ")
    wanted = list(inspect.signature(TASKS[task].function).parameters)
    if sorted(wanted) == sorted(answers):
        return None
    return f"This check got {', '.join(answers) or 'nothing'}. It takes {', '.join(wanted) or 'nothing'}."
