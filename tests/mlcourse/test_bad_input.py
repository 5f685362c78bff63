"""Every check meets answers of any kind with a sentence, also where the store is empty or has gone away."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlcourse.tasks import TASKS

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
    "a generator": (number for number in range(3)),
    "a set": {1, 2},
    "an object": object(),
    "a function": lambda: 1,
    "halves of pairs in a list": ["\ud800"],
    "huge numbers in a list": [10**400],
    "a complex number": 1j,
    "no time": pd.NaT,
    "not available": pd.NA,
    "dots": ...,
    "a path to nowhere": Path("/nowhere"),
    "a table with nothing in it": pd.DataFrame(),
    "a table with a column twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "an array with two dimensions": np.zeros((3, 2)),
    "objects in an array": np.array([object()], dtype=object),
    "NaN in a dictionary": {float("nan"): None},
}


def bad_runs() -> dict[str, Any]:
    """Runs of an experiment in which no lesson has logged: deleted, unfinished, and finished without a word."""
    client = mlflow.MlflowClient()
    ids = [client.create_run("0").info.run_id for _ in range(3)]
    client.delete_run(ids[0])
    client.set_terminated(ids[2])
    done = client.get_run(ids[2])
    return {
        "a deleted run": ids[0],
        "an unfinished run": ids[1],
        "a run that holds nothing": done,
        "a list of runs": [done],
        "a table of runs": pd.DataFrame({"run_id": ids}),
    }


def sentence(task: str, answers: dict[str, Any]) -> None:
    """A check does not pass, and says so in words that a page can show."""
    feedback = wb.check(task, **answers)
    assert feedback.status != "Passed"
    assert "Traceback" not in feedback.message
    assert len(feedback.message) < 1000
    assert "<script" not in feedback._repr_html_()
    assert "The check stopped" not in feedback.message, "every check foresees it; `wb.check` would catch it"


@pytest.mark.parametrize("task", TASKS)
def test_answers_of_every_kind_get_a_sentence(task: str, home: Path) -> None:
    wb.start("nothing here")
    names = list(inspect.signature(TASKS[task].function).parameters)
    for value in [*BAD.values(), *bad_runs().values()]:
        sentence(task, dict.fromkeys(names, value))
        if "symbol" in names:
            sentence(task, dict.fromkeys(names, value) | {"symbol": "nasdaq"})


@pytest.mark.parametrize("task", TASKS)
def test_a_store_that_went_away_gets_a_sentence(task: str, home: Path) -> None:
    wb.start("nothing here")
    names = list(inspect.signature(TASKS[task].function).parameters)
    (home / "mlflow.db").unlink()
    for value in ("models:/m-1", "runs:/1/x", "exercise-cells", "1"):
        sentence(task, dict.fromkeys(names, value))
        if "symbol" in names:
            sentence(task, dict.fromkeys(names, value) | {"symbol": "nasdaq"})
