"""End the run of a project, and all its processes, however the process ends that started it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from mlworkbench.waiting import patience

_GRACE = 5.0
"""How long the processes of a project may take to end when they are asked to, in seconds."""


@contextlib.contextmanager
def guarded(run_id: str) -> Iterator[None]:
    """End a run and its processes when the block is left by an exception, or when this process is killed in it.

    For the latter a second process waits at a pipe, whose other end the system closes with this one.
    """
    import mlflow

    variables = os.environ | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    variables.pop("MLFLOW_RUN_ID", None)  # it is to outlive the run around this one
    guard = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlworkbench.projects.guard", run_id],
        stdin=subprocess.PIPE,
        env=variables,
        start_new_session=True,  # an interrupt in the terminal is not for it
    )
    try:
        yield
        _close(run_id, "FINISHED")
    except BaseException as error:
        end(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    finally:
        guard.communicate(b"done")


def end(run_id: str, status: str) -> None:
    """End the processes of a project's run, and the run where it is still open."""
    _end_processes(run_id)
    _close(run_id, status)


def _close(run_id: str, status: str) -> None:
    import mlflow

    client = mlflow.MlflowClient()
    if client.get_run(run_id).info.status in ("RUNNING", "SCHEDULED"):
        client.set_terminated(run_id, status)


def _end_processes(run_id: str) -> None:
    """MLflow gives the processes of a run its id in their environment, and they hand it on to theirs."""
    import psutil

    mine = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("MLFLOW_RUN_ID") == run_id and process.pid != os.getpid():
                process.terminate()
                mine.append(process)
    for process in psutil.wait_procs(mine, timeout=patience(_GRACE))[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    if sys.stdin.buffer.read() != b"done":
        end(sys.argv[1], "KILLED")
