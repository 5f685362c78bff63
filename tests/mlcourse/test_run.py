"""The runner: several lessons at once, every outcome told, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import mlworkbench as wb
from mlcourse.lessons import lessons
from mlcourse.run import run_workbook
from tests.notebooks import interrupted, notebook
from tests.waiting import alive, until

pytestmark = pytest.mark.processes

LOGS = "import mlflow, mlworkbench as wb\nwb.start('small')\nwith mlflow.start_run():\n    mlflow.log_metric('m', 1)"


@pytest.fixture
def workbook(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workbook of three small lessons, of which the second fails."""
    folder = tmp_path / "notebooks"
    notebook(folder / "00_start_here.ipynb", LOGS)
    notebook(folder / "01_part" / "01_first.ipynb", "a = 1", "1 / 0")
    notebook(folder / "01_part" / "02_second.ipynb", "print('fine')")
    (folder / "01_part" / "notes.ipynb").write_text("not a lesson")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_lessons_are_found_and_chosen(workbook: Path) -> None:
    assert [lesson.id for lesson in lessons()] == ["0", "1.1", "1.2"]
    assert [lesson.id for lesson in lessons(["1"])] == ["1.1", "1.2"]
    assert [lesson.id for lesson in lessons(["02_second", "1.2", "0"])] == ["1.2", "0"]


def test_an_unknown_lesson_gets_the_nearest_name(workbook: Path) -> None:
    with pytest.raises(wb.WorkbenchError, match="Did you mean '02_second'"):
        run_workbook(["02_secnd"])
    assert not (workbook / ".mlworkbench" / "executed").exists()


def test_a_failure_is_told_and_does_not_stop_the_others(workbook: Path, home: Path) -> None:
    table = run_workbook(keep_going=True, jobs=2).set_index("lesson")
    assert table.outcome["0"] == table.outcome["1.2"] == "passed"
    assert table.outcome["1.1"] == "failed in cell 1: ZeroDivisionError: division by zero"
    assert table.runs.tolist() == [1, 0, 0]
    assert (table.seconds > 0).all()
    kept = nbformat.read(workbook / table["where"]["1.1"], as_version=4)
    assert "ZeroDivisionError" in str(kept)


def test_without_keep_going_nothing_new_starts_after_a_failure(workbook: Path) -> None:
    table = run_workbook(["1"], jobs=1).set_index("lesson")
    assert table.outcome["1.1"].startswith("failed")
    assert table.outcome["1.2"] == "not run"
    assert table["where"]["1.2"] == ""


def test_the_longest_of_last_time_comes_first_and_a_line_tells_each_end(
    workbook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends() -> list[str]:
        assert run_workbook(["1"], jobs=1).lesson.tolist() == ["1.1", "1.2"]
        return [line.split(",")[0] for line in capsys.readouterr().err.splitlines() if " of 2 " in line]

    notebook(workbook / "notebooks" / "01_part" / "01_first.ipynb", "a = 1")
    notebook(workbook / "notebooks" / "01_part" / "02_second.ipynb", "a = 2")
    assert ends() == ["1 of 2  1.1  passed", "2 of 2  1.2  passed"]
    copy = workbook / ".mlworkbench" / "executed" / "01_part" / "02_second.ipynb"
    executed = nbformat.read(copy, as_version=4)
    assert executed.metadata.papermill.duration > 0
    executed.metadata.papermill.duration = 1000.0  # it had to wait for no server of kernels, as the first one may have
    nbformat.write(executed, copy)
    assert ends() == ["1 of 2  1.2  passed", "2 of 2  1.1  passed"]


def test_an_executed_copy_of_nonsense_tells_no_time(workbook: Path) -> None:
    copy = workbook / ".mlworkbench" / "executed" / "01_part" / "02_second.ipynb"
    copy.parent.mkdir(parents=True)
    for nonsense in ("[]", "{", '{"metadata": {"papermill": null}}', '{"metadata": {"papermill": {"duration": "x"}}}'):
        copy.write_text(nonsense)
        assert run_workbook(["1.2"]).outcome.tolist() == ["passed"]


def test_jobs_must_be_positive(workbook: Path) -> None:
    with pytest.raises(wb.WorkbenchError, match="at least 1"):
        run_workbook(jobs=0)


def test_an_unusable_notebook_and_a_missing_kernel_are_outcomes(workbook: Path) -> None:
    (workbook / "notebooks" / "01_part" / "01_first.ipynb").write_text("no notebook")
    notebook(workbook / "notebooks" / "01_part" / "02_second.ipynb", "a = 1", kernel="fortran")
    table = run_workbook(["1"], keep_going=True).set_index("lesson")
    assert "is not a notebook" in table.outcome["1.1"]
    assert "no kernel is called 'fortran'" in table.outcome["1.2"]


def test_fast_uses_the_fast_parameters(workbook: Path) -> None:
    path = notebook(workbook / "notebooks" / "00_start_here.ipynb", "n = 1", "print('n is', n)", parameters=True)
    content = nbformat.read(path, as_version=4)
    content.metadata["mlworkbench"] = {"fast": {"n": 7}}
    nbformat.write(content, path)
    table = run_workbook(["0"], fast=True)
    assert "n is 7" in (workbook / table["where"][0]).read_text()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc for the kernel's process")
def test_ctrl_c_stops_cleanly_kernels_included(workbook: Path) -> None:
    marker = workbook / "pid"
    sleeps = f"import os, time, pathlib\npathlib.Path({str(marker)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    notebook(workbook / "notebooks" / "01_part" / "01_first.ipynb", "print('kept')", sleeps)
    command = [sys.executable, "-m", "mlworkbench", "run", "--jobs", "1", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as runner:
        until(lambda: marker.exists() and marker.read_text())
        kernel = int(marker.read_text())
        assert alive(kernel)
        runner.send_signal(signal.SIGINT)
        shown, _ = runner.communicate(timeout=600)
    assert runner.returncode == 130
    assert "interrupted" in shown
    assert "not run" in shown
    assert not alive(kernel)
    assert "kept" in (workbook / ".mlworkbench" / "executed" / "01_part" / "01_first.ipynb").read_text()


@pytest.mark.parametrize("seconds", [0, 0.2, 0.6, 1, 1.5, 2, 3, 5])
def test_ctrl_c_at_any_moment(workbook: Path, seconds: float) -> None:
    """130, no traceback, and no lesson that is said to have failed."""
    for name in ("01_first", "02_second"):
        notebook(workbook / "notebooks" / "01_part" / f"{name}.ipynb", "import time\ntime.sleep(600)")
    code, shown = interrupted("run", "--jobs", "2", "1", after=seconds)
    assert (code, "Traceback" in shown, "failed" in shown) == (130, False, False), shown
