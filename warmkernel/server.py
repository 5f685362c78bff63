"""The fork server: a small process that has done the heavy imports once, and forks a clean process on each request.

It runs as a script, by its path, and needs nothing of this package but its siblings, so that it serves every
environment that has ipykernel. `client.py` starts it and speaks with it over a private socket, by one connection a
process:

- the client sends three open files: its wish in JSON (see `child.py`), and those for output and errors;
- the server answers with the process id, or ``stale`` (what it has imported was changed on disk; it makes room for
  another server), or ``unfit`` (forking would not be safe), and at the process's end with its exit code;
- every byte that the client sends meanwhile is a signal for the process. A client that goes away takes it along.

A connection that asks for nothing keeps the server waiting. Without any it leaves after some idle seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# siblings: the script's folder is on the path
from child import become  # type: ignore[import-not-found]
from preload import changed, preload  # type: ignore[import-not-found]


@dataclass
class Client:
    """A connection, and the process that was forked for it: None before there is one, 0 when it has ended."""

    connection: socket.socket
    process: int | None = None

    def tell(self, answer: object) -> None:
        """Send a line, unless the client has gone."""
        with contextlib.suppress(OSError):
            self.connection.sendall(f"{answer}\n".encode())

    def signal(self, number: int) -> None:
        """Send a signal to the process and what it has started."""
        if self.process:
            try:
                os.killpg(self.process, number)
            except OSError:  # just forked, it has no group of its own yet, or just ended
                with contextlib.suppress(OSError):
                    os.kill(self.process, number)


class Server:
    """Forks a process for each request at a socket, and tells its end."""

    def __init__(self, listener: socket.socket, path: Path, imports: dict[str, Any]) -> None:
        self.listener, self.path, self.idle, self.retired = listener, path, float(imports["idle"]), False
        self.loaded = preload(imports["modules"], imports["shelved"])
        self.forked: dict[int, Client] = {}
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
            ready = self.selector.select(None if self.forked or (clients and not self.retired) else self.idle)
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
        """Fork a client's process or pass on its signals; end the process of a client that has gone."""
        try:
            signals, files, _, _ = socket.recv_fds(client.connection, 64, 3)
        except OSError:
            signals, files = b"", []
        if files:
            self.start(client, files)
        elif signals:
            for number in signals:
                client.signal(number)
        else:
            client.signal(signal.SIGKILL)
            self.selector.unregister(client.connection)
            client.connection.close()

    def start(self, client: Client, files: list[int]) -> None:
        """Fork a process, or say why not."""
        if threading.active_count() > 1:
            client.tell(f"unfit: an import has started a thread, {threading.enumerate()[1].name}")
        elif self.retired or any(changed(place) != when for place, when in self.loaded.items()):
            client.tell("stale")
            self.retire()
        else:
            self.fork(client, files)
        for file in files:
            os.close(file)

    def fork(self, client: Client, files: list[int]) -> None:
        """Fork a process, which keeps nothing of the server but its imports; returns in the server only."""
        server = os.getpid()
        try:
            process = os.fork()
        except OSError as error:  # the machine has no memory or no process left
            return client.tell(f"unfit: {error}")
        if not process:
            for place in [self.waker, *(key.fileobj for key in self.selector.get_map().values())]:
                place.close()  # type: ignore[union-attr]
            become(files, server)
        client.process, self.forked[process] = process, client
        return client.tell(process)

    def reap(self) -> None:
        """Tell the exit code of every process that has ended."""
        self.ends.recv(4096)
        for process, client in list(self.forked.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                client.process = 0
                client.tell(os.waitstatus_to_exitcode(status))
                del self.forked[process]

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
    """Serve at a listening socket; the arguments are its file descriptor, its path, and in JSON what `client` says."""
    listener, path, imports = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), json.loads(sys.argv[3])
    if process := os.fork():
        print(process, flush=True)  # noqa: T201 (into the log, where clients look)
        os._exit(0)  # the client goes on, and this is nobody's child
    for sibling in ("child", "interrupt", "preload"):
        del sys.modules[sibling]
    del sys.path[0]  # the folder of this script is for nobody else
    Server(listener, path, imports).serve()


if __name__ == "__main__":
    main()
