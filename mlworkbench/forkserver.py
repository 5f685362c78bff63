"""The fork server: a small process that has done the heavy imports once, and forks a clean kernel on each request.

It runs as a script, by its path, and needs nothing of this package but its sibling `preload.py`, so that it serves
every environment that has ipykernel. `forkclient.py` starts it and speaks with it over a private socket, by one
connection a kernel:

- the client sends two open files: its wish in JSON (``argv``, ``env``, ``cwd``), and one for the kernel's raw output;
- the server answers with the kernel's process id, or ``stale`` (what it has imported was changed on disk; it makes
  room for another server), or ``unfit`` (forking would not be safe), and at the kernel's end with its exit code;
- every byte that the client sends meanwhile is a signal for the kernel. A client that goes away takes it along.

A connection that asks for nothing keeps the server waiting. Without any it leaves after some idle seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib.util
import io
import json
import multiprocessing
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from preload import changed, preload  # type: ignore[import-not-found] # a sibling: the script's folder is on the path


def be_kernel(wish: int, output: int, server: int) -> None:
    """Give the forked process what an ordinary kernel is started with, and be the kernel until its end."""
    from ipykernel.kernelapp import IPKernelApp

    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(wish, encoding="utf-8") as file:
        argv, env, cwd = json.load(file)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    tempfile.tempdir = None
    os.chdir(cwd)
    sys.argv = [str(importlib.util.find_spec("ipykernel_launcher").origin), *argv]  # type: ignore[union-attr]
    multiprocessing.current_process().authkey = os.urandom(32)
    if random := sys.modules.get("numpy.random"):
        random.seed()  # Python's own generators do it themselves
    gc.enable()
    app = IPKernelApp.instance(parent_handle=server)  # ends with the server, too
    app.initialize()
    if widgets := sys.modules.get("ipywidgets"):
        widgets.load_ipython_extension(app.shell)  # what they do when a notebook imports them
    if pandas := sys.modules.get("pandas"):
        # what it chooses in a notebook, which the server was not
        pandas.set_option("display.max_columns", 20, "display.encoding", sys.stdout.encoding)
    app.start()


def end() -> NoReturn:
    """End as multiprocessing ends what it has forked: what Python does at an exit, but for taking the modules apart.

    That would write to all the memory which is shared, and so copy it.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for the notebook's threads
    atexit._run_exitfuncs()  # among them IPython's, which deletes the notebook's names
    gc.collect()
    for file in gc.get_objects():
        if type(file) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads any more
                file.flush()
    os._exit(0)


@dataclass
class Client:
    """A connection, and the process of its kernel: None before there is one, 0 when it has ended."""

    connection: socket.socket
    kernel: int | None = None

    def tell(self, answer: object) -> None:
        """Send a line, unless the client has gone."""
        with contextlib.suppress(OSError):
            self.connection.sendall(f"{answer}\n".encode())

    def signal_kernel(self, number: int) -> None:
        """Send a signal to the kernel and what it has started."""
        if self.kernel:
            try:
                os.killpg(self.kernel, number)
            except OSError:  # just forked, it has no group of its own yet, or just ended
                with contextlib.suppress(OSError):
                    os.kill(self.kernel, number)


class Server:
    """Forks a kernel for each request at a socket, and tells its end."""

    def __init__(self, listener: socket.socket, path: Path, idle: float) -> None:
        self.listener, self.path, self.idle, self.retired = listener, path, idle, False
        self.loaded = preload()
        self.kernels: dict[int, Client] = {}
        self.ends, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        self.selector = selectors.PollSelector()  # unlike epoll it shares nothing with what is forked
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.selector.register(self.ends, selectors.EVENT_READ, self.reap)

    def serve(self) -> NoReturn:
        """Attend to everybody until nobody is left."""
        while True:
            clients = [key.data for key in self.selector.get_map().values() if isinstance(key.data, Client)]
            ready = self.selector.select(None if self.kernels or (clients and not self.retired) else self.idle)
            if not ready:
                self.leave()
            for key, _ in ready:
                if isinstance(key.data, Client):
                    self.attend(key.data)
                else:
                    key.data()

    def accept(self) -> None:
        """Take a new connection."""
        with contextlib.suppress(OSError):  # retired a moment ago
            connection, _ = self.listener.accept()
            self.selector.register(connection, selectors.EVENT_READ, Client(connection))

    def attend(self, client: Client) -> None:
        """Start a client's kernel or pass on its signals; end the kernel of a client that has gone."""
        try:
            signals, files, _, _ = socket.recv_fds(client.connection, 64, 2)
        except OSError:
            signals, files = b"", []
        if files:
            self.start(client, *files)
        elif signals:
            for number in signals:
                client.signal_kernel(number)
        else:
            client.signal_kernel(signal.SIGKILL)
            self.selector.unregister(client.connection)
            client.connection.close()

    def start(self, client: Client, wish: int, output: int) -> None:
        """Fork a kernel, or say why not."""
        if threading.active_count() > 1:
            client.tell(f"unfit: an import has started a thread, {threading.enumerate()[1].name}")
        elif self.retired or any(changed(place) != when for place, when in self.loaded.items()):
            client.tell("stale")
            self.retire()
        else:
            self.fork(client, wish, output)
        os.close(wish)
        os.close(output)

    def fork(self, client: Client, wish: int, output: int) -> None:
        """Fork a kernel; returns in the server only."""
        server = os.getpid()
        try:
            kernel = os.fork()
        except OSError as error:  # the machine has no memory or no process left
            return client.tell(f"unfit: {error}")
        if not kernel:
            self.become_kernel(wish, output, server)
        client.kernel, self.kernels[kernel] = kernel, client
        return client.tell(kernel)

    def become_kernel(self, wish: int, output: int, server: int) -> NoReturn:
        """Keep nothing of the server but its imports, and be a kernel; an error goes to the kernel's output."""
        try:
            for place in [self.waker, *(key.fileobj for key in self.selector.get_map().values())]:
                place.close()  # type: ignore[union-attr]
            be_kernel(wish, output, server)
            end()
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def reap(self) -> None:
        """Tell the exit code of every kernel that has ended."""
        self.ends.recv(4096)
        for kernel, client in list(self.kernels.items()):
            ended, status = os.waitpid(kernel, os.WNOHANG)
            if ended:
                client.kernel = 0
                client.tell(os.waitstatus_to_exitcode(status))
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
        with contextlib.suppress(OSError):  # the folder may have been tidied away
            folder = os.open(self.path.parent, os.O_RDONLY)
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self.selector.select(0):
                return os.close(folder)
            if not self.retired:
                self.path.unlink()
                self.path.with_suffix(".log").unlink()
        os._exit(0)


def main() -> NoReturn:
    """Serve at a listening socket: its file descriptor, its path, and the idle seconds are the arguments."""
    listener, path, idle = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), float(sys.argv[3])
    if os.fork():
        os._exit(0)  # the client goes on, and this is nobody's child
    del sys.path[0], sys.modules["preload"]  # the folder of this script is not for its kernels
    Server(listener, path, idle).serve()


if __name__ == "__main__":
    main()
