"""A rerun is one MLflow run that tells everything about it, whatever came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import pytest
from click.testing import CliRunner

import mlworkbench as wb
from mlworkbench.cli import main
from tests.notebooks import interrupted, notebook
from tests.waiting import alive, until

pytestmark = pytest.mark.processes

PARAMETERS = "n = 1  # how many\nword = 'a'\nboth = 7 if n else 0"


def artifact(run: mlflow.entities.Run, name: str) -> str:
    return Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name)).read_text()


def test_a_rerun_records_everything_and_adopts_the_runs_of_the_notebook(tmp_path: Path, home: Path) -> None:
    """Parameters with defaults, outcome, seconds, executed copy and HTML; plain MLflow code needs no change."""
    logs = (
        "import mlflow, os\nmlflow.set_experiment('of the notebook')\n"
        "with mlflow.start_run() as outer:\n    mlflow.log_metric('score', n)\n    mlflow.log_metric('loss', 1)\n"
        "    with mlflow.start_run(nested=True) as inner:\n        mlflow.log_metric('loss', 2)\n"
        "with mlflow.start_run():\n    mlflow.log_metric('loss', 3)\n"
        "print(word * n, os.getcwd())"
    )
    path = notebook(tmp_path / "deep" / "a{b}.ipynb", PARAMETERS, logs, parameters=True)
    before = path.read_bytes()
    os.environ["MLFLOW_RUN_ID"] = "of a project that this process runs in"
    run = wb.rerun(path, n=3, word='x"{}\\', both=2)
    assert (run.info.status, run.data.tags["outcome"]) == ("FINISHED", "passed")
    assert run.data.params == {"n": "3", "word": 'x"{}\\', "both": "2"}
    assert run.data.metrics["seconds"] > 0
    assert mlflow.get_experiment(run.info.experiment_id).name == "a{b}"
    assert (
        f"{'x' * 0}{run.data.params['word'] * 3} {path.parent}"
        in nbformat.reads(artifact(run, "a{b}.ipynb"), as_version=4).cells[-1].outputs[0].text
    )
    assert "<html" in artifact(run, "a{b}.html")
    children = wb.runs_table("of the notebook")
    parents = [mlflow.get_run(run_id).data.tags["mlflow.parentRunId"] for run_id in children["run_id"]]
    assert parents.count(run.info.run_id) == 2
    assert len(parents) == 3
    assert run.data.metrics["score"] == 3
    assert "loss" not in run.data.metrics
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("cell", "timeout", "outcome"),
    [
        ("print('begun')\n1 / 0", None, "failed in cell 3: ZeroDivisionError: division by zero"),
        ("print('begun', flush=True)\nimport time\ntime.sleep(600)", 3, "the cell took longer than the timeout"),
        ("import os\nprint('begun', flush=True)\nos.kill(os.getpid(), 9)", None, "the kernel's process ended"),
    ],
)
def test_a_failure_is_kept_with_its_cell(
    tmp_path: Path, home: Path, cell: str, timeout: float | None, outcome: str
) -> None:
    path = notebook(tmp_path / "a.ipynb", "n = 1", "print('before')", cell, "print('after')", parameters=True)
    wb.start("mine")
    with mlflow.start_run() as around:
        run = wb.rerun(path, n=2, timeout=timeout)
    assert run.info.status == "FAILED"
    assert outcome in run.data.tags["outcome"]
    assert "in cell 3" in run.data.tags["mlflow.note.content"]
    assert cell in run.data.tags["mlflow.note.content"]
    kept = artifact(run, "a.ipynb")
    assert '"before\\n"' in kept
    assert '"after\\n"' not in kept
    assert run.data.tags["mlflow.parentRunId"] == around.info.run_id
    assert run.info.experiment_id == around.info.experiment_id


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"m": 1}, "no parameter is called 'm'"),
        ({"n": "many"}, "a value of type int"),
        ({"timeout": 0}, "a number of seconds above 0"),
    ],
)
def test_nothing_runs_when_a_value_is_wrong(tmp_path: Path, home: Path, values: dict[str, Any], message: str) -> None:
    path = notebook(tmp_path / "a.ipynb", PARAMETERS, parameters=True)
    wb.start("mine")
    with pytest.raises(wb.NotebookError, match=message):
        wb.rerun(path, **values)
    assert mlflow.search_runs(search_all_experiments=True).empty


def test_nothing_runs_when_the_notebook_cannot(tmp_path: Path, home: Path) -> None:
    (tmp_path / "text.ipynb").write_text("hello")
    plain = notebook(tmp_path / "plain.ipynb", "a = 1")
    foreign = notebook(tmp_path / "foreign.ipynb", "a = 1", kernel="fortran")
    for path, message in [(tmp_path / "text.ipynb", "is not a notebook"), (foreign, "there are: .*python3")]:
        with pytest.raises(wb.NotebookError, match=message):
            wb.rerun(path)
    with pytest.raises(wb.NotebookError, match="Tag that cell"):
        wb.rerun(plain, a=2)


def test_ctrl_c_is_recorded_and_leaves_no_kernel(tmp_path: Path, home: Path) -> None:
    """From the shell: the run is KILLED, the executed part kept, the kernel gone."""
    pid = tmp_path / "pid"
    sleeps = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    path = notebook(tmp_path / "a.ipynb", "n = 1", "print('before')", sleeps, parameters=True)
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(path), "-p", "n", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as runner:
        until(lambda: pid.exists() and pid.read_text())
        runner.send_signal(signal.SIGINT)
        _, told = runner.communicate(timeout=600)
    assert runner.returncode == 130
    assert "Interrupted." in told
    until(lambda: not alive(int(pid.read_text())))
    wb.start("a")
    (run,) = mlflow.search_runs(output_format="list")
    assert (run.info.status, run.data.tags["outcome"]) == ("KILLED", "interrupted")
    assert "before" in artifact(run, "a.ipynb")


SLEEPS = """
import mlflow, os, pathlib, time
print("before")
mlflow.start_run()
pathlib.Path(folder, "pid").write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def sleeper(tmp_path: Path, home: Path) -> Path:
    """A notebook that starts a run and sleeps in it."""
    return notebook(tmp_path / "sleeps.ipynb", f"folder = {str(tmp_path)!r}", SLEEPS, parameters=True)


