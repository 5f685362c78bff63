"""A forked process as its client sees it."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
from typing import IO


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
