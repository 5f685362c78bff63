"""Everything that the workbook uses of Ray without being invited to: each with the reason, and the public call."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ONLY_HERE: dict[str, Any] = {"_node_ip_address": "127.0.0.1"}
"""Options of ``ray.init`` for a cluster that keeps to 127.0.0.1; ``ray start --node-ip-address`` has a public one."""

START_LIMITS = {
    "RAY_gcs_server_port_wait_time_s": 1,
    "RAY_raylet_start_wait_time_s": 1,
    "RAY_agent_register_timeout_ms": 1000,
}
"""Variables with what the parts of a node may take to start, in Ray's own spelling, and how many make a second."""


def usual_address(address: str) -> str:
    """The address that Ray makes of one: for 127.0.0.1 that of the network card."""
    from ray._private import services

    return str(services.canonicalize_bootstrap_address(address))


@contextlib.contextmanager
def address_as_given() -> Iterator[None]:
    """Have ``ray.init`` take 127.0.0.1 as it stands, where it would make the address of the network card of it.

    A cluster that keeps to 127.0.0.1 is silent there; one that starts there would listen to other machines.

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
    """Give a node that starts in this block so many seconds, where Ray says 15 s or 30 s, and these parameters.

    Public: none for the node itself; its parts read `START_LIMITS` from the environment when they start. `ray.init`
    takes no ports of agents, which ``ray start`` does: with them, a node does not wait until its agents tell. The
    address is noted nowhere: Ray does it for whoever calls ``ray.init()`` next, in a folder that a new machine lacks.
    """
    from ray._private import parameter, services, utils

    before, limits = dict(os.environ), {name: f"{seconds * many:.0f}" for name, many in START_LIMITS.items()}
    plain = parameter.RayParams, services.get_node, services.start_raylet, utils.write_ray_address
    parameter.RayParams = functools.partial(parameter.RayParams, **parameters)
    services.get_node = functools.partial(_wait_for, services.get_node, seconds)
    services.start_raylet = functools.partial(_start_raylet, services.start_raylet)
    utils.write_ray_address = lambda *_: None
    os.environ.update(limits)
    try:
        yield
    finally:
        parameter.RayParams, services.get_node, services.start_raylet, utils.write_ray_address = plain
        for name in limits:
            os.environ.pop(name)
            os.environ.update({name: before[name]} if name in before else {})


def _wait_for(get_node: Callable[..., Any], seconds: float, *arguments: Any) -> Any:
    """What is known of a node, as soon as it is there."""
    end = time.monotonic() + seconds
    while True:
        try:
            return get_node(*arguments)
        except RuntimeError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


def _start_raylet(start: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Say the port of the node's dashboard agent in its place, for which the node ends itself when 15 s are over."""
    from ray._raylet import DASHBOARD_AGENT_LISTEN_PORT_NAME, persist_port  # type: ignore[attr-defined]

    given = inspect.signature(start).bind(*arguments, **options).arguments
    if port := given.get("dashboard_agent_listen_port"):
        persist_port(given["session_dir"], given["node_id"], DASHBOARD_AGENT_LISTEN_PORT_NAME, port)
    return start(*arguments, **options)


@contextlib.contextmanager
def token_required() -> Iterator[None]:
    """Have nodes that start in this block let in only who has the token in ``~/.ray``, which is made if there is none.

    Public: ``ray get-auth-token --generate``, a process of several seconds; ``ray.init("local")`` does it by itself.
    Either lets every user of the machine read the token.
    """
    from ray._private.authentication import authentication_token_setup as setup

    before = os.environ.get(setup.AUTH_MODE_ENV_VAR)
    setup.enable_token_auth_by_default()
    token = Path.home() / ".ray" / "auth_token"
    token.parent.mkdir(mode=0o700, exist_ok=True)
    setup.ensure_token_if_auth_enabled(None, create_token_if_missing=True)
    if token.exists():
        token.chmod(0o600)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(setup.AUTH_MODE_ENV_VAR)
            setup.Config.initialize("")  # Ray has read it, and would keep it