def statuses() -> list[str]:
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return sorted(run.info.status for run in found)


@pytest.mark.parametrize("warm", ["30", "0"])
def test_what_a_kill_leaves_running_is_ended_by_the_next_call(
    tmp_path: Path, sleeper: Path, warm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rerun and the run of its notebook, when all that worked at them is killed."""
    monkeypatch.setenv("MLWORKBENCH_WARM_SECONDS", warm)
    wb.start("any")
    with subprocess.Popen([sys.executable, "-m", "mlworkbench", "rerun", str(sleeper)]) as runner:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        runner.send_signal(signal.SIGKILL)
    until(lambda: not alive(int((tmp_path / "pid").read_text())))
    until(lambda: wb.start("any") and statuses() == ["KILLED"] * 2)


RECORDS_SLOWLY = """
import sys, time
import mlworkbench as wb
from mlworkbench.notebooks import point
record = point.record
def slow(*arguments):
    print("recording", flush=True)
    time.sleep(2)
    record(*arguments)
point.record = slow
wb.rerun(sys.argv[1])
"""


def test_ctrl_c_while_recording_loses_nothing(tmp_path: Path, home: Path) -> None:
    """The run ends as it was going to, and the process as one that was interrupted."""
    path = notebook(tmp_path / "a.ipynb", "n = 1", "print('before')", parameters=True)
    command = [sys.executable, "-c", RECORDS_SLOWLY, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runner:
        while "recording" not in runner.stdout.readline():  # type: ignore[union-attr]
            assert runner.poll() is None
        runner.send_signal(signal.SIGINT)
        assert runner.wait(120) == -signal.SIGINT
    wb.start("a")
    (run,) = mlflow.search_runs(output_format="list")
    assert (run.info.status, run.data.tags["outcome"]) == ("FINISHED", "passed")
    assert "before" in artifact(run, "a.ipynb")


@pytest.mark.parametrize("seconds", [0, 0.1, 0.3, 0.6, 1.2, 2, 4])
def test_ctrl_c_at_any_moment(tmp_path: Path, sleeper: Path, seconds: float) -> None:
    """130 and no traceback, also during the imports; nothing is RUNNING after the next call."""
    code, told = interrupted("rerun", str(sleeper), after=seconds)
    assert (code, "Traceback" in told, "Interrupted." in told) == (130, False, True), told
    until(lambda: wb.start("any") and "RUNNING" not in statuses())


@pytest.mark.parametrize("what", ["refuses", "is full"])
def test_the_executed_notebook_is_kept_where_the_store_has_no_place(tmp_path: Path, home: Path, what: str) -> None:
    """Its folder is told in the outcome, or else in the error."""
    path = notebook(tmp_path / "a.ipynb", "n = 1", f"print('worth {'a' * 3} lot')", parameters=True)
    wb.start("a")
    (home / "artifacts").mkdir(exist_ok=True)
    if what == "refuses":
        (home / "artifacts" / mlflow.get_experiment_by_name("a").experiment_id).write_text("no folder")
        run = wb.rerun(path)
        assert run.info.status == "FAILED"
        told = run.data.tags["outcome"]
    else:
        fills = f"import sqlite3\nstore = sqlite3.connect({str(home / 'mlflow.db')!r})\n" + FULL
        notebook(path, "n = 1", "print('worth aaa lot')", fills, parameters=True)
        with pytest.raises(wb.WorkbenchError, match="could not be recorded") as caught:
            wb.rerun(path)
        told = str(caught.value)
    kept = Path(told.split("kept as ")[1].split(";")[0].split(".\n")[0])
    try:
        assert "worth aaa lot" in kept.read_text()
        assert kept.stat().st_mode & 0o077 == 0
    finally:
        kept.unlink()


FULL = """
store.execute("CREATE TRIGGER full BEFORE INSERT ON metrics BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
store.execute("CREATE TRIGGER more BEFORE INSERT ON tags BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
store.commit()
store.close()
"""


def test_the_command_line(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--dry-run` checks and lists; the exit status tells the outcome; a mistake is told in three sentences."""
    path = str(notebook(tmp_path / "a.ipynb", PARAMETERS, "assert n < 5", parameters=True))
    call = CliRunner().invoke
    done = call(main, ["rerun", path, "-p", "both", "1", "--grid", "n=1,2", "--grid", "word=x,y", "--dry-run"])
    assert done.output.splitlines()[2:] == [
        "both=1, n=2, word='x'",
        "both=1, n=2, word='y'",
        "4 point(s); nothing has been run",
    ]
    assert not (home / "artifacts").exists()
    for arguments, told in [
        (["-p", "wrod", "x"], "Did you mean 'word'"),
        (["--grid", "n"], "empty grid"),
        (["-p", "n", "1", "--grid", "n=1,2"], "'n' twice"),
        (["--grid", "word=a,b", "--backend", "loki"], "Did you mean 'loky'"),
        (["--grid", "word=a,b", "--jobs", "0"], "at least 1"),
        (["--grid", "word=a,b", "--ray-address", "127.0.0.1:1"], 'backend="ray"'),
    ]:
        done = call(main, ["rerun", path, *arguments])
        assert (done.exit_code, told in done.output) == (2, True), done.output
    done = call(main, ["rerun", path, "-p", "both", "1", "--grid", "n=4,5", "--jobs", "2", "--experiment", "mine"])
    assert done.exit_code == 1
    assert "failed in cell 2: AssertionError" in done.output
    assert wb.runs_table("mine", "tags.outcome = '1 passed, 1 failed'").shape[0] == 1


@pytest.mark.parametrize("metadata", [{"kernelspec": {}}, {"widgets": None}], ids=["no kernel", "no widgets"])
def test_what_other_tools_leave_empty_costs_no_page(metadata: dict[str, Any], tmp_path: Path, home: Path) -> None:
    node = json.loads(notebook(tmp_path / "a.ipynb", "print(1)").read_text()) | {"metadata": metadata}
    (tmp_path / "a.ipynb").write_text(json.dumps(node))
    run = wb.rerun(tmp_path / "a.ipynb")
    assert run.data.tags["outcome"] == "passed"
    assert artifact(run, "a.html").startswith("<!DOCTYPE html>")
