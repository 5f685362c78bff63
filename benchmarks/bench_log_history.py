"""`log_history` against a loop of `log_metric`, on the embedded store and on a server, with every point read back."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import mlflow

import mlworkbench as wb
from benchmarks.measure import note, require_quiet, seconds, sized
from mlworkbench.ports import free_port

POINTS = sized(10_000, 1000)
LOOP_POINTS = sized(1000, 100)  # the loop is measured on fewer points and scaled up: each costs the same
REPEATS = sized(3, 1)


def loop(name: str) -> None:
    """The plain way."""
    for step in range(LOOP_POINTS):
        mlflow.log_metric(name, step, step=step)


def compare(store: str) -> None:
    """Measure both ways in turn in one run, read every point back, and print a line."""
    ratios = []
    with mlflow.start_run() as run:
        wb.log_history({"warm": range(1000)})
        for number in range(REPEATS):
            plain = seconds(lambda: loop(f"loop {number}")) * POINTS / LOOP_POINTS  # noqa: B023
            ours = seconds(lambda: wb.log_history({f"ours {number}": range(POINTS)}))  # noqa: B023
            ratios.append(plain / ours)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "ours 0")
    assert sorted(point.step for point in history) == list(range(POINTS))  # noqa: S101
    ratio = statistics.median(ratios)
    note(
        f"log_history, {POINTS} points, {store}, against a loop",
        f"{plain:.1f} s plain, {ours:.2f} s ours, {ratio:.0f} times faster",
        spread=f"{min(ratios):.3g} to {max(ratios):.3g}",
        repeats=REPEATS,
    )


@contextlib.contextmanager
def server(folder: str) -> Iterator[str]:
    """A tracking server on a store of its own."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/kept"]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    env.pop("MLFLOW_TRACKING_URI", None)
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        compare("embedded SQLite store")
        with server(home) as uri:
            for _ in range(120):
                with contextlib.suppress(wb.StoreError):
                    wb.start("benchmark", tracking_uri=uri)
                    break
                time.sleep(0.5)
            compare("tracking server")
