"""Asks the fork server of an environment for a process, and starts the server where there is none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil

from warmkernel.private_folder import private_folder
from warmkernel.processes import ForkedKernel, ForkedProcess, is_in_state
from warmkernel.warmup import Warmup

IMPORT_SECONDS = 300.0
"""How long a server's imports may take; they are under way when the first kernel asks. One that is stopped is found."""

LOCK_SECONDS = 10.0
"""How long another process may hold the lock of the sockets' folder, which it needs for a moment."""


class Wish(NamedTuple):
    """What a forked process shall be, as `child.py` tells."""

    program: str
    argv: list[str]
    env: dict[str, str]
    cwd: str


def fork_kernel(
    interpreter: Sequence[str],
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    warmup: Warmup,
    stderr: IO[Any] | None = None,
) -> ForkedKernel:
    """Have a kernel forked by the server of its environment; its errors go to a file of the caller's, if one is given.

    Raises
    ------
    OSError, subprocess.SubprocessError
        When no server can be started, or it cannot fork.
    """
    output = tempfile.TemporaryFile()  # noqa: SIM115 (the kernel's own, for as long as it lives)
    try:
        wish = Wish("", [*argv], dict(env), str(cwd))
        return ForkedKernel(*_fork(interpreter, wish, warmup, output, stderr or output), output)
    except BaseException:
        output.close()
        raise


def start_forked(
    program: str, argv: Sequence[str], env: Mapping[str, str], warmup: Warmup, stdout: IO[Any], stderr: IO[Any]
) -> ForkedProcess | None:
    """Have the ``main`` of a module run in a forked process, in this working directory; None where nothing can fork."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # also where the working directory is gone
        interpreter, wish = [sys.executable], Wish(program, [*argv], dict(env), str(Path.cwd()))
        if can_fork(interpreter, wish.env, Path(wish.cwd), warmup):
            return ForkedProcess(*_fork(interpreter, wish, warmup, stdout, stderr))
    return None


def is_warm(warmup: Warmup) -> bool:
    """Whether the fork server of this Python and environment runs already, so that nobody waits for its imports."""
    asked = [sys.executable], os.environ
    return can_fork(*asked, Path(), warmup) and _socket_path(*asked, warmup).is_socket()


def run_forked(program: str, warmup: Warmup) -> int | None:
    """Run the ``main`` of a module in a forked process that has this one's arguments and output, and wait for its end.

    Gives back the exit code, or None where nothing can be forked and nothing has been run.
    """
    process = start_forked(program, sys.argv, os.environ, warmup, sys.stdout, sys.stderr)
    if process is None:
        return None
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a script
            signal.signal(number, lambda sent, _: process.send_signal(sent))
    code = process.wait()
    while code == -signal.SIGKILL and not is_in_state(process.pid, psutil.STATUS_DEAD, psutil.STATUS_ZOMBIE):
        time.sleep(0.05)  # its server was killed: it notices in a moment, and what comes next may count on that
    return code if code >= 0 else 128 - code  # as a shell tells that a signal has ended it


def can_fork(interpreter: Sequence[str], env: Mapping[str, str], folder: Path, warmup: Warmup) -> bool:
    """Whether a process that was forked could be as one that is started: here, and with these paths."""
    paths = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    return (
        sys.platform in ("linux", "darwin")
        and warmup.idle_seconds > 0
        and all(Path(path).is_absolute() for path in (interpreter[0], *paths))
        and folder.is_dir()
        and not (folder / "matplotlibrc").exists()  # matplotlib reads it when it is imported
    )


def _fork(interpreter: Sequence[str], wish: Wish, warmup: Warmup, *outputs: IO[Any]) -> tuple[socket.socket, int, int]:
    """Have a process forked; return the connection that keeps it, its id, and that of the server."""
    answer = ""
    for _ in range(3):  # a server may just be making room for a new one
        connection = connect(interpreter, wish.env, warmup)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            json.dump(wish, file)
            file.seek(0)
            server = _server_at(_socket_path(interpreter, wish.env, warmup))
            answer = _ask(connection, server, bool(wish.program), *(each.fileno() for each in (file, *outputs)))
        if answer.isdigit():
            return connection, int(answer), server
        connection.close()
        if answer.startswith("unfit"):
            break
    raise ConnectionError(answer or "the fork server ended")


def _ask(connection: socket.socket, server: int, tell: bool, *files: int) -> str:
    """Send the files of a wish and return the server's answer; nothing when it ended instead."""
    limit = time.monotonic() + IMPORT_SECONDS
    connection.settimeout(2)
    try:
        socket.send_fds(connection, [b"\0"], files)
        while True:
            try:
                answer = connection.recv(1000).decode().strip()
            except TimeoutError:
                if is_in_state(server, psutil.STATUS_STOPPED) or time.monotonic() > limit:
                    raise
                if tell:
                    sys.stderr.write("The imports that kernels share are under way; later ones find them done.\n")
                    tell = False
            else:
                connection.settimeout(None)
                return answer
    except TimeoutError as error:
        connection.close()  # it would fork for nobody, when it goes on
        raise TimeoutError(f"the fork server {server} is stopped or hangs") from error
    except ConnectionError:
        return ""


