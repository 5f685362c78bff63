"""A sweep runs every point once, keeps what is finished, and continues whatever has happened to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import psutil
import pytest

import mlworkbench as wb
from mlworkbench.notebooks.job import prepare
from mlworkbench.notebooks.point import TURN_TAG, create_run
from mlworkbench.notebooks.resume import elsewhere
from tests.notebooks import notebook
from tests.waiting import alive, until

pytestmark = pytest.mark.processes

NOTES = """
import os, pathlib, time
log = pathlib.Path(folder, f'{n}')
with log.open('a') as file:
    print('begun', os.getpid(), file=file)
time.sleep(0.2)
"""
ENDS = "with log.open('a') as file:\n    print('ended', file=file)"


@pytest.fixture
def noted(tmp_path: Path, home: Path) -> Path:
    """A notebook that notes each of its executions, by point, in the folder `log`."""
    (tmp_path / "log").mkdir()
    return notebook(
        tmp_path / "noted.ipynb", f"n = 0\nfolder = {str(tmp_path / 'log')!r}", NOTES, ENDS, parameters=True
    )


def executions(tmp_path: Path) -> dict[int, list[str]]:
    return {int(path.name): path.read_text().split("\n")[:-1] for path in (tmp_path / "log").iterdir()}


def kernels(tmp_path: Path) -> set[int]:
    return {int(line.split()[1]) for lines in executions(tmp_path).values() for line in lines if "begun" in line}


def children(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return {int(child) for child in listed.stdout.split()}


def begin(notebook: Path, points: int, *options: str) -> subprocess.Popen[bytes]:
    grid = "n=" + ",".join(str(n) for n in range(points))
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(notebook), "--grid", grid, "--jobs", "2", *options]
    return subprocess.Popen(command)


def runs(**where: str) -> list[mlflow.entities.Run]:
    wb.start("noted")
    found = mlflow.search_runs(output_format="list", max_results=1000)
    return [run for run in found if "mlworkbench.point" in run.data.tags and where.items() <= run.data.tags.items()]


def parents() -> set[str]:
    return {run.data.tags["mlflow.parentRunId"] for run in runs()}


@pytest.mark.parametrize(("backend", "points"), [("threading", 12), ("loky", 4)])
def test_a_sweep_killed_half_way_continues(tmp_path: Path, noted: Path, backend: str, points: int) -> None:
    """SIGKILL: every finished point is kept, none of them runs again, kernels end, the parent is the same."""
    with begin(noted, points, "--backend", backend) as first:
        until(lambda: first.poll() is not None or len(runs(outcome="passed")) >= points // 2 - 1)
        first.send_signal(signal.SIGKILL)
    until(
        lambda: (
            not any(alive(int(lines[-1].split()[1])) for lines in executions(tmp_path).values() if "begun" in lines[-1])
        )
    )
    time.sleep(1)
    finished = {run.info.run_id for run in runs(outcome="passed") if run.info.status == "FINISHED"}
    before = executions(tmp_path)
    table = wb.sweep(noted, {"n": range(points)}, n_jobs=2, backend=backend)
    assert table["n"].tolist() == list(range(points))
    assert (table["outcome"] == "passed").all()
    assert set(table.loc[table["reused"], "run_id"]) == finished
    after = executions(tmp_path)
    for n, reused in zip(table["n"], table["reused"], strict=True):
        assert after[n][-1] == "ended"
        assert after[n] == before[n] if reused else after[n] != before.get(n)
    assert len(parents()) == 1
    parent = mlflow.get_run(parents().pop())
    assert (parent.info.status, parent.data.tags["outcome"]) == ("FINISHED", f"{points} passed")
    assert {run.info.status for run in runs()} <= {"FINISHED", "KILLED"}


@pytest.mark.parametrize("backend", ["loky"])
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, noted: Path, backend: str) -> None:
    """Its point and the one beside it run again, finished ones do not, and none is lost."""
    once = tmp_path / "once"
    kills = (
        f"import os, pathlib, signal\nonce = pathlib.Path({str(once)!r})\n"
        "if n == 3 and not once.exists():\n    once.touch()\n"
        "    os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGKILL)"  # who talks to this kernel
    )
    lines = f"n = 0\nfolder = {str(tmp_path / 'log')!r}"
    path = notebook(tmp_path / "noted.ipynb", lines, NOTES, kills, ENDS, parameters=True)
    table = wb.sweep(path, {"n": range(6)}, n_jobs=2, backend=backend)
    assert (table["outcome"] == "passed").all()
    assert once.exists()
    assert sorted(run.data.params["n"] for run in runs(outcome="passed")) == list("012345")
    assert 1 <= len(runs(outcome="interrupted")) <= 2


def test_a_sweep_grows_and_failed_points_run_again(tmp_path: Path, noted: Path) -> None:
    """Only what is new or failed runs; without `resume`, or after a change of the notebook, everything does."""
    fails = f"import pathlib\nassert n != 1 or pathlib.Path({str(tmp_path / 'mended')!r}).exists()"
    path = notebook(tmp_path / "noted.ipynb", "n = 0\nm = 0.5", fails, parameters=True)
    first = wb.sweep(path, {"n": [0, 1]}, n_jobs=2)
    assert [outcome.split()[0] for outcome in first["outcome"]] == ["passed", "failed"]
    (parent,) = [
        run
        for run in mlflow.search_runs([runs()[0].info.experiment_id], output_format="list")
        if "mlworkbench.point" not in run.data.tags
    ]
    assert (parent.info.status, parent.data.tags["outcome"]) == ("FAILED", "1 passed, 1 failed")
    (tmp_path / "mended").touch()
    grown = wb.sweep(path, {"n": [1, 0, 2]}, n_jobs=2)
    assert grown["reused"].tolist() == [False, True, False]
    assert (grown["outcome"] == "passed").all()
    assert parents() == {parent.info.run_id}
    other = wb.sweep(path, [{"n": 1}, {"n": 0, "m": 0.5}, {"n": 2, "m": 1}], n_jobs=2)
    assert other["reused"].tolist() == [True, True, False]
    assert other["m"].tolist() == [0.5, 0.5, 1.0]
    assert len(parents()) == 2  # other parameters: another sweep
    again = wb.sweep(path, {"n": [0]}, resume=False)
    assert not again["reused"].any()
    assert len(parents()) == 3
    notebook(path, "n = 0\nm = 0.5", fails + "\n# changed", parameters=True)
    assert not wb.sweep(path, {"n": [0]})["reused"].any()


def test_ctrl_c_leaves_nothing_running(tmp_path: Path, noted: Path) -> None:
    """Kernels are gone when the command ends; its points and their parent are KILLED, and can be continued."""
    sleeps = "import time\ntime.sleep(600)"
    lines = f"n = 0\nfolder = {str(tmp_path / 'log')!r}"
    path = notebook(tmp_path / "noted.ipynb", lines, NOTES, sleeps, parameters=True)
    with begin(path, 4) as sweep:
        until(lambda: sweep.poll() is not None or len(kernels(tmp_path)) == 2)
        sweep.send_signal(signal.SIGINT)
        assert sweep.wait(600) == 130
    until(lambda: not any(map(alive, kernels(tmp_path))))
    assert [run.info.status for run in runs()] == ["KILLED"] * 2
    assert mlflow.get_run(runs()[0].data.tags["mlflow.parentRunId"]).info.status == "KILLED"


def test_a_fork_server_that_is_killed_takes_the_sweep_along(
    tmp_path: Path, noted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting again at once runs no finished point twice, and leaves nothing RUNNING."""
    monkeypatch.setenv("IPYTHON_MARK", str(tmp_path))  # a server of its own
    with begin(noted, 12) as first:
        until(lambda: first.poll() is not None or len(runs(outcome="passed")) >= 4)
        found = [p for p in psutil.process_iter() if is_server(p, str(tmp_path))]
        (server,) = [p for p in found if p.ppid() not in [other.pid for other in found]]
        server.kill()
        assert first.wait(600) == 137
    with begin(noted, 12) as second:
        assert second.wait(600) == 0
    noted_twice = [n for n, lines in executions(tmp_path).items() if lines.count("ended") > 1]
    assert len(noted_twice) <= 2  # those at which the kill came between their last line and their record
    assert sorted(int(run.data.params["n"]) for run in runs(outcome="passed")) == list(range(12))
    assert len(parents()) == 1
    assert {run.info.status for run in runs()} <= {"FINISHED", "KILLED"}


