"""What checks say about the answers that a learner hands over: of what type they are, never a long value."""

from __future__ import annotations

import math
import numbers
import os
import reprlib
from pathlib import Path
from typing import Any, NamedTuple

from mlworkbench.tasks import NotYetError

ROUNDING = 0.0006  # a number that was rounded to three digits still counts as the same
_OTHER_MACHINE = 1e-6
_MAX_SHOWN = 60
_MAX_DIGITS = 9


class Asked(NamedTuple):
    """An object that is no data, in what it said: which of the tables that it was shown it takes."""

    kind: str
    takes: dict[str, bool]


def shown(text: Any) -> str:
    """A text in quotes, shortened when it is long."""
    short = reprlib.Repr()
    short.maxstring = _MAX_SHOWN
    return short.repr(str(text))


def same(first: float, second: float) -> bool:
    """Two numbers are equal, or one of them is rounded to three digits."""
    return math.isclose(first, second, abs_tol=ROUNDING)


def same_digits(found: float, expected: float) -> bool:
    """A number is the expected one in all the digits that it has, of which it needs three."""
    digits = len(repr(float(found)).partition(".")[2])
    return abs(found - expected) <= min(ROUNDING, 0.51 * 10.0**-digits + _OTHER_MACHINE)


def apart(first: float, second: float) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to tell them apart, at least three."""
    for digits in range(3, _MAX_DIGITS):
        texts = f"{first:.{digits}f}", f"{second:.{digits}f}"
        if texts[0] != texts[1]:
            break
    return texts


def run_id_of(answer: Any, what: str) -> str:
    """The id in an answer that is an id or a Run."""
    run_id = getattr(getattr(answer, "info", None), "run_id", answer)
    if isinstance(run_id, str):
        return run_id
    kind = type(run_id).__name__
    if kind in ("DataFrame", "Series"):
        raise NotYetError(f"{what} is of type {kind}.", "`table.run_id[0]` holds the id of the first row of a table.")
    raise NotYetError(f"{what} is of type {kind}.", "Give the text in `run.info.run_id`.")


def sequence(answer: Any, what: str) -> list[Any]:
    """A list of values that the learner computed: a list, an array or a column."""
    shape: tuple[int, ...] = getattr(answer, "shape", (1,))
    if isinstance(answer, str | bytes | type) or not hasattr(answer, "__len__") or not shape:
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give a list, an array or a column.")
    if len(shape) > 1 and shape[1] != 1:
        raise NotYetError(f"{what} has {shape[1]} column(s).", "Give one plain column: use predict, not predict_proba.")
    found = list(getattr(answer, "to_numpy", lambda: answer)().ravel() if len(shape) > 1 else answer)
    if nested := [value for value in found if hasattr(value, "__len__") and not isinstance(value, str)]:
        raise NotYetError(f"{what} holds something of type {type(nested[0]).__name__}.", "Give one value a row.")
    return found


def rows(answer: Any, what: str) -> int:
    """Number of rows of a table."""
    if isinstance(answer, str | type) or not hasattr(answer, "__len__") or getattr(answer, "shape", None) == ():
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the table.")
    return len(answer)


def text(answer: Any, what: str) -> str:
    """A text that the learner read or wrote."""
    if not isinstance(answer, str):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the text.")
    return answer


def place(answer: Any, what: str, do: str) -> Path:
    """A file or folder that the learner names; whether something lies there is another question."""
    if not isinstance(answer, str | os.PathLike):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", do)
    try:
        found = Path(answer)
        found.resolve().exists()
    except (OSError, ValueError) as error:  # too long, or with letters that no file has
        raise NotYetError(f"{shown(answer)} is no folder or file.", do) from error
    return found


def number(answer: Any, what: str, do: str = "Give one number.") -> float:
    """A number that the learner computed."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        do = "Write it without quotes." if isinstance(answer, str) else do
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", do)
    try:
        found = float(answer)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise NotYetError(f"{what} is {found}.", "Give one finite number.")
    return found
