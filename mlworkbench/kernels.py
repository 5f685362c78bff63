"""Warm kernels: a Jupyter kernel provisioner that has kernels forked by a process which has done the heavy imports.

`forkserver.py` is that process; docs/architecture.md tells what is forked, why it is safe, and what is not.
See https://jupyter-client.readthedocs.io/en/stable/provisioning.html
"""

from __future__ import annotations

import asyncio
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
from typing import IO, TYPE_CHECKING, Any

from jupyter_client.provisioning import LocalProvisioner

if TYPE_CHECKING:
    from jupyter_client import KernelManager
    from jupyter_client.connect import KernelConnectionInfo
    from nbformat import NotebookNode

PROVISIONER = {"provisioner_name": "mlworkbench-warm"}
"""What a kernel's specification says to have it started by `WarmProvisioner`."""

JUPYTER_DATA = Path(__file__).with_name("jupyter_data")
"""Where the specification of the kernel "Python (workbench)" lies."""

IDLE_VARIABLE = "MLWORKBENCH_WARM_SECONDS"
"""How many seconds a fork server waits for its next kernel (default 30). With 0 every kernel is an ordinary one."""

READ_AT_IMPORT = re.compile(
    r"(HOME|USER|LANG|LANGUAGE|TZ|DO_NOT_TRACK)$|(XDG_\w+_HOME|MLFLOW_(CONFIGURE|DISABLE|LOGGING|WEBHOOK)|PYTHON|LC_|LD_"
    r"|DYLD_|MALLOC|OMP_|KMP_|MKL_|OPENBLAS|NPY_|NUMPY_|SCIPY_|SKLEARN_|PANDAS_|MPL|MATPLOTLIB|JOBLIB_|LOKY_|OTEL_"
    r"|PILLOW_|PYZMQ_|PYDANTIC_|PROTOCOL_BUFFERS|SSL_CERT_|JUPYTER_PLATFORM)"
)
"""Variables that decide what an import does. Kernels that differ in one of them have fork servers of their own."""

_log = logging.getLogger(__name__)


