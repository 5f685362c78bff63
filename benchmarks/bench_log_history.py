"""`log_history` against a loop of `log_metric`, with every point read back afterwards."""

from __future__ import annotations

import os
import statistics
import tempfile

import mlflow

import mlworkbench as wb
from benchmarks.measure import seconds

POINTS = 10_000
LOOP_POINTS = 1000  # the loop is measured on fewer points and scaled up: each costs the same
REPEATS = 5


def loop(name: str) -> None:
    """The plain way."""
    for step in range(LOOP_POINTS):
        mlflow.log_metric(name, step, step=step)


if __name__ == "__main__":
    ratios = []
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        with mlflow.start_run() as run:
            wb.log_history({"warm": range(1000)})
            for number in range(REPEATS):
                plain = seconds(lambda: loop(f"loop {number}")) * POINTS / LOOP_POINTS  # noqa: B023
                ours = seconds(lambda: wb.log_history({f"ours {number}": range(POINTS)}))  # noqa: B023
                ratios.append(plain / ours)
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "ours 0")
        assert [point.step for point in history] == list(range(POINTS))  # noqa: S101
    ratio = statistics.median(ratios)
    print(f"log_history of {POINTS} points: loop {plain:.1f} s, ours {ours:.2f} s, {ratio:.0f} times faster")
