"""Ports of this machine that nobody uses."""

from __future__ import annotations

import contextlib
import socket
from numbers import Integral

from mlworkbench.errors import WorkbenchError, shown

HOST = "127.0.0.1"
_PORTS = 2**16


def free_ports(count: int) -> list[int]:
    """Several different ports on 127.0.0.1 that nobody uses at this moment."""
    with contextlib.ExitStack() as held:
        return [held.enter_context(socket.create_server((HOST, 0))).getsockname()[1] for _ in range(count)]


def free_port() -> int:
    """A port on 127.0.0.1 that nobody uses at this moment."""
    return free_ports(1)[0]


def require_free(port: int) -> None:
    """Make sure that a server can listen at a port of 127.0.0.1.

    Raises
    ------
    WorkbenchError
        When it is no port, something listens there already, or this user must not.
    """
    if type(port) is bool or not isinstance(port, Integral) or not 0 < port < _PORTS:
        do = "Name one, or leave it out to take one that is free."
        raise WorkbenchError(f"the port {shown(port, 50)}.", f"a whole number from 1 to {_PORTS - 1}.", do)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise WorkbenchError(
                f"port {port} of {HOST} cannot be used ({error.strerror}).",
                "a port that no other program listens on.",
                "Name another one, or leave it out to take one that is free.",
            ) from error
