"""What every refusal of a check has to be, in all tests of checks."""

from __future__ import annotations

from typing import Any

import mlworkbench as wb


def refused(task: str, says: str, **answers: Any) -> None:
    """The check of a task says these words, in a short message, and nothing of its own inside."""
    feedback = wb.check(task, **answers)
    assert feedback.status == "Not yet"
    assert says in feedback.message, feedback.message
    assert "Traceback" not in feedback.message
    assert "The check stopped" not in feedback.message
    assert len(feedback.message) < 600
