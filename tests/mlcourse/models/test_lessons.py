"""The checks of the lessons of part 2: right answers pass, typical and made-up ones are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlworkbench.serving.latency import Latency
from tests.mlcourse.models.lesson_answers import (
    FOREST,
    GAP,
    RATE,
    RIDES,
    ROWS,
    TEST,
    TIMES,
    TREE,
    X_TEST,
    Y_TEST,
    Careless,
    Rides,
    X,
    Y,
    all_wines,
    bare,
    by_hand,
    by_mlflow,
    decided,
    doubtful,
    gated,
    instead,
    onnx,
    rides,
    served,
    stored,
    tree,
)
from tests.refusals import refused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("session")]


def changed(passed: bool = True, rows: int = 2, **columns: list) -> dict:
    """A verdict that was changed after the gate had given it."""
    table = decided().table.assign(**columns).tail(rows)
    return {"verdict": replace(decided(), table=table, passed=passed), "test": TEST}


def of_no_gate() -> dict:
    with mlflow.start_run() as run:
        pass
    return {"verdict": replace(decided(), run_id=run.info.run_id), "test": TEST}


def of_the_other_gate() -> dict:
    """What one gate said, under the run of another."""
    return {"verdict": replace(decided(), run_id=decided(recall=0.81).run_id), "test": TEST}


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("2.1", tree),
    ("2.1", by_mlflow),
    ("2.1", lambda: tree(max_depth=3, random_state=7) | {"flavors": 2.0}),
    ("2.2", rides),
    ("2.2", by_hand),
    ("2.2", lambda: rides((pd.concat([GAP, RIDES]), {"per_degree": 1.0, "note": "x"}))),
    ("2.3", doubtful),
    ("2.3", lambda: doubtful("(sure < limit).tolist()")),
    ("2.3", lambda: doubtful("1 * (sure < limit)", params={"limit": 0.7, "note": "x"})),
    ("2.4", gated),
    ("2.4", lambda: gated(candidate="alone")),
    ("2.4", lambda: gated(accuracy=(("threshold", 0.5), ("min_absolute_change", 0.01)))),
    ("2.5", served),
    ("2.5", lambda: served(answers=list(TREE.fit(X, Y).predict(X_TEST)))),
    ("2.5", lambda: served(answers=pd.Series(TREE.fit(X, Y).predict(X_TEST)), latency=Latency(TIMES, 1, 2, 9.0))),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("2.1", lambda: {"model_uri": stored(TREE.fit(X, Y), "oak"), "flavors": 2}, "is called 'oak'"),
    ("2.1", lambda: {"model_uri": stored(FOREST), "flavors": 2}, "is a RandomForestClassifier"),
    ("2.1", lambda: {"model_uri": stored(TREE.fit(X, Y), inside=False), "flavors": 2}, "belongs to no run"),
    ("2.1", bare, "no input example"),
    ("2.1", lambda: tree() | {"flavors": 3}, "You count 3 flavor(s)"),
    ("2.1", lambda: tree() | {"flavors": {"sklearn": "x" * 5000}}, "flavors is of type dict. Give their number"),
    ("2.1", lambda: {"model_uri": "models:/m-nothing", "flavors": 2}, "There is no model at 'models:/m-nothing'"),
    ("2.1", lambda: {"model_uri": "models:/nobody@best", "flavors": 2}, "There is no model at"),
    ("2.1", lambda: {"model_uri": 3, "flavors": 2}, "model_uri is of type int"),
    ("2.1", onnx, "has the flavors onnx"),
    ("2.1", all_wines, "was trained on all rows or the test rows"),
    ("2.2", lambda: rides(GAP), "The signature has no parameters"),
    ("2.2", lambda: rides((GAP, {"rate": 1.0}), Careless()), "parameters rate"),
    ("2.2", lambda: rides((RIDES, RATE)), "declares day as long"),
    ("2.2", lambda: rides((GAP, RATE), Careless()), "gives 1 answer(s) for 2 rows"),
    ("2.2", lambda: rides((GAP.drop(columns="day"), RATE)), "no column 'day'"),
    ("2.2", lambda: by_hand(required=False), "lets rows without temperature pass, and the model stops at KeyError"),
    ("2.2", lambda: by_hand(Careless(), required=False), "gives 1 answer(s)"),
    ("2.2", lambda: by_hand(day="string"), "declares day as string"),
    ("2.3", lambda: doubtful(name="unsure"), "is called 'unsure'"),
    ("2.3", lambda: doubtful(params={"limit": 0.5}), "default of limit is 0.5"),
    ("2.3", lambda: doubtful("sure >= limit"), "are the opposite"),
    ("2.3", lambda: doubtful("sure < 0.7"), "With limit=0.5"),
    ("2.3", lambda: doubtful("(sure < limit)[:4]"), "gives 4 answer(s) for 45 rows"),
    ("2.3", lambda: instead(Rides(), (GAP, RATE)), "stored as a pickled object"),
    ("2.3", lambda: instead(FOREST, ROWS.head(3)), "and no code"),
    ("2.3", lambda: doubtful(rows=X.astype("float32")), "rows has the shape (133, 13)"),
    ("2.3", lambda: doubtful(forest=type(FOREST)(5).fit(X, Y)), "forest is not the one of the lesson"),
    ("2.3", lambda: doubtful("['maybe'] * len(sure)"), "the model answers 'maybe'"),
    ("2.4", lambda: changed(wanted=["at least 0.1"] * 2), "The recall is wanted at least 0.1"),
    ("2.4", lambda: changed(wanted=["at least 0.8"] * 2), "The accuracy is wanted at least 0.8"),
    ("2.4", lambda: changed(rows=1), "looked at accuracy_score"),
    ("2.4", of_no_gate, "holds no verdict"),
    ("2.4", lambda: {"verdict": True, "test": TEST}, "verdict is of type bool"),
    ("2.4", lambda: gated(candidate="stump", baseline="linear"), "is a DecisionTreeClassifier"),
    ("2.4", lambda: gated(rows=100), "The gate saw an accuracy of"),
    (
        "2.4",
        lambda: gated(baseline="tree", accuracy=(("min_absolute_change", 0.01), ("threshold", 0.999))),
        "refused the",
    ),
    ("2.4", lambda: gated(seen="test"), "of the test rows, and on"),
    ("2.4", lambda: changed(candidate=[1.0, 1.0]), "is not the one that its run has logged"),
    ("2.4", of_the_other_gate, "is not the one that its run has logged"),
    ("2.4", lambda: gated() | {"test": TEST.assign(malignant=1)}, "test does not hold the test rows any more"),
    ("2.5", lambda: served(answers=Y_TEST[:3]), "3 answers for 45 test rows"),
    ("2.5", lambda: served(answers=["?"] * 45), "0.00 of the answers are right"),
    ("2.5", lambda: served(answers=1), "answers is of type int"),
    ("2.5", lambda: served(latency=5.0), "latency is of type float"),
    ("2.5", lambda: served(latency=Latency(TIMES, 60)), "Each request had 60 rows"),
    ("2.5", lambda: served(latency=Latency(TIMES[:20], 1)), "20 requests were timed"),
    ("2.5", lambda: served(latency=Latency(np.full(100, 5.0), 1)), "All 100 requests took 5 ms"),
    ("2.5", lambda: served(answers=Y_TEST), "No DecisionTreeClassifier in this store gives these answers"),
    ("2.5", lambda: served(y_test=Y_TEST[::-1]), "y_test does not hold the test rows any more"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{number} {task}" for number, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes_whatever_its_style(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_wrong_answer_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())
