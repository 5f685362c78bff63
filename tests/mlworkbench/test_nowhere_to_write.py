"""A folder or a disk that takes nothing: told at once, without a traceback, and what was there before stays whole."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge

import mlworkbench as wb
from mlworkbench.cli import main
from mlworkbench.waiting import patience
from tests.notebooks import notebook

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="has a folder in which even root can make nothing: /proc"),
]

ROWS = np.arange(8.0).reshape(4, 2)
MODEL = Ridge().fit(ROWS, ROWS[:, 0])
CALLS: dict[str, Callable[[], Any]] = {
    "log_model": lambda: wb.log_model(MODEL, "model", example=ROWS),
    "log_history": lambda: wb.log_history({"loss": [1, 2]}, run_id="a run"),
    "score": lambda: wb.score("models:/wine/1", pd.DataFrame(ROWS)),
    "describe_model": lambda: wb.describe_model("models:/wine/1"),
    "serve": lambda: wb.serve("models:/wine/1").__enter__(),
    "promote": lambda: wb.promote("wine", 1),
    "runs_table": lambda: wb.runs_table("mine"),
    "run_project": lambda: wb.run_project("."),
    "start": lambda: wb.start("mine"),
}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory and a home in which nothing can be made."""
    monkeypatch.chdir("/proc")
    monkeypatch.setenv("MLWORKBENCH_HOME", "/proc/none")


@pytest.mark.parametrize("name", CALLS)
def test_a_store_that_cannot_be_made_is_told_at_once(name: str, nowhere: None) -> None:
    """MLflow alone tries for two minutes to make its own in the working directory, and ends in a traceback."""
    begun = time.monotonic()
    with pytest.raises(wb.StoreError, match=r"the folder /proc(/none)? cannot be written"):
        CALLS[name]()
    assert time.monotonic() - begun < patience(60)


def test_a_check_without_a_store_says_so_and_that_its_outcome_is_not_kept(nowhere: None) -> None:
    begun = time.monotonic()
    feedback = wb.check("0", run_id="a run")
    assert feedback.status == "Not yet"
    assert "the folder /proc cannot be written" in feedback.message
    assert "This outcome is not kept for `mlworkbench progress`: " in feedback.message
    assert time.monotonic() - begun < patience(60)


def test_a_store_that_can_be_read_by_nobody_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one on a read-only disk, beside which SQLite cannot make the files it reads with."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}")
    begun = time.monotonic()
    with pytest.raises(wb.StoreError, match="unable to open database file"):
        wb.runs_table("mine")
    assert time.monotonic() - begun < patience(60)


def test_outcomes_that_cannot_be_read_are_told_and_not_replaced(home: Path) -> None:
    (home / "progress.json").mkdir()
    feedback = wb.check("tracking.1", run_id=5)
    assert feedback.status == "Not yet"
    assert "progress.json cannot be read" in feedback.message
    told = CliRunner().invoke(main, ["progress"])
    assert told.exit_code == 2
    assert "progress.json cannot be read" in told.stderr


FULL = """
import resource, signal
from pathlib import Path
import nbformat
import mlworkbench as wb
from mlworkbench.notebooks.notebook_file import read_notebook, write_notebook

node = read_notebook("a.ipynb")
node.cells[0].source = "new = 1" * 1000
wb.check  # is imported
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, -1))
print(wb.check("tracking.1", run_id=5))
try:
    write_notebook(node, Path("a.ipynb"))
except wb.NotebookError as error:
    print(error)
"""


def test_a_full_disk_leaves_no_part_of_a_file(home: Path, tmp_path: Path) -> None:
    """Neither of outcomes nor of a notebook, for which there is no room anywhere."""
    place = notebook(tmp_path / "work" / "a.ipynb", "old = 1")
    before = place.read_text()
    (home / "progress.json").write_text('{"tracking.2": "Passed"}')
    command = [sys.executable, "-c", FULL]
    done = subprocess.run(command, cwd=place.parent, capture_output=True, text=True, check=False)
    assert "Not yet (task tracking.1)" in done.stdout, done.stderr
    assert "not kept for `mlworkbench progress`: OSError: [Errno 27]" in done.stdout
    assert "it is lost" in done.stdout
    assert json.loads((home / "progress.json").read_text()) == {"tracking.2": "Passed"}
    assert place.read_text() == before
    assert [*place.parent.iterdir()] == [place]
    assert not [path for path in home.iterdir() if "kept" in path.name or "new" in path.name]
