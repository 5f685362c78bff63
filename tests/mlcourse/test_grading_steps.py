"""The steps of grading by themselves: executing, handing over, judging; a whole class tries them together elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pytest

from mlcourse.grading import execute as executing
from mlcourse.grading import judge
from mlcourse.grading.answers import ANSWERS_VARIABLE, hand_over
from mlcourse.grading.classroom import grade_class
from mlcourse.grading.sandbox import DEVICES, SYSTEM
from mlworkbench.errors import WorkbenchError
from tests.mlcourse.lesson_0 import pass_lesson_0
from tests.paths import ROOT

pytestmark = pytest.mark.processes


@pytest.fixture
def answers(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the answers of a submission go."""
    folder = tmp_path / "answers"
    monkeypatch.setenv(ANSWERS_VARIABLE, str(folder))
    return folder


def test_the_judge_sees_the_store_as_it_was_when_the_answer_was_given(answers: Path, tmp_path: Path) -> None:
    run_id = pass_lesson_0()
    hand_over("before", run_id=run_id)
    mlflow.delete_run(run_id)
    hand_over("after", run_id=run_id)
    assert judge._check("0", answers / "before", tmp_path / "a")["status"] == "Passed"
    assert judge._check("0", answers / "after", tmp_path / "b")["status"] == "Not yet"


@pytest.mark.parametrize("left", [None, "{", "[]", '{"answers": {"run_id": 1}}'])
def test_answers_that_nobody_can_read_get_a_sentence(left: str | None, answers: Path, tmp_path: Path) -> None:
    folder = answers / "cell"
    folder.mkdir(parents=True)
    if left:
        (folder / "answers.json").write_text(left)
    said = judge._check("0", folder, tmp_path / "home of the check")
    assert said["status"] == "Not yet"
    assert "a cell above it stopped" in said["message"]


def test_a_check_judges_in_a_process_of_its_own_and_for_so_long(
    answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over("cell", run_id=pass_lesson_0())
    job = {
        "read": [*SYSTEM, "/etc", sys.prefix, sys.base_prefix, str(ROOT), str(tmp_path), *mlflow.__path__],
        "write_in_checks": [*DEVICES, str(tmp_path)],
        "answers": str(answers),
        "home": str(tmp_path),
    }
    assert judge._in_child(job, "cell", "0")["status"] == "Passed"
    (tmp_path / "late").mkdir()
    monkeypatch.setattr(judge, "SECONDS_A_CHECK", 0)
    assert judge._in_child({**job, "home": str(tmp_path / "late")}, "cell", "0") == {
        "status": "Not yet",
        "message": "The check came to no end with these answers.",
    }


@pytest.fixture
def execute(home: Path, tmp_path: Path) -> Callable[..., tuple[str, Any]]:
    """Execute cells as a submission; returns what happened, and the cells with their outputs."""

    def call(*cells: str, seconds: float = 120, **checks: str) -> tuple[str, Any]:
        made = [nbformat.v4.new_code_cell(cell) for cell in cells]
        for cell, name in zip(reversed(made), reversed(checks), strict=False):
            cell.metadata["nbgrader"] = {"grade_id": name}
        notebook = nbformat.v4.new_notebook(cells=made)
        nbformat.write(notebook, tmp_path / "in.ipynb")
        job = {"notebook": str(tmp_path / "in.ipynb"), "executed": str(tmp_path / "out.ipynb")}
        happened = executing._execute({**job, "checks": checks, "seconds": seconds})
        return happened, nbformat.read(tmp_path / "out.ipynb", as_version=4).cells

    return call


def test_a_submission_runs_to_its_end_with_other_cells_for_its_checks(execute: Callable[..., tuple[str, Any]]) -> None:
    happened, cells = execute("number = 7", "1 / 0", "print('my own check')", check="print('handed over', number)")
    assert happened == ""
    assert cells[1].outputs[0].ename == "ZeroDivisionError"
    assert cells[2].outputs[0].text == "handed over 7\n"


def test_much_output_is_cut(execute: Callable[..., tuple[str, Any]]) -> None:
    happened, cells = execute("for _ in range(8): print('x' * 500_000)", "print('after it')")
    assert happened == ""
    assert 0 < len(str(cells[0].outputs)) < 1.1 * executing.MOST_SHOWN


@pytest.mark.parametrize(
    ("code", "told"),
    [("while True: pass", "stopped after 5 s"), ("import os; os._exit(1)", "ended its own kernel")],
)
def test_a_submission_that_does_not_end_well_is_told(
    code: str, told: str, execute: Callable[..., tuple[str, Any]]
) -> None:
    happened, _ = execute(code, seconds=5 if "True" in code else 120)
    assert happened == told


def test_a_container_is_asked_for_where_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WorkbenchError) as error:
        grade_class("01_tracking", container=True)
    assert error.value.found == "no Docker with Compose."
    assert error.value.do == "Install it, or grade without --container."
