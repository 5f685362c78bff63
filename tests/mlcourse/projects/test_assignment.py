"""For each task of part 4, right answers pass, and typical wrong ones are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable

import mlflow
import numpy as np
import pytest

import mlworkbench as wb
from mlcourse.projects import recomputed
from tests.mlcourse.projects.answers import (
    BY_ENTRY_POINT,
    GUESSED,
    SENSORS,
    all_reused,
    by_hand,
    by_papermill,
    by_plain_mlflow,
    compared,
    diagnosed,
    diagnosed_elsewhere,
    dice,
    edited_since,
    elsewhere,
    failed_rerun,
    fitted,
    forged,
    grown,
    guess,
    listening,
    misspelt,
    not_handed_on,
    only_the_new,
    other_dice,
    petals,
    resumed,
    search,
    swapped,
    swept_elsewhere,
    swept_once,
    tampered,
    three_new,
    unfinished,
    without_its_error,
    without_its_script,
)
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

OLD_AND_NEW = {"old": GUESSED["mean"], "new": GUESSED["median"]}


NOT_THE_OTHERS = "tags.mlflow.project.entryPoint = 'main' and params.column != 'petal_length'"
HARD_CODED = "thrown = [random.randint(1, 20) for _ in range(500)]"

RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("projects.1", petals),
    ("projects.1", lambda: {"project": str(petals("python fit.py", "python3 ./fit.py")["project"])}),
    ("projects.1", lambda: petals("python count.py {file}", "python -u count.py '{file}'")),
    ("projects.1", lambda: petals("{type: float, default: 150}", "{type: float, default: 150.0}")),
    ("projects.2", dice),
    ("projects.2", lambda: dice("python dice", "python3 dice")),
    ("projects.2", lambda: {**(right := dice()), "project": f"{right['project']}/", "run": right["run"].info.run_id}),
    ("projects.3", search),
    ("projects.3", lambda: search("params.column LIKE 'sepal_length' AND tags.`mlflow.project.entryPoint` = 'main'")),
    ("projects.3", lambda: search('params."column" = "sepal_length" and tags."mlflow.project.entryPoint" = "main"')),
    ("projects.3", lambda: {**search(), "run": fitted().info.run_id}),
    ("projects.3", lambda: search(f"tags.mlflow.source.type = 'PROJECT' and {BY_ENTRY_POINT}")),
    ("projects.4", compared),
    ("projects.4", lambda: compared(difference=np.float64(round(GUESSED["median"] - GUESSED["mean"], 2)))),
    ("projects.4", lambda: compared(errors={name: round(each, 3) for name, each in OLD_AND_NEW.items()})),
    ("projects.4", lambda: {**compared(), "old": by_plain_mlflow(), "repository": f"{guess()}"}),
    ("projects.5", resumed),
    ("projects.5", lambda: {what: run.info.run_id for what, run in resumed().items()}),
    ("projects.5", lambda: {what: mlflow.get_run(run.info.run_id) for what, run in resumed().items()}),
    ("projects.6", listening),
    ("projects.6", lambda: listening("sides = 6\nthrows = 20  # dice\nseed = 7", tags=("parameters", "mine"))),
    ("projects.6", lambda: listening(results={"mean": round(recomputed.thrown(500, 20)["mean"], 3), "lowest": 1.0})),
    ("projects.7", grown),
    ("projects.7", all_reused),
    ("projects.7", lambda: grown((20, 6), (12, 20, 6, 4))),
    ("projects.7", lambda: {what: table[::-1].round(3) for what, table in grown().items()}),
    ("projects.8", diagnosed),
    ("projects.8", lambda: diagnosed(cell=np.int64(4))),
    ("projects.8", lambda: diagnosed(SENSORS[:2] + SENSORS[3:] + SENSORS[2:3])),
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
    ("projects.1", lambda: petals("python fit.py", "python count.py"), "Begin with python fit.py"),
    ("projects.1", lambda: petals("python fit.py", "bash fit.py"), "Begin with python fit.py"),
    ("projects.1", lambda: {"project": "MLproject"}, "No MLproject in"),
    ("projects.1", lambda: {"project": None}, "project is of type NoneType"),
    ("projects.1", lambda: {"project": "<script>\0"}, "is no folder"),
    ("projects.1", lambda: {"project": petals()["project"] / "MLproject"}, "Give the folder, not the file"),
    ("projects.2", lambda: dice("sides: {", "sides {", run=other_dice()), "cannot be read"),
    ("projects.2", lambda: dice("{type: float, default: 7}", "float", run=other_dice()), "seed of main has no default"),
    ("projects.2", lambda: dice("default: 7", "default: 42"), "The default of seed is '42'."),
    ("projects.2", lambda: dice("{sides} {", "{side} {", run=other_dice()), "has {side} in braces, which is none"),
    ("projects.2", lambda: dice(throws=5), "The parameter throws is '5'"),
    ("projects.2", lambda: dice(run=other_dice()), "That is a run of another project"),
    ("projects.2", lambda: dice(run=by_hand()["run"]), "run has the tag of an entry point, but no project was run"),
    ("projects.2", without_its_script, "The folder has no dice.py"),
    ("projects.2", lambda: dice(run=3.5), "run is of type float"),
    ("projects.3", elsewhere, "in the experiment 'another experiment'"),
    ("projects.3", lambda: search(rows=150), "The parameter rows is '150'. Use rows=100"),
    ("projects.3", lambda: search(column="sepal_width"), "The column is 'sepal_width'"),
    ("projects.3", lambda: search(script=""), "has no metrics"),
    ("projects.3", lambda: search(error=0.1), "error of "),
    ("projects.3", lambda: search(slope=1.0), "In line.json slope is '1.0'; computed again it is"),
    ("projects.3", lambda: search(error=recomputed.line("sepal_length", 150)["error"]), "computed again it is 0.380"),
    ("projects.3", by_hand, "run has the tag of an entry point, but no project was run"),
    ("projects.3", lambda: by_hand(**{"mlflow.source.type": "PROJECT"}), "no project was run"),
    ("projects.3", lambda: search("params.column = 'sepal_length'"), "finds 2 run(s) that it should not"),
    ("projects.3", lambda: search("params.rows = '100'"), "finds 2 run(s) that it should not"),
    ("projects.3", lambda: search("metrics.error > 0"), "finds 2 run(s) that it should not"),
    (
        "projects.3",
        lambda: search("params.column = 'sepal_length' and tags.mlflow.source.type = 'PROJECT'"),
        "finds 1 run(s) that it should not",
    ),
    (
        "projects.3",
        lambda: search(f"{BY_ENTRY_POINT} and params.rows = '100'"),
        "finds 1 of 2 run(s). Ask for the entry point and the column alone",
    ),
    ("projects.3", lambda: search(NOT_THE_OTHERS), "does not ask for the column 'sepal_length'"),
    ("projects.3", lambda: search("tags.entryPoint = 'main'"), "finds 0 of 2 run(s). Look at run.data.tags"),
    ("projects.3", lambda: search("entryPoint = 'main'"), "MLflow refuses the filter"),
    ("projects.3", lambda: search(f"{BY_ENTRY_POINT} and metrics.error > 0"), "asks for 'metrics.error > 0' too"),
    ("projects.3", lambda: search(f"status = 'FINISHED' AND {BY_ENTRY_POINT}"), "asks for \"status = ''\" too"),
    ("projects.3", lambda: search(17), "The filter is of type int"),
    ("projects.3", lambda: search(entry="fit"), "run is a run of the entry point 'fit'. Run 'main'"),
    ("projects.4", lambda: compared(old="Guess the median"), "Both runs executed the commit"),
    ("projects.4", lambda: compared(old="Say what it is"), "old executed the commit 'Say what it is'"),
    ("projects.4", lambda: compared(new="Say what it is"), "new executed the commit 'Say what it is'"),
    ("projects.4", lambda: compared("Guess the median", "Guess the mean"), "Swap old and new"),
    ("projects.4", lambda: compared(difference=1.5), "Subtract the error of old from the error of new"),
    ("projects.4", lambda: compared() | {"new": fitted()}, "of different projects"),
    ("projects.4", lambda: compared(repository=petals()["project"]), "The runs are of another project"),
    ("projects.4", lambda: compared(difference=float("nan")), "difference is nan"),
    ("projects.4", lambda: compared(difference="-1.5"), "difference is of type str"),
    ("projects.4", lambda: compared(errors={"old": 8.5}), "is 8.500; computed again it is"),
    ("projects.4", lambda: compared(errors={"new": GUESSED["mean"]}), "is 7.500; computed again it is 6.000"),
    ("projects.5", lambda: resumed(column="petal_length"), "every step was reused"),
    ("projects.5", lambda: resumed("petal_width"), "The first time the column is 'petal_width'"),
    ("projects.5", lambda: resumed(wrong={"error": 0.01}), "is 0.010; computed again it is"),
    ("projects.5", lambda: resumed(wrong={"slope": 2.0}), "In line.json slope is '2.0'"),
    ("projects.5", lambda: {"first": None, "second": None}, "first is of type NoneType"),
    ("projects.5", lambda: resumed(rows=50), "every step ran"),
    ("projects.5", lambda: resumed(reuse=False), "every step ran"),
    ("projects.5", lambda: resumed(column="sepal_width"), "The second time the column is 'sepal_width'"),
    ("projects.5", edited_since, "ran with other files than lie there now"),
    ("projects.5", not_handed_on, "In first, report did not get the result of fit"),
    ("projects.5", swapped, "first began after second"),
    ("projects.5", lambda: resumed() | {"first": fitted()}, "first names no steps"),
    ("projects.6", lambda: listening(tags=()), "The notebook has the parameters: none"),
    ("projects.6", lambda: listening("throws = 20"), "needs a line `sides = 6`"),
    ("projects.6", lambda: listening("throws = 500\nsides = 20"), "The default of throws is '500'"),
    ("projects.6", lambda: listening("throws = "), "cannot be read"),
    ("projects.6", lambda: listening(results={"count": 20.0}), "its metric count is 20. Use the parameters"),
    ("projects.6", lambda: listening(below=HARD_CODED), "No other cell uses the parameter throws"),
    ("projects.6", lambda: listening(below=f"# throws, sides\n{HARD_CODED}"), "No other cell uses the parameter"),
    ("projects.6", lambda: listening(below=f"throws = 500\nsides = 20\n{HARD_CODED}"), "No other cell uses"),
    ("projects.6", lambda: listening(throws=20), "The parameter throws is '20'"),
    ("projects.6", lambda: listening(results={"mean": 10.5}), "mean of "),
    ("projects.6", lambda: listening(results=recomputed.thrown(500, 20, seed=8)), "Leave the seed"),
    ("projects.6", lambda: listening() | {"notebook": 3}, "3 for a notebook. Give its path"),
    ("projects.6", lambda: listening(name="other.ipynb"), "is a rerun of 'other.ipynb'"),
    ("projects.6", failed_rerun, "failed in cell 4: NameError: x. Correct that cell of the notebook"),
    ("projects.6", lambda: forged("notebook"), "holds no executed notebook dice.ipynb"),
    ("projects.6", lambda: forged("values"), "executed dice.ipynb with throws='20'"),
    ("projects.6", lambda: forged("times"), "dice.ipynb was executed at another time"),
    ("projects.6", lambda: forged("cells"), "with cells that were not executed one after another"),
    ("projects.6", lambda: forged("metrics"), "which no run of the notebook has logged"),
    (
        "projects.6",
        lambda: listening() | {"notebook": listening(below="x = throws + sides")["notebook"]},
        "other cells",
    ),
    ("projects.6", by_papermill, "run is no rerun of a notebook"),
    ("projects.7", swept_once, "second says of a point of first that it ran anew"),
    ("projects.7", swept_elsewhere, "The run is in the experiment 'another experiment'"),
    ("projects.7", lambda: grown((4, 20), (4, 20, 12)), "first has no point with 6 sides. Sweep 6, 20"),
    ("projects.7", lambda: grown(second=(6, 20, 8)), "second has no point with 12 sides"),
    ("projects.7", only_the_new, "second has 1 value(s) of sides"),
    ("projects.7", three_new, "2 of the 2 points of first are not in second"),
    ("projects.7", lambda: grown((6, 20, 12), (6, 20, 12)), "Both tables have the same points"),
    ("projects.7", lambda: grown(throws=10), "The parameter throws is '10'"),
    ("projects.7", lambda: grown(failed="failed in cell 3: ValueError"), "failed in cell 3"),
    ("projects.7", lambda: grown(parent=""), "stand under no parent"),
    ("projects.7", lambda: grown(wrong={"mean": 3.5}), "is 3.500; computed again it is 3."),
    ("projects.7", lambda: tampered(mean=9.0), "first has mean='9.0' where the run"),
    ("projects.7", lambda: tampered(outcome="done"), "first says 'done' of a run that passed"),
    ("projects.7", lambda: {"first": [], "second": []}, "first has no column sides"),
    ("projects.8", diagnosed_elsewhere, "The run is in the experiment 'another experiment'"),
    ("projects.8", without_its_error, "its executed notebook does not"),
    ("projects.8", misspelt, "Not one of the four sensors, or missing: 'a'"),
    ("projects.8", lambda: diagnosed(row=0), "That run is no point that failed"),
    ("projects.8", lambda: diagnosed(cell=5), "papermill has put cells into it"),
    ("projects.8", lambda: diagnosed(cell=7), "Count in the notebook as it was written"),
    ("projects.8", lambda: diagnosed(cell=3), "It did not fail in cell 3. Count every cell"),
    ("projects.8", lambda: diagnosed(cell="4"), "cell is of type str. Write it without quotes"),
    ("projects.8", lambda: diagnosed(error="TypeError"), "The error is not 'TypeError'"),
    ("projects.8", lambda: diagnosed(SENSORS[1:]), "The table has 3 value(s) of sensor"),
    ("projects.8", lambda: diagnosed() | {"table": 4}, "The table has no column sensor"),
    ("projects.8", unfinished, "A point has the status RUNNING"),
    ("projects.8", lambda: diagnosed(cell=float("inf")), "cell is inf"),
    ("projects.8", lambda: diagnosed(failed="failed: the kernel died"), "Of that run the store says"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_right_answers_pass(task: str, answers: Callable[[], dict]) -> None:
    assert wb.check(task, **answers())


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_the_filter_must_find_every_run() -> None:
    """Also one of tomorrow, and that of a first attempt which failed."""
    right = search()
    second = fitted()
    mlflow.MlflowClient().set_terminated(fitted().info.run_id, "FAILED")
    assert wb.check("projects.3", **right)
    alone = f"{BY_ENTRY_POINT} and attributes.run_id = '{second.info.run_id}'"
    assert "finds 1 of 4 run(s)" in wb.check("projects.3", run=second, filter_string=alone).message
