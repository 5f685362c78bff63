"""Processes that log runs until a file appears; each notes a run when the server has acknowledged all of it.

python -m tests.stack.writers URI FOLDER NUMBER
"""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import mlflow.tracking.request_header.registry  # noqa: F401 (before the fork: it imports all of Feast, a plugin)
from mlflow import MlflowClient


def write(uri: str, folder: Path, number: int) -> None:
    client = MlflowClient(uri)
    with (folder / f"{number}.txt").open("w", buffering=1) as acknowledged:
        while not (folder / "stop").exists():
            try:
                run = client.create_run("0", run_name=f"writer {number}").info.run_id
                client.log_param(run, "writer", number)
                client.log_metric(run, "value", number)
                client.log_text(run, run, "note.txt")
                client.set_terminated(run)
            except Exception:  # noqa: S112 (not acknowledged: the server or its database was away)
                continue
            acknowledged.write(f"{run}\n")


if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    arguments = (sys.argv[1], Path(sys.argv[2]))
    writers = [fork.Process(target=write, args=(*arguments, number)) for number in range(int(sys.argv[3]))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
