"""A server whose processes end with JupyterLab, however that ends, and with its own first one. The tile runs this."""

from __future__ import annotations

import contextlib
import os
import shlex
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


def become(command: list[str], lab: int) -> NoReturn:
    """Become the command, with a process beside it that watches it and JupyterLab.

    For a server at a Unix socket, that process says until then that the server is starting.
    """
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    server = os.getpid()
    os.setpgid(0, 0)  # what the command starts can be ended together
    place = _unix_socket(command)
    page = StartingPage(place) if place else None
    if os.fork() == 0:
        os.setsid()
        _end_with(server, lab, page)
    os.execv(command[0], command)  # noqa: S606 (so that signals reach the command itself)


def _unix_socket(command: list[str]) -> Path | None:
    """Where uvicorn is told to listen, in one of the arguments."""
    told = next((argument for argument in command if argument.startswith("--uds ")), None)
    return Path(shlex.split(told)[1]) if told else None


def _end_with(server: int, lab: int, page: StartingPage | None) -> NoReturn:
    with contextlib.suppress(psutil.NoSuchProcess):
        while os.getppid() == server and psutil.Process(server).ppid() == lab:
            if page:
                page.attend()
            else:
                time.sleep(0.5)
    with contextlib.suppress(ProcessLookupError):  # none is left
        os.killpg(server, signal.SIGTERM)
        time.sleep(patience(_GRACE))
        os.killpg(server, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    become(sys.argv[2:], int(sys.argv[1]))
