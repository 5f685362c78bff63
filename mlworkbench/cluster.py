"""A Ray cluster for the length of a ``with`` block: one that runs already, or one on this machine."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.store import without_password

ANSWER_SECONDS = 15.0
"""How long a Ray cluster may take to answer before it counts as away, in seconds."""


_HTTP2_HELLO, _HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), b"\x04"
"""What a client says first to a server that speaks gRPC, as Ray does, and the kind of what that answers."""


@contextlib.contextmanager
def ray_cluster(address: str | None, store_uri: str) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine, and make it known to joblib as ``ray``.

    A connection that is already open is used and left open.

    Raises
    ------
    WorkbenchError
        When Ray is not installed, no cluster answers within 15 s, or its machines cannot reach the tracking store.
    """
    if address is not None:
        _require_answer(address)
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise WorkbenchError(
            f"Ray is not installed ({error}).", "the extra `scale`.", 'Run `pip install "mlworkbench[scale]"`.'
        ) from error
    register_ray()
    mine = not ray.is_initialized()
    if mine:
        here = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **here)
    try:
        _require_common_store(store_uri)
        yield
    finally:
        if mine:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Ask once: ``ray.init`` itself goes on trying for a minute and more."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS / 3) as connection:
            connection.sendall(_HTTP2_HELLO)
            if connection.recv(9)[3:4] != _HTTP2_SETTINGS:
                raise ValueError("what listens there is not Ray")
    except (OSError, ValueError) as error:
        raise WorkbenchError(
            f"no Ray cluster answers at {address!r} ({told(error)}).",
            "the address of a cluster's head, such as 10.0.0.5:6379.",
            "Start one (`ray start --head`), correct the address, or leave it out to start one on this machine.",
        ) from error


def _require_common_store(store_uri: str) -> None:
    """Other machines of the cluster cannot write to a file of this one, nor to its 127.0.0.1."""
    import ray

    machines = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    others = machines - {"127.0.0.1", ray.util.get_node_ip_address()}
    if others and (store_uri.startswith("sqlite") or urlsplit(store_uri).hostname in ("localhost", "127.0.0.1")):
        raise WorkbenchError(
            f"the store {without_password(store_uri)} on a cluster with other machines ({', '.join(sorted(others))}).",
            "a tracking server or PostgreSQL that every machine reaches.",
            "Start `mlflow server` where they reach it, and set MLFLOW_TRACKING_URI to its address.",
        )
