"""Everything that the workbook uses of Ray without being invited to: each with the reason, and the public call."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Iterator
from typing import Any

ONLY_HERE: dict[str, Any] = {"_node_ip_address": "127.0.0.1"}
"""Options of ``ray.init`` for a cluster that keeps to 127.0.0.1; ``ray start --node-ip-address`` has a public one."""

START_LIMITS = ("RAY_gcs_server_port_wait_time_s", "RAY_raylet_start_wait_time_s")
"""Variables with the seconds that the parts of a node may take to start; Ray's own spelling."""


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


@contextlib.contextmanager
def patient_start(seconds: float, **parameters: Any) -> Iterator[None]:
    """Give a node that starts in this block so many seconds, where Ray's source says 30 s, and these parameters.

    Public: none for the node itself; its parts read `START_LIMITS` from the environment when they start. `ray.init`
    takes no ports of agents, which ``ray start`` does: without them a node ends when its agents need more than 15 s.
    """
    from ray._private import parameter, services

    plain, parameter.RayParams = parameter.RayParams, functools.partial(parameter.RayParams, **parameters)
    before, get_node = dict(os.environ), services.get_node

    def wait_for_node(*arguments: Any) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                return get_node(*arguments)
            except RuntimeError:  # it is not there yet
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    services.get_node = wait_for_node
    os.environ.update(dict.fromkeys(START_LIMITS, f"{seconds:.0f}"))
    try:
        yield
    finally:
        services.get_node, parameter.RayParams = get_node, plain
        for name in START_LIMITS:
            os.environ.pop(name)
            os.environ.update({name: before[name]} if name in before else {})


@contextlib.contextmanager
def token_required() -> Iterator[None]:
    """Have nodes that start in this block let in only who has the token in ``~/.ray``, which is made if there is none.

    Public: ``ray get-auth-token --generate``, a process of several seconds; ``ray.init("local")`` does it by itself.
    """
    from ray._private.authentication import authentication_token_setup as setup

    before = os.environ.get(setup.AUTH_MODE_ENV_VAR)
    os.environ.setdefault(setup.AUTH_MODE_ENV_VAR, "token")
    setup.ensure_token_if_auth_enabled(None, create_token_if_missing=True)
    try:
        yield
    finally:
        if before is None:
            del os.environ[setup.AUTH_MODE_ENV_VAR]
