"""A sweep runs every point once, keeps what is finished, and continues whatever has happened to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest

import mlworkbench as wb
from tests.notebooks import notebook

POINTS = 12
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


def begin(notebook: Path, points: int, *options: str) -> subprocess.Popen[bytes]:
    grid = "n=" + ",".join(str(n) for n in range(points))
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(notebook), "--grid", grid, "--jobs", "2", *options]
    return subprocess.Popen(command)


def wait_until(condition: Any, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process exists and is not just waiting to be collected."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def runs(**where: str) -> list[mlflow.entities.Run]:
    wb.start("noted")
    found = mlflow.search_runs(output_format="list", max_results=1000)
    return [run for run in found if "mlworkbench.point" in run.data.tags and where.items() <= run.data.tags.items()]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_sweep_killed_half_way_continues(tmp_path: Path, noted: Path, backend: str) -> None:
    """SIGKILL: every finished point is kept, none of them runs again, kernels end, the parent is the same."""
    with begin(noted, POINTS, "--backend", backend) as first:
        wait_until(lambda: len(runs(outcome="passed")) >= POINTS // 3)
        first.send_signal(signal.SIGKILL)
    wait_until(
        lambda: (
            not any(alive(int(lines[-1].split()[1])) for lines in executions(tmp_path).values() if "begun" in lines[-1])
        )
    )
    time.sleep(1)
    finished = {run.info.run_id for run in runs(outcome="passed")}
    before = executions(tmp_path)
    table = wb.sweep(noted, {"n": range(POINTS)}, n_jobs=2, backend=backend)
    assert table["n"].tolist() == list(range(POINTS))
    assert (table["outcome"] == "passed").all()
    assert set(table.loc[table["reused"], "run_id"]) == finished
    after = executions(tmp_path)
    for n, reused in zip(table["n"], table["reused"], strict=True):
        assert sum(line.startswith("begun") for line in after[n]) == 1 if reused else after[n][-1] == "ended"
        assert after[n] == before[n] if reused else True
    parents = {run.data.tags["mlflow.parentRunId"] for run in runs()}
    assert len(parents) == 1
    parent = mlflow.get_run(parents.pop())
    assert (parent.info.status, parent.data.tags["outcome"]) == ("FINISHED", f"{POINTS} passed")
    assert {run.info.status for run in runs()} <= {"FINISHED", "KILLED"}
