"""What a check says: passed, not yet, or not attempted, always in words."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

PASSED, NOT_YET, NOT_ATTEMPTED = "Passed", "Not yet", "Not attempted"
_SIGNS = {PASSED: "\N{HEAVY CHECK MARK}", NOT_YET: "\N{RIGHTWARDS ARROW}", NOT_ATTEMPTED: "\N{HORIZONTAL ELLIPSIS}"}


class NotYetError(Exception):
    """Raised inside a check: what was found, and one next step."""

    def __init__(self, found: str, do: str) -> None:
        super().__init__(f"{found} {do}")


class Hint(str):
    """A hint: a text that a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


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


class Task(NamedTuple):
    """A check, which returns what to say when it is passed and raises `NotYetError` otherwise, and its hints."""

    function: Callable[..., str]
    hints: tuple[str, ...]
