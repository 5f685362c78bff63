"""The fork server: a small process that has done the heavy imports once, and forks a clean kernel on each request.

It runs as a script, by its path, on the standard library alone, so that it serves every environment that has
ipykernel. `kernels.py` starts it and speaks with it over a private socket, one connection a kernel:

- the client sends a line of JSON (``argv``, ``env``, ``cwd``) and the open file that takes the kernel's raw output;
- the server answers with the kernel's process id, or ``stale`` (what it has imported was changed on disk; it makes
  room for another server), or ``unfit`` (forking would not be safe), and at the kernel's end with its exit code;
- every byte that the client sends meanwhile is a signal for the kernel. A client that goes away takes it along.

A connection that asks for nothing keeps the server waiting. Without any it leaves after some idle seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import fcntl
import gc
import importlib
import importlib.abc
import json
import multiprocessing
import os
import selectors
import signal
import socket
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

PRELOAD = (
    "matplotlib.pyplot",
    "pandas",
    "alembic.command",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
)

LISTENED_FOR = "sklearn"
"""The preloaded package at whose import MLflow's autologging turns itself on."""

INLINE = "module://matplotlib_inline.backend_inline"
"""The backend that ipykernel chooses for its kernels; matplotlib reads it when it is imported."""


class Shelf(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Keeps a package that was imported before the fork out of sight until the notebook imports it.

    Autologging of a library is turned on, and says so, when the library is imported: at the notebook's import, as in
    an ordinary kernel, and not before.
    """

    def __init__(self, package: str) -> None:
        names = [name for name in sys.modules if name.partition(".")[0] == package]
        self.modules = {name: sys.modules.pop(name) for name in names}
        self.specs = {name: self.modules[name].__spec__ for name in names if name == package}
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Offer the package, and only it, at its first import."""
        spec = copy.copy(self.specs.get(name))
        if spec:
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Take the package from the shelf."""
        return self.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Put its submodules beside it."""
        module.__spec__ = self.specs.pop(module.__name__)
        sys.modules.update(self.modules)


def preload() -> str:
    """Import what most notebooks import; say why forking would not be safe afterwards, if so."""
    gc.disable()
    importlib.import_module("ipykernel.kernelapp")  # first, as in a kernel: tqdm sees by it that it is in a notebook
    os.environ.setdefault("MPLBACKEND", INLINE)
    for name in PRELOAD:
        try:
            importlib.import_module(name)
        except Exception:  # what is missing or broken here is the notebook's to find out
            traceback.print_exc()
    gc.collect()
    gc.freeze()  # a kernel's collector leaves these objects alone, so that their memory stays shared
    started = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    return f"an import has started threads ({', '.join(started)})" if started else ""


def on_disk() -> dict[str, int]:
    """When every imported file, and the folders into which packages are installed, were changed last."""
    files = {module.__dict__.get("__file__") for module in list(sys.modules.values())}
    files |= {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return {file: os.stat(file).st_mtime_ns if os.path.exists(file) else 0 for file in files if file}


def run_kernel(request: dict[str, Any], output: int, server: int) -> NoReturn:
    """Give a forked process what an ordinary kernel is started with, be the kernel, and end."""
    from ipykernel.kernelapp import IPKernelApp

    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = [find_spec("ipykernel_launcher").origin, *request["argv"]]
    multiprocessing.current_process().authkey = os.urandom(32)
    if random := sys.modules.get("numpy.random"):
        random.seed()  # Python's own generators do it themselves
    gc.enable()
    IPKernelApp.launch_instance(parent_handle=server)  # ends with the server, too
    # The end of every forked process in Python's multiprocessing: without taking modules apart, which would copy them.
    threading._shutdown()
    atexit._run_exitfuncs()
    os._exit(0)


class Client:
    """A connection, and the process of its kernel when it has one."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.kernel = connection, None
        connection.settimeout(10)

    def read_request(self) -> tuple[dict[str, Any], int] | None:
        """What to start, and the file for its output; None from a client that went without asking."""
        line, files, _, _ = socket.recv_fds(self.connection, 65536, 1)
        while line and not line.endswith(b"\n"):
            line += self.connection.recv(65536) or b"\n"
        return (json.loads(line), files[0]) if line else None

    def tell(self, answer: object) -> None:
        """Send a line, unless the client has gone."""
        with contextlib.suppress(OSError):
            self.connection.sendall(f"{answer}\n".encode())

    def signal_kernel(self, number: int) -> None:
        """Send a signal to the kernel and what it has started."""
        try:
            os.killpg(self.kernel, number)
        except ProcessLookupError:  # just forked: it has no group of its own yet
            os.kill(self.kernel, number)


class Server:
    """Forks a kernel for each request at a socket, and tells its end."""

    def __init__(self, listener: socket.socket, path: Path, idle: float, unfit: str) -> None:
        self.listener, self.path, self.idle, self.unfit = listener, path, idle, unfit
        self.loaded, self.kernels, self.retired = on_disk(), dict[int, Client](), False
        self.ends, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.PollSelector()  # unlike epoll it shares nothing with what is forked
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.ends, selectors.EVENT_READ, self.reap)

    def serve(self) -> NoReturn:
        """Attend to everybody until nobody is left."""
        while True:
            clients = [key.data for key in self.selector.get_map().values() if isinstance(key.data, Client)]
            busy = self.kernels or (clients and not self.retired)
            ready = self.selector.select(None if busy else self.idle)
            if not ready:
                self.leave()
            for key, _ in ready:
                if isinstance(key.data, Client):
                    self.attend(key.data)
                else:
                    key.data()

    def accept(self) -> None:
        """Take a new connection."""
        connection, _ = self.listener.accept()
        self.selector.register(connection, selectors.EVENT_READ, Client(connection))

    def attend(self, client: Client) -> None:
        """Start a client's kernel, pass on its signals, or end the kernel of a client that has gone."""
        try:
            if client.kernel is None and (request := client.read_request()):
                return self.start(client, *request)
            signals = client.connection.recv(64)
        except (OSError, ValueError):
            signals = b""
        if client.kernel in self.kernels:
            for number in signals or [signal.SIGKILL]:
                client.signal_kernel(number)
        if not signals:
            self.selector.unregister(client.connection)
            client.connection.close()
        return None

    def start(self, client: Client, request: dict[str, Any], output: int) -> None:
        """Fork a kernel, or say why not."""
        if self.unfit:
            client.tell(f"unfit: {self.unfit}")
        elif self.retired or on_disk() != self.loaded:
            client.tell("stale")
            self.retire()
        else:
            server, kernel = os.getpid(), os.fork()
            if not kernel:
                self.become_kernel(request, output, server)
            client.kernel = kernel
            self.kernels[kernel] = client
            client.tell(kernel)
        os.close(output)

    def become_kernel(self, request: dict[str, Any], output: int, server: int) -> NoReturn:
        """Be the kernel: keep nothing of the server but its imports."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for key in list(self.selector.get_map().values()):
                key.fileobj.close()
            self.waker.close()
            run_kernel(request, output, server)
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    def reap(self) -> None:
        """Tell the exit code of every kernel that has ended."""
        self.ends.recv(4096)
        for kernel, client in list(self.kernels.items()):
            ended, status = os.waitpid(kernel, os.WNOHANG)
            if ended:
                client.tell(os.waitstatus_to_exitcode(status))
                client.kernel = 0
                del self.kernels[kernel]

    def retire(self) -> None:
        """Make room at the socket's path for a server that imports the files as they are now."""
        if not self.retired:
            self.retired = True
            self.path.unlink(missing_ok=True)
            self.selector.unregister(self.listener)
            self.listener.close()

    def leave(self) -> None:
        """End the process, unless a client is just coming: clients connect under the same lock."""
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self.selector.select(0):
                os.close(folder)
                return
            if not self.retired:
                self.path.unlink()
                self.path.with_suffix(".log").unlink()
        os._exit(0)


def main() -> NoReturn:
    """Serve at the listening socket with the given file descriptor, path and idle seconds."""
    listener, path, idle = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), float(sys.argv[3])
    if os.fork():
        os._exit(0)  # lets the client go on, and be nobody's parent
    del sys.path[0]  # the folder of this file
    Server(listener, path, idle, preload()).serve()


if __name__ == "__main__":
    main()
