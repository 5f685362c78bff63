"""Asks the fork server of an environment for a kernel, and starts the server where there is none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

IDLE_VARIABLE = "MLWORKBENCH_WARM_SECONDS"
"""How many seconds a fork server waits for its next kernel (default 30). With 0 every kernel is an ordinary one."""

READ_AT_IMPORT = re.compile(
    r"(HOME|USER|LANG|LANGUAGE|TZ|DO_NOT_TRACK)$|XDG_\w+_HOME|_?PYTHON|LC_|LD_|DYLD_|MALLOC|SSL_CERT_"
    r"|MLFLOW_(CONFIGURE|DISABLE|LOGGING|WEBHOOK)|DATABRICKS_|OTEL_|PROTOCOL_|TEMPORARILY_|PYDANTIC_|MSGPACK_|PSUTIL_"
    r"|JUPYTER_(ALLOW|PLATFORM|USE|WIDGETS)|IPYTHON_|TRAITLETS_|TORNADO_|PYZMQ_|PYDEVD_"
    r"|MPL|MATPLOTLIB|PILLOW_|PYPARSING|NPY_|NUMPY_|SCIPY_|SKLEARN_|PANDAS_|JOBLIB_|LOKY_|OMP_|KMP_|MKL_|OPENBLAS"
)
"""Variables that decide what an import does. Kernels that differ in one of them have servers of their own."""


class ForkedKernel:
    """A forked kernel, with as much of `subprocess.Popen` as Jupyter uses of a kernel's process."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, output: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection, self._output, self._signals = connection, output, {0}

    def poll(self) -> int | None:
        """The exit code, negative for a signal as in Popen; None while the kernel lives."""
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
            time.sleep(0.05)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and the processes that it has started."""
        self._signals.add(-number)
        with contextlib.suppress(OSError):  # it has ended
            self._connection.send(bytes([number]))

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def _end(self, answer: bytes) -> None:
        self.returncode = int(answer or -signal.SIGKILL)  # no answer: the server was killed, and the kernel with it
        if self.returncode not in self._signals:
            size = self._output.seek(0, os.SEEK_END)
            last = os.pread(self._output.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            message = "Kernel %d ended with exit code %d. %s"
            logging.getLogger(__name__).warning(message, self.pid, self.returncode, last)
        self._connection.close()
        self._output.close()


def fork(interpreter: Sequence[str], argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> ForkedKernel:
    """Have a kernel forked by the server of its environment.

    Raises
    ------
    OSError, subprocess.SubprocessError
        When no server can be started, or it cannot fork.
    """
    answer = ""
    for _ in range(3):  # a server may just be making room for a new one
        connection = connect(interpreter, env)
        output = tempfile.TemporaryFile()  # noqa: SIM115 (the kernel's own, for as long as it lives)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as wish:
            json.dump([list(argv), dict(env), str(cwd)], wish)
            wish.seek(0)
            answer = _ask(connection, wish.fileno(), output.fileno())
        if answer.isdigit():
            return ForkedKernel(connection, int(answer), output)
        connection.close()
        output.close()
        if answer.startswith("unfit"):
            break
    raise ConnectionError(answer or "the fork server ended")


def _ask(connection: socket.socket, *files: int) -> str:
    """Send a kernel's files and return the server's answer; nothing when it ended instead."""
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
    folder = _private_folder()
    imports = {name: value for name, value in env.items() if READ_AT_IMPORT.match(name)}
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


def short_folder() -> Path:
    """The folder for temporary files, or one with a path short enough for sockets in it (about 100 characters)."""
    folder = tempfile.gettempdir()
    return Path(folder if len(folder) < 60 or os.name == "nt" else "/tmp")  # noqa: PLR2004, S108


def _private_folder() -> Path:
    """The folder of this user's sockets, which nobody else can enter."""
    folder = short_folder() / f"mlworkbench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != stat.S_IFDIR:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder


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
