"""What a check of `doctor` gives: a state, what was found, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlworkbench.errors import without_password

State = Literal["ok", "hint", "problem"]
Found = tuple[State, str, str]
"""State, what was found, what to do."""


@dataclass(frozen=True)
class Finding:
    """One line of the table: what was looked at, how it is, what was found, and what to do."""

    what: str
    state: State
    found: str
    do: str = ""

    def __post_init__(self) -> None:
        for name in ("found", "do"):  # what is shown to others who help may hold an address with a password
            object.__setattr__(self, name, without_password(getattr(self, name)))


def some(names: list[str]) -> str:
    """The first three of a list, and how many more there are."""
    more = len(names[3:])
    return "; ".join(names[:3]) + (f"; and {more} more" if more else "")