def connect(interpreter: Sequence[str], env: Mapping[str, str], warmup: Warmup) -> socket.socket:
    """Connect to the fork server of an environment; start it where there is none."""
    path = _socket_path(interpreter, env, warmup)
    connection = socket.socket(socket.AF_UNIX)
    with _locked(path.parent):
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            _start_server(path, interpreter, {**warmup.environment(env), "PATH": env.get("PATH", os.defpath)}, warmup)
            connection.connect(str(path))
    return connection


def _socket_path(interpreter: Sequence[str], env: Mapping[str, str], warmup: Warmup) -> Path:
    """Where the fork server of an environment listens: kernels that would import alike have the same."""
    variables = sorted(warmup.environment(env).items())
    alike = [interpreter, asdict(warmup), variables, *_inherited()]
    return private_folder() / hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:16]


def _inherited() -> list[Any]:
    """What a process has from the one that starts it and keeps: priority, limits of resources, cores, file mode."""
    import resource  # there is none on Windows

    names = ("AS", "CORE", "CPU", "DATA", "FSIZE", "NPROC", "STACK")  # Jupyter itself raises that of open files
    kept: list[Any] = [os.getpriority(os.PRIO_PROCESS, 0)]
    kept += [resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names]
    if sys.platform == "linux":
        kept += [sorted(os.sched_getaffinity(0))]
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        kept += [line for line in status.splitlines() if line.startswith("Umask:")]
    return kept


def _server_at(path: Path) -> int:
    """The process id of a server, with which its log begins."""
    first = path.with_suffix(".log").read_text().partition("\n")[0]
    return int(first) if first.isdigit() else 0


def _start_server(path: Path, interpreter: Sequence[str], env: Mapping[str, str], warmup: Warmup) -> None:
    """Listen at the path and hand the socket to a new server: requests wait there until its imports are done."""
    path.unlink(missing_ok=True)
    script = str(Path(__file__).with_name("server.py"))
    imports = {"modules": warmup.preload, "shelved": warmup.shelve, "idle": warmup.idle_seconds}
    with socket.socket(socket.AF_UNIX) as listener, path.with_suffix(".log").open("w") as log:
        listener.bind(str(path))
        listener.listen(128)
        subprocess.run(
            [*interpreter, script, str(listener.fileno()), str(path), json.dumps(imports)],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd="/",
            start_new_session=True,
            check=True,
            timeout=IMPORT_SECONDS,
        )


def keep_server(warmup: Warmup) -> socket.socket | None:
    """Start the fork server for kernels of this Python and environment, and keep it as long as this process lives.

    Also as what this process becomes by ``exec``: the connection that keeps the server is handed on.
    """
    if can_fork([sys.executable], os.environ, Path(), warmup):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # the first kernel will tell
            connection = connect([sys.executable], os.environ, warmup)
            connection.set_inheritable(True)
            return connection
    return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: clients connect, and servers start and leave, one at a time."""
    import fcntl  # there is none on Windows

    descriptor, limit = os.open(folder, os.O_RDONLY), time.monotonic() + LOCK_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise TimeoutError(f"another process holds the lock of {folder}") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
