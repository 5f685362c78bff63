"""Scoring: `serve` against `mlflow models serve` with 1, 4 and 16 clients at once, and `score` of 1,000,000 rows.

Both servers run at once and are asked in turns, of which each pair gives a ratio. ``python -m benchmarks.bench_serving
--few`` tries it with few turns and rows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import requests
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from benchmarks.measure import compare, note, require_quiet, sized
from mlworkbench.ports import free_port
from mlworkbench.serving.endpoint import Endpoint
from mlworkbench.serving.latency import Latency

TURNS = {1: sized(30, 2), 4: sized(12, 2), 16: sized(8, 2)}
"""How often each server is asked, by the clients that ask at once."""
REQUESTS = {1: 100, 4: 200, 16: 320}
ROWS, CHUNK, REPEATS = sized(1_000_000, 20_000), 10_000, 1
P99_LIMIT = 50  # milliseconds
MOST_RATIO = 1.1


@contextlib.contextmanager
def mlflow_models_serve(model_uri: str) -> Iterator[Endpoint]:
    """The server as the command line starts it."""
    port = free_port()
    here = Path(sys.executable).parent
    options = ["--model-uri", model_uri, "--port", str(port), "--env-manager", "local"]
    env = {**os.environ, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(), "PATH": f"{here}:{os.environ['PATH']}"}
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen([here / "mlflow", "models", "serve", *options], env=env, stdout=log, stderr=log)
        try:
            endpoint = Endpoint(f"http://127.0.0.1:{port}", process.pid, Path(log.name))
            while True:
                with contextlib.suppress(requests.RequestException):
                    requests.get(f"{endpoint.url}/ping", timeout=5)
                    break
                time.sleep(0.1)
            yield endpoint
        finally:
            process.terminate()
            process.wait()


def in_turns(*endpoints: Endpoint, rows: pd.DataFrame, clients: int) -> list[list[Latency]]:
    """Time servers in short turns, each as often first as last, so that what else the machine does meets all."""
    turns: dict[str, list[Latency]] = {endpoint.url: [] for endpoint in endpoints}
    for number in range(TURNS[clients]):
        for endpoint in endpoints if number % 2 else endpoints[::-1]:
            turns[endpoint.url].append(endpoint.latency(rows, REQUESTS[clients], clients=clients))
    return list(turns.values())


def note_rate(theirs: list[Latency], own: list[Latency], clients: int) -> bool:
    """Note how many answers a second came; ours is slower where it was so in three quarters of the turns."""
    ratios = [ours.per_second / plain.per_second for plain, ours in zip(theirs, own, strict=True)]
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    plain, ours = (np.median([turn.per_second for turn in turns]) for turns in (theirs, own))
    return note(
        f"scoring, {clients} clients at once, against mlflow models serve",
        f"{plain:.0f} answers/s plain, {ours:.0f} ours, {middle:.2f} times as many",
        wanted="no slower: 1 at most the upper quartile",
        reached=bool(high >= 1),
        spread=f"quartiles {low:.2f} and {high:.2f}",
        repeats=len(ratios),
    )


def note_latency(theirs: list[Latency], own: list[Latency]) -> bool:
    """Note how long one client waits for its answers."""
    a, b = (
        Latency(np.concatenate([turn.milliseconds for turn in turns]), turns[0].rows).percentiles
        for turns in (theirs, own)
    )
    reached = []
    for name in ("p50", "p99"):
        ratio = b[name] / a[name]
        wanted, holds = f"a ratio of at most {MOST_RATIO}", ratio <= MOST_RATIO
        if name == "p99":
            wanted, holds = f"{wanted}, under {P99_LIMIT} ms", holds and b[name] < P99_LIMIT
        figure = f"{a[name]:.2f} ms plain, {b[name]:.2f} ms ours, ratio {ratio:.2f}"
        reached.append(
            note(f"answering a 14-day window, {name}", figure, wanted=wanted, reached=holds, repeats=len(own))
        )
    return all(reached)


def serve_models() -> bool:
    """Compare both servers while both run; whether ours holds what is promised."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 14)), columns=[f"day_{day}" for day in range(1, 15)])
    info = wb.log_model(LogisticRegression().fit(frame, frame["day_14"] > 0), "window", example=frame[:5])
    begun, reached = time.perf_counter(), []
    with mlflow_models_serve(info.model_uri) as plain:
        plain_ready, begun = time.perf_counter() - begun, time.perf_counter()
        with wb.serve(info.model_uri) as ours:
            ready = f"{plain_ready:.1f} s plain, {time.perf_counter() - begun:.1f} s ours"
            note("a model server is ready, against mlflow models serve", ready)
            for clients in TURNS:
                theirs, own = in_turns(plain, ours, rows=frame[:1], clients=clients)
                if clients == 1:
                    reached.append(note_latency(theirs, own))
                reached.append(note_rate(theirs, own, clients))
    return all(reached)


def loop(uri: str, table: pd.DataFrame) -> None:
    """What everybody can do to have the same: predict part by part, and keep the traced result in a run."""
    model = mlflow.pyfunc.load_model(uri)
    parts = [model.predict(table[begin : begin + CHUNK]) for begin in range(0, len(table), CHUNK)]
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        traced = {"model_version": uri.removeprefix("models:/"), "run_id": run.info.run_id}
        scored = table.assign(prediction=np.concatenate(parts), **traced)
        scored.to_csv(Path(folder, "scores.csv"))
        mlflow.log_artifact(str(Path(folder, "scores.csv")))


def score_many() -> bool:
    """Compare `score` with the loop, which keeps the same columns."""
    wine = wb.load_wine()
    rows = wine.drop(columns="cultivar")
    model = LogisticRegression(max_iter=10_000).fit(rows, wine["cultivar"])
    wb.log_model(model, "many", example=rows.astype(float)[:5], registered_model_name="many")
    table = rows.astype(float).sample(ROWS, replace=True, random_state=0, ignore_index=True)
    what = f"scoring {ROWS:,} rows with a registered model, against a plain loop"
    return compare(
        what, lambda: loop("models:/many/1", table), lambda: wb.score("models:/many/1", table), REPEATS, least=1
    )


if __name__ == "__main__":
    require_quiet()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        sys.exit(not all([serve_models(), score_many()]))