def is_server(process: psutil.Process, mark: str) -> bool:
    try:
        return "warmkernel/server.py" in " ".join(process.cmdline()) and process.environ().get("IPYTHON_MARK") == mark
    except psutil.Error:
        return False


@pytest.mark.parametrize("turn", ["asks", "goes"])
def test_of_two_points_made_at_the_same_moment_one_waits(tmp_path: Path, home: Path, turn: str) -> None:
    """The later one did not see the earlier one when it looked, since that was being made: it works at the point."""
    wb.start("moment")
    job = prepare(notebook(tmp_path / "a.ipynb", "n = 0", parameters=True), experiment="moment")
    earlier, later = create_run(job, {"n": 1}, turn="asks"), create_run(job, {"n": 1}, turn=turn)
    client = mlflow.MlflowClient()

    def work() -> None:
        client.set_tag(later.info.run_id, TURN_TAG, "goes")
        time.sleep(2)
        client.set_terminated(later.info.run_id)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        assert elsewhere(job, earlier).info.run_id == later.info.run_id
        working.result()


def test_a_later_point_that_waits_is_not_waited_for(tmp_path: Path, home: Path) -> None:
    wb.start("moment")
    job = prepare(notebook(tmp_path / "a.ipynb", "n = 0", parameters=True), experiment="moment")
    earlier, later = create_run(job, {"n": 1}, turn="asks"), create_run(job, {"n": 1}, turn="waits")
    assert elsewhere(job, earlier) is None
    assert mlflow.get_run(earlier.info.run_id).data.tags[TURN_TAG] == "goes"
    assert mlflow.get_run(later.info.run_id).data.tags[TURN_TAG] == "waits"


