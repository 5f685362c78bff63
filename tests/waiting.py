"""Wait for a condition, and whether a process lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 600.0
"""Seconds after which something that a quiet machine does at once is believed never to come."""


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition; the line that calls says for which."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for what the calling line names"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process exists and is not just waiting to be collected."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
