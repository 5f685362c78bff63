"""Asks the fork server of an environment for a process, and starts the server where there is none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from mlworkbench.scratch import private_folder

IDLE_VARIABLE = "MLWORKBENCH_WARM_SECONDS"
"""How many seconds a fork server waits for its next kernel (default 30). With 0 every kernel is an ordinary one."""

READ_AT_IMPORT = re.compile(
    r"(HOME|USER|LANG|LANGUAGE|TZ|DO_NOT_TRACK)$|XDG_\w+_HOME|_?PYTHON|LC_|LD_|DYLD_|MALLOC|SSL_CERT_"
    r"|MLFLOW_(CONFIGURE|DISABLE|LOGGING|WEBHOOK)|DATABRICKS_|OTEL_|PROTOCOL_|TEMPORARILY_|PYDANTIC_|MSGPACK_|PSUTIL_"
    r"|GIT_|JUPYTER_(ALLOW|PLATFORM|USE|WIDGETS)|IPYTHON_|TRAITLETS_|TORNADO_|PYZMQ_|PYDEVD_"
    r"|MPL|MATPLOTLIB|PILLOW_|PYPARSING|NPY_|NUMPY_|SCIPY_|SKLEARN_|PANDAS_|JOBLIB_|LOKY_|OMP_|KMP_|MKL_|OPENBLAS"
)
"""Variables that decide what an import does. Kernels that differ in one of them have servers of their own."""

SET_BY_IMPORTS = {("KMP_INIT_AT_FORK", "FALSE"), ("KMP_DUPLICATE_LIB_OK", "True")}
"""What scikit-learn and joblib put into the environment when they are imported, here as in the server."""


class Wish(NamedTuple):
    """What a forked process shall be, as `forked.py` tells."""

    program: str
    argv: list[str]
    env: dict[str, str]
    cwd: str


class ForkedProcess:
    """A forked process, with as much of `subprocess.Popen` as Jupyter uses of a kernel's process."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection, self._signals = connection, {0}

    def poll(self) -> int | None:
        """The exit code, negative for a signal as in Popen; None while the process lives."""
        if self.returncode is None:
            try:
                self._end(self._connection.recv(64, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return None
            except ConnectionError:
                self._end(b"")
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        while (code := self.poll()) is None:
            self.listen()
        return code

    def listen(self, seconds: float | None = None) -> None:
        """Wait until the server tells of the end, or for so many seconds."""
        if self.returncode is None:
            told = select.poll()
            told.register(self._connection, select.POLLIN)
            told.poll(None if seconds is None else seconds * 1000)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and the processes that it has started."""
        self._signals.add(-number)
        with contextlib.suppress(OSError):  # it has ended
            self._connection.send(bytes([number]))

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def _end(self, answer: bytes) -> None:
        self.returncode = int(answer or -signal.SIGKILL)  # no answer: the server was killed, and the process with it
        self._connection.close()


class ForkedKernel(ForkedProcess):
    """A kernel, whose last words are told when it ends without having been asked to."""

    def __init__(self, connection: socket.socket, pid: int, output: IO[bytes]) -> None:
        super().__init__(connection, pid)
        self._output = output

    def _end(self, answer: bytes) -> None:
        super()._end(answer)
        if self.returncode not in self._signals:
            size = self._output.seek(0, os.SEEK_END)
            last = os.pread(self._output.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            message = "Kernel %d ended with exit code %d. %s"
            logging.getLogger(__name__).warning(message, self.pid, self.returncode, last)
        self._output.close()


def fork_kernel(interpreter: Sequence[str], argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> ForkedKernel:
    """Have a kernel forked by the server of its environment.

    Raises
    ------
    OSError, subprocess.SubprocessError
        When no server can be started, or it cannot fork.
    """
    output = tempfile.TemporaryFile()  # noqa: SIM115 (the kernel's own, for as long as it lives)
    try:
        return ForkedKernel(*_fork(interpreter, Wish("", [*argv], dict(env), str(cwd)), output, output), output)
    except BaseException:
        output.close()
        raise


def run_forked(program: str) -> int | None:
    """Run the ``main`` of a module in a forked process that has this one's arguments and output, and wait for its end.

    Returns
    -------
    int or None
        The exit code; None where nothing can be forked and nothing has been run.
    """
    interpreter, wish = [sys.executable], Wish(program, sys.argv, dict(os.environ), str(Path.cwd()))
    if not can_fork(interpreter, wish.env, Path(wish.cwd)):
        return None
    try:
        process = ForkedProcess(*_fork(interpreter, wish, sys.stdout, sys.stderr))
    except (OSError, subprocess.SubprocessError):
        return None
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a script
            signal.signal(number, lambda sent, _: process.send_signal(sent))
    code = process.wait()
    return code if code >= 0 else 128 - code  # as a shell tells that a signal has ended it


def can_fork(interpreter: Sequence[str], env: Mapping[str, str], folder: Path) -> bool:
    """Whether a process that was forked could be as one that is started: here, and with these paths."""
    paths = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    return (
        sys.platform in ("linux", "darwin")
        and idle_seconds() > 0
        and all(Path(path).is_absolute() for path in (interpreter[0], *paths))
        and folder.is_dir()
        and not (folder / "matplotlibrc").exists()  # matplotlib reads it when it is imported
    )


def _fork(interpreter: Sequence[str], wish: Wish, *outputs: IO[Any]) -> tuple[socket.socket, int]:
    """Have a process forked; return the connection that keeps it, and its id."""
    answer = ""
    for _ in range(3):  # a server may just be making room for a new one
        connection = connect(interpreter, wish.env)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            json.dump(wish, file)
            file.seek(0)
            answer = _ask(connection, *(each.fileno() for each in (file, *outputs)))
        if answer.isdigit():
            return connection, int(answer)
        connection.close()
        if answer.startswith("unfit"):
            break
    raise ConnectionError(answer or "the fork server ended")


def _ask(connection: socket.socket, *files: int) -> str:
    """Send the files of a wish and return the server's answer; nothing when it ended instead."""
    connection.settimeout(120)  # its imports may still be under way
    try:
        socket.send_fds(connection, [b"\0"], files)
        answer = connection.recv(1000).decode().strip()
    except ConnectionError:
        return ""
    connection.settimeout(None)
    return answer


def connect(interpreter: Sequence[str], env: Mapping[str, str]) -> socket.socket:
    """Connect to the fork server of an environment; start it where there is none."""
    folder = private_folder()
    imports = dict(pair for pair in env.items() if READ_AT_IMPORT.match(pair[0]) and pair not in SET_BY_IMPORTS)
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    alike = [interpreter, sorted(imports.items()), os.getpriority(os.PRIO_PROCESS, 0), cores]
    path = folder / hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:16]
    connection = socket.socket(socket.AF_UNIX)
    with _locked(folder):
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            _start_server(path, interpreter, {**imports, "PATH": env.get("PATH", os.defpath)})
            connection.connect(str(path))
    return connection


def _start_server(path: Path, interpreter: Sequence[str], env: Mapping[str, str]) -> None:
    """Listen at the path and hand the socket to a new server: requests wait there until its imports are done."""
    path.unlink(missing_ok=True)
    script = str(Path(__file__).with_name("forkserver.py"))
    with socket.socket(socket.AF_UNIX) as listener, path.with_suffix(".log").open("w") as log:
        listener.bind(str(path))
        listener.listen(128)
        subprocess.run(
            [*interpreter, script, str(listener.fileno()), str(path), str(idle_seconds())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd="/",
            start_new_session=True,
            check=True,
        )


def idle_seconds() -> float:
    """How long a new server waits for its next kernel."""
    return float(os.environ.get(IDLE_VARIABLE) or 30)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: clients connect, and servers start and leave, one at a time."""
    import fcntl  # there is none on Windows

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
