"""For each task of part 4, right answers pass, and typical wrong ones are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable

import mlflow
import pytest

import mlworkbench as wb
from mlcourse.projects.assignment import TASKS
from tests.mlcourse.projects.answers import (
    BY_ENTRY_POINT,
    SENSORS,
    all_reused,
    by_papermill,
    compared,
    diagnosed,
    dice,
    elsewhere,
    failed_rerun,
    fitted,
    grown,
    listening,
    not_handed_on,
    only_the_new,
    other_dice,
    petals,
    resumed,
    search,
    swapped,
    three_new,
)
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("projects.1", petals),
    ("projects.2", dice),
    ("projects.3", search),
    ("projects.4", compared),
    ("projects.5", resumed),
    ("projects.6", listening),
    ("projects.7", grown),
    ("projects.7", all_reused),
    ("projects.8", diagnosed),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("projects.1", lambda: petals("main:", "fit:"), "The entry points are: fit, count. Add one called 'main'"),
    ("projects.1", lambda: petals("file: path", "file: string"), "The parameter file of main has the type 'string'"),
    ("projects.1", lambda: petals("path", "{type: path, default: flowers.csv}"), "has the default 'flowers.csv'"),
    ("projects.1", lambda: petals("petal_length", "petal_width"), "The default of column is 'petal_width'"),
    ("projects.1", lambda: petals("type: float, ", ""), "The parameter rows of main has the type 'string'"),
    ("projects.1", lambda: petals("default: 150", "default: 100"), "The default of rows is '100'."),
    ("projects.1", lambda: petals("{column} {rows}", "{rows} {column}"), "in the order of the task"),
    ("projects.1", lambda: petals(" {species}", ""), "The command of count does not use its parameter species"),
    ("projects.1", lambda: petals("      file: path", "    file: path"), "cannot be read"),
    ("projects.1", lambda: petals('"python fit.py {file} {column} {rows}"', "{file}"), "main begins with a brace"),
    ("projects.1", lambda: {"project": "MLproject"}, "No MLproject in"),
    ("projects.1", lambda: {"project": petals()["project"] / "MLproject"}, "Give the folder, not the file"),
    ("projects.2", lambda: dice("sides: {", "sides {", run=other_dice()), "cannot be read"),
    ("projects.2", lambda: dice("{type: float, default: 7}", "float", run=other_dice()), "seed of main has no default"),
    ("projects.2", lambda: dice("default: 7", "default: 42"), "The default of seed is '42'."),
    ("projects.2", lambda: dice("{sides} {", "{side} {", run=other_dice()), "has {side} in braces, which is none"),
    ("projects.2", lambda: dice(throws=5), "The parameter throws is '5'"),
    ("projects.2", lambda: dice(run=other_dice()), "That is a run of another project"),
    ("projects.3", elsewhere, "in the experiment 'another experiment'"),
    ("projects.3", lambda: search(rows=150), "The parameter rows is '150'. Use rows=100"),
    ("projects.3", lambda: search(column="sepal_width"), "The column is 'sepal_width'"),
    ("projects.3", lambda: search(script=""), "has no metrics"),
    ("projects.3", lambda: search("params.column = 'sepal_length'"), "finds 2 run(s) that it should not"),
    ("projects.3", lambda: search("params.rows = '100'"), "finds 2 run(s) that it should not"),
    ("projects.3", lambda: search("metrics.error > 0"), "finds 2 run(s) that it should not"),
    (
        "projects.3",
        lambda: search("params.column = 'sepal_length' and tags.mlflow.source.type = 'PROJECT'"),
        "finds 1 run(s) that it should not",
    ),
    ("projects.3", lambda: search(f"{BY_ENTRY_POINT} and params.rows = '100'"), "finds 1 of 2 run(s)"),
    ("projects.3", lambda: search("tags.entryPoint = 'main'"), "finds 0 of 2 run(s)"),
    ("projects.3", lambda: search("entryPoint = 'main'"), "MLflow refuses the filter"),
    ("projects.3", lambda: search(17), "The filter is of type int"),
    ("projects.3", lambda: search(entry="fit"), "run is a run of the entry point 'fit'. Run 'main'"),
    ("projects.4", lambda: compared(old="Guess the median"), "Both runs executed the commit"),
    ("projects.4", lambda: compared(old="Say what it is"), "old executed the commit 'Say what it is'"),
    ("projects.4", lambda: compared(new="Say what it is"), "new executed the commit 'Say what it is'"),
    ("projects.4", lambda: compared("Guess the median", "Guess the mean"), "Swap old and new"),
    ("projects.4", lambda: compared(difference=1.5), "Subtract the error of old from the error of new"),
    ("projects.4", lambda: compared() | {"new": fitted()}, "of different projects"),
    ("projects.4", lambda: compared(repository=petals()["project"]), "The runs are of another project"),
    ("projects.5", lambda: resumed(column="petal_length"), "every step was reused"),
    ("projects.5", lambda: resumed(rows=50), "every step ran"),
    ("projects.5", lambda: resumed(reuse=False), "every step ran"),
    ("projects.5", lambda: resumed(column="sepal_width"), "The second time the column is 'sepal_width'"),
    ("projects.5", not_handed_on, "In first, report did not get the result of fit"),
    ("projects.5", swapped, "first began after second"),
    ("projects.5", lambda: resumed() | {"first": fitted()}, "first names no steps"),
    ("projects.6", lambda: listening(tags=()), "The notebook has the parameters: none"),
    ("projects.6", lambda: listening("throws = 20"), "needs a line `sides = 6`"),
    ("projects.6", lambda: listening("throws = 500\nsides = 20"), "The default of throws is '500'"),
    ("projects.6", lambda: listening("throws = "), "cannot be read"),
    ("projects.6", lambda: listening(results={"count": 20.0}), "its metric count is 20. Use the parameters"),
    ("projects.6", lambda: listening(throws=20), "The parameter throws is '20'"),
    ("projects.6", lambda: listening(name="other.ipynb"), "is a rerun of 'other.ipynb'"),
    ("projects.6", failed_rerun, "failed in cell 4: NameError: x. Correct that cell of the notebook"),
    ("projects.6", by_papermill, "run is no rerun of a notebook"),
    ("projects.7", only_the_new, "second has 1 value(s) of sides"),
    ("projects.7", three_new, "2 of the 2 points of first are not in second"),
    ("projects.7", lambda: grown((6, 20, 12), (6, 20, 12)), "Both tables have the same points"),
    ("projects.7", lambda: grown(throws=10), "The parameter throws is '10'"),
    ("projects.7", lambda: grown(failed="failed in cell 3: ValueError"), "failed in cell 3"),
    ("projects.7", lambda: grown(parent=""), "stand under no parent"),
    ("projects.8", lambda: diagnosed(row=0), "That run is no point that failed"),
    ("projects.8", lambda: diagnosed(cell=5), "papermill has put cells into it"),
    ("projects.8", lambda: diagnosed(cell=7), "Count in the notebook as it was written"),
    ("projects.8", lambda: diagnosed(cell=3), "It did not fail in cell 3. Count every cell"),
    ("projects.8", lambda: diagnosed(cell="4"), "cell is of type str. Write it without quotes"),
    ("projects.8", lambda: diagnosed(error="TypeError"), "The error is not 'TypeError'"),
    ("projects.8", lambda: diagnosed(SENSORS[1:]), "The table has 3 value(s) of sensor"),
    ("projects.8", lambda: diagnosed() | {"table": 4}, "The table has no column sensor"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT)
def test_right_answers_pass(task: str, answers: Callable[[], dict]) -> None:
    assert wb.check(task, **answers())


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG if name == task]
    assert len(set(messages)) >= 2


def test_the_filter_must_find_every_run() -> None:
    """Also one of tomorrow, and that of a first attempt which failed."""
    right = search()
    second = fitted()
    mlflow.MlflowClient().set_terminated(fitted().info.run_id, "FAILED")
    assert wb.check("projects.3", **right)
    alone = f"{BY_ENTRY_POINT} and attributes.run_id = '{second.info.run_id}'"
    assert "finds 1 of 4 run(s)" in wb.check("projects.3", run=second, filter_string=alone).message
