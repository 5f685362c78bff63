"""How long anything waits for anything else: one factor for all of it, for machines that are slow."""

from __future__ import annotations

import contextlib
import math
import os

from mlworkbench.errors import WorkbenchError

PATIENCE_VARIABLE = "MLWORKBENCH_PATIENCE"
"""Environment variable with a factor for every limit of time; docs/reruns.md lists them."""


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
