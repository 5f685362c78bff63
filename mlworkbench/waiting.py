"""How long anything waits for anything else, one factor for all of it, and a line that says so where it takes long."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Iterator

from mlworkbench.errors import WorkbenchError

PATIENCE_VARIABLE = "MLWORKBENCH_PATIENCE"
"""Environment variable with a factor for every limit of time; docs/reruns.md lists them."""

LONGER = f"set {PATIENCE_VARIABLE}=3 to wait three times as long"
"""What a message offers to whoever has waited in vain."""

TOLD_AFTER = 10.0
"""After how many seconds of waiting the reader is told what for, times the factor."""


def patience(seconds: float) -> float:
    """How long to wait where a usual machine needs at most so many seconds.

    Raises
    ------
    WorkbenchError
        When the variable MLWORKBENCH_PATIENCE is not a number above 0: correct or unset it.
    """
    text = os.environ.get(PATIENCE_VARIABLE) or "1"
    with contextlib.suppress(ValueError):
        if 0 < (factor := float(text)) < math.inf:
            return seconds * factor
    raise WorkbenchError(
        f"{PATIENCE_VARIABLE} = {text!r}.", "a number above 0, such as 3 for a slow machine.", "Correct or unset it."
    )


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Say what a block waits for when it has taken ten seconds."""
    try:
        seconds = patience(TOLD_AFTER)
    except WorkbenchError:  # it is told by what waits, or by the doctor
        seconds = TOLD_AFTER
    timer = threading.Timer(seconds, say, [f"Waiting for {what} ..."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say(text: str) -> None:
    """Write a line where errors go, at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
