"""A server whose processes end with JupyterLab, however that ends, and with its own first one. The tile runs this."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import psutil

from mlworkbench.lab.starting_page import StartingPage
from mlworkbench.waiting import patience

_GRACE = 10  # seconds to end in order


def become(command: list[str], lab: int, unix_socket: str) -> NoReturn:
    """Become the command, beside a process that says that it is starting, and watches it and JupyterLab."""
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    server = os.getpid()
    os.setpgid(0, 0)  # what the command starts can be ended together
    page = StartingPage(Path(unix_socket))
    if os.fork() == 0:
        os.setsid()
        _end_with(server, lab, page)
    os.execv(command[0], command)  # noqa: S606 (so that signals reach the command itself)


def _end_with(server: int, lab: int, page: StartingPage) -> NoReturn:
    with contextlib.suppress(psutil.NoSuchProcess):
        while os.getppid() == server and psutil.Process(server).ppid() == lab:
            page.attend()
    with contextlib.suppress(ProcessLookupError):  # none is left
        os.killpg(server, signal.SIGTERM)
        time.sleep(patience(_GRACE))
        os.killpg(server, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    become(sys.argv[3:], int(sys.argv[1]), sys.argv[2])
