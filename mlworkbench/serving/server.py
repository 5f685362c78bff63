"""A model server for the length of a ``with`` block, which leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mlworkbench.errors import WorkbenchError, shown
from mlworkbench.fork_server import warmup
from mlworkbench.models.describe import as_address, require_predict
from mlworkbench.ports import HOST, free_port, require_free
from mlworkbench.serving.endpoint import Endpoint, require_whole, server_error
from mlworkbench.serving.latency import Latency
from mlworkbench.temporary import temporary_folder
from mlworkbench.waiting import patience
from warmkernel.client import is_warm, start_forked
from warmkernel.processes import ForkedProcess

__all__ = ["Endpoint", "Latency", "serve"]

_PROGRAM = "mlworkbench.serving.process"
_Process = subprocess.Popen[bytes] | ForkedProcess
_START_SECONDS = 300
_GRACE = 5  # seconds that a server has to end in order


@contextlib.contextmanager
def serve(
    model_uri: str | os.PathLike[str], *, port: int | None = None, timeout: float | None = None
) -> Iterator[Endpoint]:
    """Run MLflow's scoring server for a model while the block runs.

    It is the server that ``mlflow models serve --env-manager local`` starts, on 127.0.0.1, without the command line.
    It ends with the block, whatever ends that, and with this process. MLflow's server knows no password: every user of
    this machine can ask the model while the block runs, and nothing else.

    Parameters
    ----------
    model_uri : str or path
        ``models:/m-…``, ``models:/name/1``, ``models:/name@alias``, ``runs:/…/name``, or a path.
    port : int, optional
        A free one by default.
    timeout : float, optional
        How long the server may take to be ready, in seconds; 300 by default.

    Raises
    ------
    WorkbenchError
        When there is no model, the port is taken, or the server is not ready in time, with the end of its log.

    References
    ----------
    https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
    """
    port, seconds = free_port() if port is None else _free(port), _seconds(timeout)
    with temporary_folder() as folder:
        log_file = Path(folder, "server.log")
        with log_file.open("wb") as log, _process(_download(as_address(model_uri), str(folder)), port, log) as process:
            endpoint = Endpoint(f"http://{HOST}:{port}", process.pid, log_file)
            try:
                _wait(process, endpoint, seconds)
                yield endpoint
            finally:
                endpoint.close()


def _free(port: int) -> int:
    require_whole("port", port, 1, 65535)
    require_free(port)
    return port


def _seconds(timeout: float | None) -> float:
    seconds = patience(_START_SECONDS) if timeout is None else timeout
    if not isinstance(seconds, int | float) or not seconds > 0:
        raise WorkbenchError(f"timeout = {shown(timeout)}.", "seconds, more than 0.", "Leave timeout out.")
    return seconds


def _download(model_uri: str, folder: str) -> str:
    import mlflow

    require_predict(model_uri)
    return str(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=folder))


@contextlib.contextmanager
def _process(path: str, port: int, log: IO[bytes]) -> Iterator[_Process]:
    """Start the server on the tracking store of this session, and end it whatever happens."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    command, env = scoring_server.get_cmd(path, port, HOST, nworkers=1)
    env |= {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(), "MLFLOW_REGISTRY_URI": mlflow.get_registry_uri()}
    words = shlex.split(command)
    process = _forked(words, env, log) or _started(words, env, log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience(_GRACE))
        finally:
            process.kill()
            process.wait()


def _forked(command: list[str], env: dict[str, str], log: IO[bytes]) -> ForkedProcess | None:
    """The server as a fork of the process that keeps kernels warm, where there is one, as there is for a notebook."""
    imported = warmup()
    return start_forked(_PROGRAM, command, env, imported, log, log) if is_warm(imported) else None


def _started(command: list[str], env: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", _PROGRAM, *command[1:]],
        env=env,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        # Ctrl-C is for this process, which then ends the server in order. (Not a new session: Linux shares out the
        # processor by session, and on a busy machine the server would answer later.)
        process_group=0,
    )


def _wait(process: _Process, endpoint: Endpoint, timeout: float) -> None:
    """Return when the server is ready; say so in words that are the same each time, as stored outputs must be."""
    print("Starting MLflow's scoring server ...")  # noqa: T201 (shown to the reader)
    begun = time.monotonic()
    while not endpoint.is_ready():
        if process.poll() is not None:
            raise server_error(f"the server ended with code {process.returncode} before it was ready", endpoint)
        if time.monotonic() - begun > timeout:
            raise server_error(f"the server was not ready after {timeout:g} s", endpoint)
        time.sleep(0.1)
    print("It is ready.")  # noqa: T201
