"""Tasks of a course: what a check says of the learner's answers, hints, and the last outcome of each task.

The tasks themselves come from the packages that name some in the entry-point group ``mlworkbench.tasks``.
"""

from __future__ import annotations

import functools
import html
import inspect
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from mlworkbench.errors import StoreError, WorkbenchError, told, unknown_name
from mlworkbench.workbook import make_private, workbook_home, write_private

PASSED, NOT_YET, NOT_ATTEMPTED = "Passed", "Not yet", "Not attempted"
_SIGNS = {PASSED: "\N{HEAVY CHECK MARK}", NOT_YET: "\N{RIGHTWARDS ARROW}", NOT_ATTEMPTED: "\N{HORIZONTAL ELLIPSIS}"}
_MOST_CHARACTERS = 200  # of an unexpected error
_PATIENCE = 5  # seconds that another check may keep the file


class NotYetError(Exception):
    """Raised inside a check: what was found, and one next step."""

    def __init__(self, found: str, do: str) -> None:
        super().__init__(f"{found} {do}")


class Hint(str):
    """A hint: a text that a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Task(NamedTuple):
    """A check, which returns what to say when it is passed and raises `NotYetError` otherwise; help on its task.

    ``solution`` returns code, and why it is written like this. A task of an assignment has none.
    """

    function: Callable[..., str]
    hints: tuple[str, ...]
    solution: Callable[[], tuple[str, str]] | None = None


@dataclass(frozen=True)
class Feedback:
    """The answer of a check. Truthy only when the task is passed.

    Attributes
    ----------
    task : str
        Name of the task.
    status : str
        ``Passed``, ``Not yet`` or ``Not attempted``.
    message : str
        What was found and one next step.
    """

    task: str
    status: str
    message: str

    def __bool__(self) -> bool:
        return self.status == PASSED

    def __repr__(self) -> str:
        return f"{_SIGNS[self.status]} {self.status} (task {self.task}): {self.message}"

    def _repr_html_(self) -> str:
        color = "var(--jp-success-color1)" if self else "var(--jp-warn-color1)"
        return (
            f"<div role='status' style='border-left:4px solid {color}; padding:0.4em 0.8em'>"
            f"<strong>{_SIGNS[self.status]} {self.status}</strong> (task {html.escape(self.task)})<br>"
            f"{html.escape(self.message)}</div>"
        )


@functools.cache
def known_tasks() -> dict[str, Task]:
    """Every task of the installed courses by its name, in their order."""
    return {name: task for found in entry_points(group="mlworkbench.tasks") for name, task in found.load().items()}


def check(task: str, **answers: Any) -> Feedback:
    """Tell whether a task is done, and if not, the next step. Raises nothing but the KeyboardInterrupt of who stops it.

    Parameters
    ----------
    task : str
        Name of the task, as the notebook gives it; the number of a lesson counts as its name.
    **answers
        What the task asks for. An answer left as ``...`` counts as not attempted.

    Returns
    -------
    Feedback
        Truthy only when the task is passed; shows itself in a notebook.

    Examples
    --------
    >>> wb.check("0", run_id=...).status
    'Not attempted'
    """
    name = "?"
    try:
        name = _name(task)
        status, message = _outcome(name, answers)
    except KeyboardInterrupt:  # the reader wants the cell to end, and the cells behind it not to run
        raise
    except WorkbenchError as error:
        status, message = NOT_YET, " ".join(str(error).split())
    except BaseException as error:  # whatever an answer does or raises, SystemExit too, must not end a notebook
        status, message = NOT_YET, f"The check stopped at {_told(error)}. Look at your answers."
    return Feedback(name, status, _writable(f"{message} {_keep(name, status)}".strip()))


def _outcome(name: str, answers: dict[str, Any]) -> tuple[str, str]:
    if name not in known_tasks():
        raise unknown_name("task", name, known_tasks())
    function = known_tasks()[name].function
    wanted = list(inspect.signature(function).parameters)
    if sorted(wanted) != sorted(answers):
        got, takes = (", ".join(names) or "nothing" for names in (answers, wanted))
        return NOT_ATTEMPTED, f"This check got {got}. It takes {takes}."
    if open_answers := [answer for answer, value in answers.items() if value is ...]:
        return NOT_ATTEMPTED, f"Replace the dots in {', '.join(open_answers)}, then run this cell again."
    try:
        return PASSED, function(**answers)
    except NotYetError as reason:
        return NOT_YET, str(reason)


def find_task(task: object) -> tuple[str, Task]:
    """Name and parts of a task; a WorkbenchError offers the nearest name for one that does not exist."""
    name = _name(task)
    if name not in known_tasks():
        raise unknown_name("task", name, known_tasks())
    return name, known_tasks()[name]


def _name(task: object) -> str:
    """A task's name; lessons have numbers, which readers write without quotes."""
    return _writable(str(task))


