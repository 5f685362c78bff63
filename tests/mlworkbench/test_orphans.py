"""A run whose process has ended is ended by the next call; one that lives, or is out of sight, is left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from mlworkbench.orphans import PROCESS_TAG, end_orphans, end_run, is_alive, is_dead, this_process

pytestmark = pytest.mark.processes

WORKS = """
import mlflow, sys, time
import mlworkbench as wb
from mlworkbench.orphans import PROCESS_TAG, this_process
wb.start("orphans")
mlflow.start_run(tags={PROCESS_TAG: this_process()})
mlflow.set_experiment("of the notebook")
child = mlflow.start_run(nested=True)
mlflow.start_run(nested=True)
print("begun", flush=True)
time.sleep(600)
"""


GATES = """
import time
import mlflow, pandas as pd
from mlflow.models import MetricThreshold
import mlworkbench as wb
def slow(rows):
    print("begun", flush=True)
    time.sleep(600)
wb.start("orphans")
rows = pd.DataFrame({"a": [0.0, 1.0], "y": [0, 1]})
enough = {"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)}
wb.validate(slow, None, rows, target="y", thresholds=enough)
"""


def statuses() -> dict[str, int]:
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    names = [run.info.status for run in found]
    return {name: names.count(name) for name in set(names)}


@pytest.mark.parametrize(("code", "runs"), [(WORKS, 3), (GATES, 2)], ids=["a rerun", "a gate"])
def test_what_a_killed_process_leaves_is_ended_with_its_children(code: str, runs: int, home: Path) -> None:
    """By `start`, while the process is left alone as long as it lives."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        while "begun" not in process.stdout.readline():  # type: ignore[union-attr]
            assert process.poll() is None
        wb.start("orphans")
        assert statuses() == {"RUNNING": runs}
        process.send_signal(signal.SIGKILL)
    wb.start("orphans")
    assert statuses() == {"KILLED": runs}


def test_other_machines_and_other_tools_are_left_alone(home: Path) -> None:
    """Only what is known to be dead is ended; another process that has got the number is not the one that worked."""
    wb.start("orphans")
    client = mlflow.MlflowClient()
    machine, pid, begun = this_process().split(" ")
    tags = [f"elsewhere-1-2 {pid} 5", "nonsense", f"{machine} x y", this_process(), f"{machine} {pid} 1{begun}"]
    runs = [client.create_run("0", tags={PROCESS_TAG: tag}) for tag in tags] + [client.create_run("0")]
    assert [is_alive(run) for run in runs] == [False, False, False, True, False, False]
    assert [is_dead(run) for run in runs] == [False, False, False, False, True, False]
    assert end_orphans(client) == 1
    assert [client.get_run(run.info.run_id).info.status for run in runs] == ["RUNNING"] * 4 + ["KILLED", "RUNNING"]


def test_the_clock_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set meanwhile moves the boot time and the beginning of each process alike."""
    before = this_process()
    import psutil

    moved = psutil.boot_time() + 3600
    monkeypatch.setattr(psutil, "boot_time", lambda: moved)
    create = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create(self) + 3600)
    assert this_process() == before


def test_two_that_end_a_run_at_once(home: Path) -> None:
    """Both succeed, although each makes the same tag."""
    wb.start("orphans")
    from concurrent.futures import ThreadPoolExecutor

    client = mlflow.MlflowClient()
    runs = [client.create_run("0").info.run_id for _ in range(10)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run_id: end_run(client, run_id), runs * 4))
    ended = [client.get_run(run_id) for run_id in runs]
    assert {(run.info.status, run.data.tags["outcome"]) for run in ended} == {("KILLED", "interrupted")}
