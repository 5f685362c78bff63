"""The checks of the lessons of part 4: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from tests.notebooks import notebook
from tests.projects import STEPS, commit, git, project, repository, rerun, sweep, workflow
from tests.refusals import refused

pytestmark = pytest.mark.processes

RIGHT = """
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      trees: {type: float, default: 100}
      name: string
    command: "python fit.py {trees} {name}"
  check:
    command: "python check.py"
"""


ENVIRONMENT = "python: '3.11'\ndependencies: [mlflow]\n"


def written(folder: Path, text: str, environment: str = ENVIRONMENT) -> Path:
    """A project with the file that says what it needs."""
    (folder / "python_env.yaml").write_text(environment)
    return project(folder, text)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checks")


@pytest.fixture(autouse=True)
def session(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store for all tests; they only add to it."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(scratch / ".mlworkbench"))
    wb.start("checks")


def test_lesson_4_1_passes(tmp_path: Path) -> None:
    assert wb.check("4.1", project=written(tmp_path, RIGHT))
    assert wb.check("4.1", project=str(written(tmp_path, RIGHT.replace("type: float", "type: int"))))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("trees: {", "trees {", "line 6"),
        ("  check:\n", "  check:\n    parameters:\n", "Look for a line with nothing behind or below its colon"),
        ("{type: float, default: 100}", "100", "a parameter that is a bare value"),
        ("type: float, ", "", "The parameter trees of main has the type 'string'"),
        ("type: float, default: 100", "type: float", "The parameter trees of main has no default"),
        ("default: 100", "default: many", "The default of trees is 'many'"),
        ("name: string", "name: {type: string, default: me}", "has the default 'me'. Take it away"),
        ("name: string", "nam: string", "{name} in braces, which is none of its parameters"),
        (" {name}", "", "does not use its parameter name"),
        ("{name}", "{name", "The braces in the command of main do not match"),
        ("  check:", "  test:", "The entry points are: main, test. Add one called 'check'"),
        ('    command: "python check.py"', "    comand: x", "The command of check is missing"),
        ("python check.py", "python check.py {a}", "has {a} in braces"),
        ('"python fit.py {trees} {name}"', "{trees}", "The command of main begins with a brace"),
        ("python_env.yaml", "pythonenv.yaml", "no such file was found"),
        ('    command: "python check.py"', "    parameters: {a: string}\n    command: echo {a}", "Give it none"),
    ],
)
def test_typical_mistakes_of_lesson_4_1(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in RIGHT
    refused("4.1", says, project=written(tmp_path, RIGHT.replace(old, new)))


def test_lesson_4_1_wants_an_environment(tmp_path: Path) -> None:
    refused("4.1", "names no Python environment", project=project(tmp_path, RIGHT.replace("python_env: p", "# p")))
    refused("4.1", "python_env.yaml has no dependencies", project=written(tmp_path, RIGHT, "python: '3.11'"))


def test_lesson_4_1_wants_the_folder_of_an_mlproject(tmp_path: Path) -> None:
    (tmp_path / "MLproject.yaml").write_text(RIGHT)
    refused("4.1", "It has: MLproject.yaml", project=tmp_path)
    refused("4.1", "Give the folder, not the file", project=project(tmp_path, RIGHT) / "MLproject")
    refused("4.1", "project is of type int", project=3)


@pytest.fixture(scope="module")
def mean(scratch: Path) -> Path:
    """A repository with three commits."""
    return repository(scratch / "mean", "first", "second", "third")


def test_lesson_4_2_passes(mean: Path) -> None:
    """By folder and version, by URI, by plain MLflow, which returns no Run."""
    old, new = wb.run_project(mean, version=commit(mean, "first")), wb.run_project(mean)
    assert wb.check("4.2", lesson_seed=7, old=old, new=new)
    submitted = mlflow.projects.run(f"file://{mean}", env_manager="local")
    assert wb.check("4.2", lesson_seed=7, old=old.info.run_id, new=submitted)


def test_typical_mistakes_of_lesson_4_2(mean: Path, scratch: Path) -> None:
    new = wb.run_project(mean)
    refused("4.2", "old executed the later commit", lesson_seed=7, old=new, new=at(mean, "first"))
    refused("4.2", "Both runs executed the commit", lesson_seed=7, old=new, new=wb.run_project(mean, version="main"))
    other = wb.run_project(repository(scratch / "other", "first"))
    refused("4.2", "of different projects", lesson_seed=7, old=other, new=new)
    refused(
        "4.2",
        "new is a run of the entry point 'other'",
        lesson_seed=7,
        old=new,
        new=wb.run_project(mean, entry_point="other"),
    )
    plain = wb.run_project(project(scratch / "plain", STEPS))
    refused("4.2", "old knows no commit", lesson_seed=7, old=plain, new=plain)
    with mlflow.start_run() as run:
        pass
    refused("4.2", "old is not the run of a project", lesson_seed=7, old=run, new=new)
    project(scratch / "fails", "entry_points: {main: {command: exit 3}}")
    with pytest.raises(wb.ProjectError):
        wb.run_project(scratch / "fails")
    (failed,) = mlflow.search_runs(filter_string="attributes.status = 'FAILED'", output_format="list")
    refused("4.2", "has the status FAILED. Read what was printed", lesson_seed=7, old=failed, new=new)


def at(folder: Path, message: str, **parameters: int) -> Run:
    """A run at a commit, with parameters as an entry point that takes some would have them."""
    run = wb.run_project(folder, version=commit(folder, message))
    for name, value in parameters.items():
        mlflow.MlflowClient().log_param(run.info.run_id, name, value)
    return mlflow.get_run(run.info.run_id)


def test_lesson_4_2_wants_one_seed_of_your_own(mean: Path) -> None:
    old, new = at(mean, "first", seed=3), at(mean, "third", seed=3)
    assert wb.check("4.2", lesson_seed=7, old=old, new=new)
    refused("4.2", "Both runs have the lesson's seed, 3", lesson_seed=3, old=old, new=new)
    refused("4.2", "seed is '3' in old and '4' in new", lesson_seed=7, old=old, new=at(mean, "third", seed=4))


def test_plain_mlflow_that_changed_the_folder_is_told(mean: Path) -> None:
    """`mlflow.projects.run` with a version checks it out in the folder itself; the newest commit is gone from sight."""
    old = mlflow.projects.run(str(mean), version=commit(mean, "first"), env_manager="local")
    refused("4.2", "Plain MLflow changes your folder", lesson_seed=7, old=old, new=wb.run_project(mean))
    git(mean, "switch", "-")


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    wb.start(f"workflow of {tmp_path.name}")
    return project(tmp_path / "steps", STEPS)


def test_lesson_4_3_passes(steps: Path) -> None:
    """Twice, and also when the first run had reused steps of an earlier one."""
    first, second = workflow(steps), workflow(steps, "sepal_length")
    feedback = wb.check("4.3", first=first, second=second)
    assert feedback
    assert "Reused: select. Ran anew: fit, report." in feedback.message
    again = workflow(steps, "sepal_length")
    assert wb.check("4.3", first=again, second=workflow(steps, "sepal_width"))


def test_typical_mistakes_of_lesson_4_3(steps: Path) -> None:
    first, second = workflow(steps), workflow(steps)
    refused("4.3", "every step was reused", first=first, second=second)
    refused("4.3", "first began after second. Swap the two", first=second, second=first)
    refused("4.3", "fit was reused: nothing had changed", first=first, second=workflow(steps, line="of yesterday"))
    refused("4.3", "every step ran", first=first, second=workflow(steps, rows=50))
    refused("4.3", "every step ran", first=first, second=workflow(steps, reuse=False))
    kept = first.info.run_id  # as when somebody writes down the id of the first result
    fixed = workflow(steps, "sepal_length", line=f"runs:/{kept}/line.json")
    stale = workflow(steps, "sepal_width", line=f"runs:/{kept}/line.json")
    refused("4.3", "report was reused, although fit before it ran anew", first=fixed, second=stale)
    refused("4.3", "first has the steps select, fit, second", first=workflow(steps, report=False), second=second)
    alone = wb.run_step(steps, "fit", file="a")
    refused("4.3", "second names no steps", first=first, second=alone)


def test_tags_set_by_hand_are_no_steps(steps: Path) -> None:
    run = wb.run_project(steps)
    with mlflow.start_run(tags={"step.main": f"ran {run.info.run_id}"}) as forged:
        pass
    refused("4.3", "The step main was not made by `wb.run_step`", first=forged, second=forged)


GRID = [{"folds": folds, "depth": depth} for folds in (3, 5) for depth in (1, 2)]


def test_lesson_4_4(tmp_path: Path) -> None:
    """A real sweep; the same table with a value changed, without a row or a column is refused."""
    path = notebook(tmp_path / "how_deep.ipynb", "depth = 2\nfolds = 5", parameters=True)
    table = wb.sweep(path, {"folds": [3, 5], "depth": [1, 2]}, n_jobs=2)
    assert wb.check("4.4", table=table)
    refused("4.4", "The point folds=5, depth=2 is missing", table=table[:3])
    refused("4.4", "The store has other values for folds=4", table=table.replace({"folds": {3: 4}}))
    refused("4.4", "The table has no column run_id", table=table.drop(columns="run_id"))
    refused("4.4", "no column folds, depth, outcome", table=table.to_dict("records"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: sweep("how_deep.ipynb", *GRID[:2]), "The table has 1 value(s) of folds"),
        (lambda: sweep("how_deep.ipynb", *GRID, failed="failed in cell 2: ValueError"), "failed in cell 2: ValueError"),
        (lambda: sweep("how_deep.ipynb", *GRID, parent=""), "stand under no parent"),
        (lambda: sweep("other.ipynb", *GRID), "is a rerun of 'other.ipynb'"),
        (lambda: pd.concat([sweep("how_deep.ipynb", *GRID[:2]), two()]), "The points come from 2 sweeps"),
        (lambda: sweep("how_deep.ipynb", *GRID).assign(run_id="m"), "No run with the id 'm'"),
        (lambda: sweep("how_deep.ipynb", *GRID).assign(run_id=mlflow_run()), "is no rerun of a notebook"),
        (lambda: sweep("how_deep.ipynb", *GRID, parent="").assign(reused=True), "stand under no parent"),
    ],
)
def test_typical_mistakes_of_lesson_4_4(make: Callable[[], pd.DataFrame], says: str) -> None:
    refused("4.4", says, table=make())


def two() -> pd.DataFrame:
    return sweep("how_deep.ipynb", *GRID[2:], parent="of another sweep")


def mlflow_run() -> str:
    with mlflow.start_run() as run:
        pass
    return run.info.run_id


def test_a_point_that_an_earlier_rerun_made_is_as_good() -> None:
    """`wb.sweep` reuses a rerun that stands under no parent."""
    earlier = rerun("how_deep.ipynb", GRID[0])
    table = sweep("how_deep.ipynb", *GRID)
    table.loc[0, ["run_id", "reused"]] = [earlier.info.run_id, True]
    assert wb.check("4.4", table=table)
