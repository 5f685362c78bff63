"""Every check meets answers of any kind with a sentence, also where the store is empty or has gone away."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse.tasks import TASKS

IN_WORDS = [
    task for task in TASKS if task.startswith(("2.", "3.", "models.", "registry.")) and task not in ("2.6", "3.4")
]
"""The tasks whose checks foresee all of this themselves; the others' are caught by `wb.check`."""

BAD: dict[str, Any] = {
    "nothing": None,
    "a truth value": True,
    "a number": 7,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a huge number": 10**400,
    "a huge text": "9" * 5000,
    "an empty text": "",
    "half a pair": "models:/\ud800",
    "NUL": "runs:/\0/x",
    "HTML": "<script>alert(1)</script>",
    "bytes": b"models:/x",
    "an empty list": [],
    "lists in lists": [[1, 2], [3]],
    "a dictionary": {"model_uri": 1},
    "an array": np.array(3),
    "a table without rows": pd.DataFrame({"prediction": [], "model_version": [], "run_id": []}),
    "a series of texts": pd.Series(["x", None]),
    "an address elsewhere": "file:///nowhere",
    "a class": dict,
}


def sentence(task: str, answers: dict[str, Any]) -> None:
    """A check does not pass, and says so in words that a page can show."""
    feedback = wb.check(task, **answers)
    assert feedback.status != "Passed"
    assert "Traceback" not in feedback.message
    assert len(feedback.message) < 1000
    assert "<script" not in feedback._repr_html_()
    if task in IN_WORDS:
        assert "The check stopped" not in feedback.message


@pytest.mark.parametrize("task", TASKS)
def test_answers_of_every_kind_get_a_sentence(task: str, home: Path) -> None:
    wb.start("nothing here")
    names = list(inspect.signature(TASKS[task].function).parameters)
    for value in BAD.values():
        sentence(task, dict.fromkeys(names, value))


@pytest.mark.parametrize("task", IN_WORDS)
def test_a_store_that_went_away_gets_a_sentence(task: str, home: Path) -> None:
    wb.start("nothing here")
    names = list(inspect.signature(TASKS[task].function).parameters)
    (home / "mlflow.db").unlink()
    for value in ("models:/m-1", "runs:/1/x", "exercise-cells", "1"):
        sentence(task, dict.fromkeys(names, value))
