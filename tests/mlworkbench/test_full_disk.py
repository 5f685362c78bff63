"""A disk that is full, at whatever moment: three sentences, no traceback, and no run that stays RUNNING."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from tests.notebooks import notebook

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name == "nt", reason="the system refuses what goes beyond a size, as a full disk does"),
]

CALLS = """
import sys
import mlflow, pandas as pd
from mlflow.models import MetricThreshold
from sklearn.linear_model import LogisticRegression
import mlworkbench as wb

rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
enough = {"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)}
model = LogisticRegression().fit(rows[["a"]], rows["y"])
wb.start("full")
with mlflow.start_run() as run:
    uri = wb.log_model(model, "m", example=rows[["a"]]).model_uri
wb.register(uri, "wine")
calls = {
    "log_model": lambda: wb.log_model(model, "m", example=rows[["a"]]),
    "log_history": lambda: wb.log_history({"loss": list(range(5000))}, run_id=run.info.run_id),
    "validate": lambda: wb.validate(uri, None, rows, target="y", thresholds=enough),
    "score": lambda: wb.score("models:/wine/1", rows[["a"]]),
    "promote": lambda: wb.promote("wine", 1),
    "run_project": lambda: wb.run_project("."),
    "run_step": lambda: wb.run_step(".", "main"),
}
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
for name, call in calls.items():
    try:
        call()
        print(name, "done")
    except wb.WorkbenchError as error:
        print(name, "refused", " ".join(str(error).split()))
"""


def left_running() -> list[str]:
    """What a later call finds, which ends what ended processes have left."""
    wb.start("later")
    where = "attributes.status = 'RUNNING'"
    found = mlflow.search_runs(search_all_experiments=True, filter_string=where, output_format="list")
    return [run.info.run_name for run in found]


@pytest.mark.parametrize("room", [5_000, 60_000, 200_000])
def test_functions(room: int, home: Path, tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text("name: p\nentry_points: {main: {command: 'echo done'}}\n")
    command = [sys.executable, "-c", CALLS, str(room)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "refused" in done.stdout
    assert all("Do this: " in line for line in done.stdout.splitlines() if "refused" in line)
    assert left_running() == []


@pytest.mark.parametrize("room", [5_000, 60_000, 130_000])
@pytest.mark.parametrize("given", [("-p", "n", "2"), ("--grid", "n=1,2")], ids=["once", "grid"])
def test_reruns(room: int, given: tuple[str, ...], home: Path, tmp_path: Path) -> None:
    """In processes whose files are limited, the kernel's too; the notebook alone takes 200,000 bytes."""
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    path = notebook(tmp_path / "a.ipynb", "n = 0", "import os\nprint(os.urandom(100_000).hex())", parameters=True)
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(path), *given]
    env = os.environ | {"MLWORKBENCH_WARM_SECONDS": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=env, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr
    assert "Do this: " in done.stderr or "failed" in done.stdout
    assert left_running() == []
