"""A forked process as its client sees it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import subprocess
import time
from typing import IO

import psutil


def is_in_state(pid: int, *states: str) -> bool:
    """Whether a process is in one of these states of psutil; one that is no more counts as dead."""
    try:
        return psutil.Process(pid).status() in states
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD in states


class ForkedProcess:
    """A forked process, with as much of `subprocess.Popen` as Jupyter uses of a kernel's process.

    A server that is stopped passes nothing on. It cannot collect the process either, so that its number stays its own.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, server: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection, self._server, self._signals = connection, server, {0}

    @property
    def _alone(self) -> bool:
        return is_in_state(self._server, psutil.STATUS_STOPPED)

    def poll(self) -> int | None:
        """The exit code, negative for a signal as in Popen; None while the process lives."""
        if self.returncode is None:
            try:
                self._end(self._connection.recv(64, socket.MSG_DONTWAIT))
            except BlockingIOError:
                if not (self._alone and is_in_state(self.pid, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)):
                    return None
                self._end(b"")
            except ConnectionError:
                self._end(b"")
        return self.returncode

    def wait(self, timeout: float = math.inf) -> int:
        """Wait for the end and return the exit code; a TimeoutExpired tells that it has not come in so many seconds."""
        limit = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if (left := limit - time.monotonic()) <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self.listen(min(left, 1))
        return code

    def listen(self, seconds: float) -> None:
        """Wait until the server tells of the end, or for so many seconds."""
        if self.returncode is None:
            told = select.poll()
            told.register(self._connection, select.POLLIN)
            told.poll(seconds * 1000)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and the processes that it has started."""
        self._signals.add(-number)
        with contextlib.suppress(OSError):  # it has ended
            if self._alone:
                os.killpg(self.pid, number)
            else:
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

    def __init__(self, connection: socket.socket, pid: int, server: int, output: IO[bytes]) -> None:
        super().__init__(connection, pid, server)
        self._output = output

    def _end(self, answer: bytes) -> None:
        super()._end(answer)
        if self.returncode not in self._signals:
            size = self._output.seek(0, os.SEEK_END)
            last = os.pread(self._output.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")
            message = "Kernel %d ended with exit code %d. %s"
            logging.getLogger(__name__).warning(message, self.pid, self.returncode, last)
        self._output.close()