class WarmProvisioner(LocalProvisioner):
    """Has Python kernels forked; starts other kernels, and every kernel where forking cannot be, in the usual way.

    Registered with Jupyter as ``mlworkbench-warm`` (entry point group ``jupyter_client.kernel_provisioners``).
    """

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel that the command would start."""
        if not forkable(cmd, kwargs):
            return await super().launch_kernel(cmd, **kwargs)
        at = cmd.index("ipykernel_launcher")
        self.cwd = Path(kwargs.get("cwd") or "").absolute()
        env = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
        request = {"argv": cmd[at + 1 :], "env": env, "cwd": str(self.cwd)}
        try:
            self.process = await asyncio.to_thread(fork, cmd[: at - 1], request)
        except (OSError, subprocess.SubprocessError) as error:
            _log.warning("No warm kernel (%s). An ordinary one starts instead.", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.pgid = self.process.pid, None  # signals go through the server, which knows whether it lives
        return self.connection_info


class ForkedKernel:
    """A forked kernel, with as much of `subprocess.Popen` as Jupyter uses of a kernel's process."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, output: IO[bytes]) -> None:
        self.pid, self.returncode = pid, None
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
        """Send a signal to the kernel and the processes it has started."""
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
        self.returncode = int(answer or -signal.SIGKILL)  # no answer: its server was killed, and the kernel with it
        if self.returncode not in self._signals:
            size = self._output.seek(0, os.SEEK_END)
            last = os.pread(self._output.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            _log.warning("Kernel %d ended with exit code %d. %s", self.pid, self.returncode, last)
        self._connection.close()
        self._output.close()


def prepare(manager: KernelManager, notebook: NotebookNode) -> None:
    """Let a notebook's kernel be forked, unless its metadata say ``"mlworkbench": {"kernel": "cold"}``."""
    manager.kernel_spec_manager.kernel_dirs.append(str(JUPYTER_DATA / "kernels"))
    metadata = manager.kernel_spec.metadata
    if notebook.metadata.get("mlworkbench", {}).get("kernel") != "cold":
        metadata.setdefault("kernel_provisioner", PROVISIONER)
    elif metadata.get("kernel_provisioner") == PROVISIONER:
        del metadata["kernel_provisioner"]


def keep_warm() -> None:
    """Start the fork server for kernels of this environment now, and keep it for as long as this process lives.

    The connection that keeps it is handed on to what this process becomes by ``exec``.
    """
    if _idle_seconds() and sys.platform in ("linux", "darwin"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # the first kernel will say what is wrong
            connection = _connect([sys.executable], os.environ)
            connection.set_inheritable(True)
            connection.detach()


def forkable(cmd: Sequence[str], options: Mapping[str, Any]) -> bool:
    """Whether forking gives the kernel that a command would start: an ipykernel, without special wishes."""
    here = Path(options.get("cwd") or "")
    paths = options["env"].get("PYTHONPATH", "").split(os.pathsep)
    return (
        sys.platform in ("linux", "darwin")
        and _idle_seconds() > 0
        and list(cmd[1:]).count("ipykernel_launcher") == 1
        and os.path.isabs(cmd[0])
        and options.keys() <= {"env", "cwd", "kernel_id", "extra_arguments"}
        and all(map(os.path.isabs, filter(None, paths)))
        and here.is_dir()
        and not (here / "matplotlibrc").exists()  # matplotlib reads it when it is imported
    )


def _idle_seconds() -> float:
    return float(os.environ.get(IDLE_VARIABLE) or 30)


def fork(interpreter: list[str], request: dict[str, Any]) -> ForkedKernel:
    """Have a kernel forked by the server of its environment; start the server where there is none.

    Raises
    ------
    OSError, subprocess.SubprocessError
        When no server can be started, or it cannot fork.
    """
    answer = ""
    for _ in range(3):  # a server may just be making room for a new one
        connection, output = _connect(interpreter, request["env"]), tempfile.TemporaryFile()  # noqa: SIM115
        answer = _ask(connection, request, output)
        if answer.isdigit():
            return ForkedKernel(connection, int(answer), output)
        connection.close()
        output.close()
        if answer.startswith("unfit"):
            break
    raise ConnectionError(answer or "the fork server ended")


def _ask(connection: socket.socket, request: dict[str, Any], output: IO[bytes]) -> str:
    """Send a request and return the server's answer, nothing where the server ends instead."""
    message = json.dumps(request).encode() + b"\n"
    connection.settimeout(120)
    try:
        sent = socket.send_fds(connection, [message], [output.fileno()])
        connection.sendall(message[sent:])
        answer = connection.recv(1000).decode().strip()
    except ConnectionError:
        return ""
    connection.settimeout(None)
    return answer


def _connect(interpreter: list[str], env: Mapping[str, str]) -> socket.socket:
    """Connect to the fork server of an environment; start it where there is none."""
    folder = _private_folder()
    imports = {name: value for name, value in env.items() if READ_AT_IMPORT.match(name)}
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    alike = [interpreter, sorted(imports.items()), os.getpriority(os.PRIO_PROCESS, 0), cores]
    path = folder / hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:16]
    connection = socket.socket(socket.AF_UNIX)
    with locked(folder):
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            _start_server(path, interpreter, {**imports, "PATH": env.get("PATH", os.defpath)})
            connection.connect(str(path))
    return connection


def _start_server(path: Path, interpreter: list[str], env: Mapping[str, str]) -> None:
    """Listen at the path and hand the socket to a new server: requests wait there until its imports are done."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, path.with_suffix(".log").open("w") as log:
        listener.bind(str(path))
        listener.listen(128)
        options = [str(listener.fileno()), str(path), str(_idle_seconds())]
        subprocess.run(
            [*interpreter, str(Path(__file__).with_name("forkserver.py")), *options],
            **{"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "pass_fds": [listener.fileno()]},
            cwd="/",
            env=env,
            start_new_session=True,
            check=True,
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: servers start and leave, and clients connect, one at a time."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def short_folder() -> Path:
    """A folder for temporary files whose path leaves room for a socket's name (a path has about 100 characters)."""
    folder = tempfile.gettempdir()
    return Path(folder if len(folder) < 60 or os.name == "nt" else "/tmp")


def _private_folder() -> Path:
    """The folder of this user's sockets, which nobody else can enter."""
    folder = short_folder() / f"mlworkbench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != stat.S_IFDIR:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder
