"""Everything that the workbook uses of Ray without being invited to: each with the reason, and the public call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

ONLY_HERE: dict[str, Any] = {"_node_ip_address": "127.0.0.1"}
"""Options of ``ray.init`` for a cluster that keeps to 127.0.0.1; ``ray start --node-ip-address`` has a public one."""


def usual_address(address: str) -> str:
    """The address that Ray makes of one: for 127.0.0.1 that of the network card."""
    from ray._private import services

    return str(services.canonicalize_bootstrap_address(address))


@contextlib.contextmanager
def address_as_given() -> Iterator[None]:
    """Have ``ray.init`` take 127.0.0.1 as it stands, since a cluster that keeps to it is silent at the outer address.

    Public: none; Ray's own switch is read from the environment only when Ray is imported.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