def test_two_sweeps_of_the_same_points_at_once_share_them(tmp_path: Path, noted: Path) -> None:
    """Each tells of every point, and none runs twice."""
    wb.start("noted")
    with begin(noted, 8) as first, begin(noted, 8) as second:
        assert (first.wait(600), second.wait(600)) == (0, 0)
    assert {n: lines.count("ended") for n, lines in executions(tmp_path).items()} == dict.fromkeys(range(8), 1)
    assert {run.info.status for run in runs()} == {"FINISHED"}
    assert len(runs()) == 8


def test_children_of_killed_points_are_ended(tmp_path: Path, home: Path) -> None:
    """The run that the notebook has begun, wherever it logs, when the sweep is continued."""
    first = tmp_path / "first"
    sleeps = (
        f"import mlflow, pathlib, time\nmlflow.set_experiment('of the notebook')\nmlflow.start_run()\n"
        f"if not pathlib.Path({str(first)!r}).exists():\n    pathlib.Path({str(first)!r}).touch()\n    time.sleep(600)"
    )
    path = notebook(tmp_path / "noted.ipynb", "n = 0", sleeps, parameters=True)
    with begin(path, 1) as killed:
        until(lambda: killed.poll() is not None or first.exists())
        killed.send_signal(signal.SIGKILL)
    time.sleep(2)
    assert (wb.sweep(path, {"n": [0]})["outcome"] == "passed").all()
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert sorted(run.info.status for run in found) == ["FINISHED"] * 3 + ["KILLED"] * 2


@pytest.mark.slow
def test_two_hundred_points_are_recorded(tmp_path: Path, home: Path) -> None:
    """None is lost, although four write to one SQLite file at once; nothing runs when it is asked for again."""
    path = notebook(tmp_path / "noted.ipynb", "n = 0", "print('this is', n)", parameters=True)
    table = wb.sweep(path, {"n": range(200)}, n_jobs=4)
    assert (table["outcome"] == "passed").all()
    assert sorted(int(run.data.params["n"]) for run in runs(outcome="passed")) == list(range(200))
    for run in runs()[::40]:
        executed = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="noted.ipynb")
        assert f"this is {run.data.params['n']}\\n" in Path(executed).read_text()
    assert wb.sweep(path, {"n": range(200)})["reused"].all()