def _told(error: BaseException) -> str:
    """Kind and first line of an unexpected error, whose text may itself be one."""
    try:
        first = (str(error).strip().splitlines() or [""])[0]
    except BaseException:
        first = ""
    return f"{type(error).__name__}: {textwrap.shorten(first, _MOST_CHARACTERS, placeholder=' …')}".rstrip(" :.")


def _writable(text: str) -> str:
    """A text without what no notebook file can hold."""
    return text.encode(errors="backslashreplace").decode()


def hint(task: str, number: int = 1) -> Hint:
    """The hint of that number for a task; hints get plainer as the number grows.

    Raises
    ------
    WorkbenchError
        For a task that does not exist.

    Examples
    --------
    >>> wb.hint("1.1")
    Hint 1 of ...
    """
    name, found = find_task(task)
    hints = found.hints
    if number not in range(1, len(hints) + 1):
        return Hint(f"Task {name} has the hints 1 to {len(hints)}.")
    more = f" (hint({name!r}, {number + 1}) tells more)" if number < len(hints) else ""
    return Hint(f"Hint {number} of {len(hints)}: {hints[number - 1]}{more}")


def outcomes() -> dict[str, str]:
    """Status by task; one that was passed stays passed, with its last try beside it. Empty before the first check."""
    file = _progress_file()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    except OSError as error:
        raise WorkbenchError(
            f"{file} cannot be read ({told(error)}).",
            "a file that this user can read.",
            "Make it readable, or move it away: the next check makes a new one.",
        ) from error
    known = found.items() if isinstance(found, dict) else ()
    return {name: status for name, status in known if isinstance(status, str)}


def tried(task: str) -> bool:
    """Whether a check of the task was run with something in place of the dots, now or earlier."""
    return outcomes().get(task, NOT_ATTEMPTED) != NOT_ATTEMPTED


def forget(prefix: str) -> None:
    """Forget the outcomes of the tasks whose names begin like this."""
    _write(lambda known: {name: status for name, status in known.items() if not name.startswith(prefix)})


def _keep(name: str, status: str) -> str:
    """Keep the outcome of a check; a sentence where that cannot be, and none where there is nothing to keep it in."""
    try:
        if name in known_tasks():
            _write(lambda known: {**known, name: _beside(known.get(name, ""), status)})
    except StoreError:  # outside of a workbook
        return ""
    except Exception as error:
        why = error.found if isinstance(error, WorkbenchError) else f"{told(error)}."
        return f"This outcome is not kept for `mlworkbench progress`: {why}"
    return ""


def _beside(before: str, now: str) -> str:
    if before and now == NOT_ATTEMPTED:  # the dots of a lesson that is run again take no try back
        return before
    return f"{PASSED} (last try: {now})" if before.startswith(PASSED) and now != PASSED else now


def _write(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    from filelock import FileLock

    path = _progress_file()
    make_private(path.parent)
    with FileLock(f"{path}.lock", timeout=_PATIENCE, mode=0o600):
        write_private(path, json.dumps(change(outcomes()), indent=1))


def _progress_file() -> Path:
    return workbook_home() / "progress.json"
