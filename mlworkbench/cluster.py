"""A Ray cluster for the length of a ``with`` block: one that runs already, or one on this machine."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

from mlworkbench.errors import WorkbenchError, told

ANSWER_SECONDS = 15.0
"""How long a Ray cluster may take to answer before it counts as away, in seconds."""


_HTTP2_HELLO, _HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), b"\x04"
"""What a client says first to a server that speaks gRPC, as Ray does, and the kind of what that answers."""


@contextlib.contextmanager
def ray_cluster(address: str | None = None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine, and make it known to joblib as ``ray``.

    A connection that is already open is used and left open.

    Raises
    ------
    WorkbenchError
        When Ray is not installed, or no cluster answers within 15 s.
    """
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise WorkbenchError(
            f"Ray is not installed ({error}).", "the extra `scale`.", 'Run `pip install "mlworkbench[scale]"`.'
        ) from error
    register_ray()  # type: ignore[no-untyped-call]
    if ray.is_initialized():
        yield
        return
    if address is None:
        ray.init(
            include_dashboard=False, _node_ip_address="127.0.0.1", logging_level=logging.ERROR, log_to_driver=False
        )
    else:
        _require_answer(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Ask once: ``ray.init`` itself goes on trying for a minute and more."""
    where = address.removeprefix("ray://")
    host, _, port = where.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS / 3) as connection:
            connection.sendall(_HTTP2_HELLO)
            _require(connection.recv(9)[3:4] == _HTTP2_SETTINGS)
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"no Ray cluster answers at {address!r} ({told(error)}).",
            "the address of a cluster's head, such as 10.0.0.5:6379.",
            "Start one (`ray start --head`), correct the address, or leave it out to start one on this machine.",
        ) from error


def _require(speaks_grpc: bool) -> None:
    if not speaks_grpc:
        raise ValueError("what listens there is not Ray")
