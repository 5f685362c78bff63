"""A Ray cluster for the length of a ``with`` block: one that runs already, or one on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlworkbench import ray_internals
from mlworkbench.errors import WorkbenchError, told, without_password
from mlworkbench.groups import missing_groups
from mlworkbench.ports import free_ports
from mlworkbench.waiting import LONGER, patience, telling

START_SECONDS = 180.0
"""How long a node on this machine may take to start, in seconds."""

STOP_SECONDS = 30.0
"""How long workers may take to be gone when they are stopped, in seconds."""

ANSWER_SECONDS = 15.0
"""How long a Ray cluster may take to answer before it counts as away, in seconds."""


@contextlib.contextmanager
def ray_cluster(address: str | None, store_uri: str = "", package: str | None = None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine, and make it known to joblib as ``ray``.

    Without an address, ``RAY_ADDRESS`` counts. A connection that is already open is used and left open. A new one sends
    the workers the package at this path, if there is one.

    Raises
    ------
    WorkbenchError
        When Ray is not installed, no cluster answers within 15 s, none starts here within 180 s, or the machines of
        the cluster cannot reach the tracking store.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise missing_groups("Ray", ["scale"]) from error
    if address and (problem := _unanswered(address)):
        raise _no_cluster(address, problem)
    register_ray()
    logging.getLogger("ray").setLevel(logging.ERROR)
    if ray.is_initialized():
        _require_common_store(store_uri)
        yield
        return
    with contextlib.nullcontext() if address else _token_required():
        _connect(address, package)
        try:
            _require_common_store(store_uri)
            yield
        finally:
            ray.shutdown()


def each_on_ray(at_once: int, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Generator[Any, None, None]:
    """Call a function on the cluster with each tuple of arguments, and yield each result as soon as it is there.

    Ray's backend for joblib gives all at once, at the end. What is still under way when this is left, is killed.
    """
    import ray

    # A call that its worker did not survive is not repeated by Ray: it may have made a run.
    remote = ray.remote(num_cpus=1, scheduling_strategy="SPREAD", max_retries=0)(work)
    under_way: list[Any] = []
    left = list(reversed(calls))
    try:
        while left or under_way:
            while left and (at_once < 0 or len(under_way) < at_once):
                under_way.append(remote.remote(*left.pop()))
            ended, under_way = ray.wait(under_way)
            yield _result(ended[0])
    finally:
        for call in under_way:
            ray.cancel(call, force=True)
        if under_way:
            ray.wait(under_way, num_returns=len(under_way), timeout=patience(STOP_SECONDS))


def _result(call: Any) -> Any:
    """What a call has returned; an error of its own is raised as it is, without Ray's wrapping."""
    import ray

    try:
        return ray.get(call)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error


def _no_cluster(address: str, problem: str) -> WorkbenchError:
    return WorkbenchError(
        f"no Ray cluster answers at {address!r} ({problem}).",
        "the address of a cluster's head, such as 10.0.0.5:6379.",
        "Start one (`ray start --head`), correct the address, or leave it out to start one on this machine.",
    )


def _unanswered(address: str) -> str:
    """What is wrong at an address, if anything: Ray's head answers gRPC's health check; `ray.init` tries for minutes.

    See https://github.com/grpc/grpc/blob/master/doc/health-checking.md
    """
    import grpc

    try:
        with grpc.insecure_channel(address.removeprefix("ray://"), [("grpc.enable_http_proxy", 0)]) as channel:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=patience(ANSWER_SECONDS / 4))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            return ""  # there is one; `ray.init` tells whether it lets us in
        if address.startswith("ray://") and error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return ""  # Ray's client server has no such check
        return f"{error.code().name}: {' '.join(error.details().split())[:200]}"
    return ""


def _connect(address: str | None, package: str | None = None) -> None:
    """Connect to the cluster, or start one that keeps to 127.0.0.1."""
    import ray

    code = {"py_modules": [package]} if package else {}
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "runtime_env": code}
    if not address:
        lean = _lean_node()
        exported = lean.pop("metrics_export_port")
        here = ray_internals.ONLY_HERE | {"_metrics_export_port": exported, "include_dashboard": False}
        with _starting(**lean), ray_internals.address_as_given():
            ray.init("local", **here, **quiet)  # without "local" Ray joins whatever runs on this machine
        return
    silent = not address.startswith("ray://") and _unanswered(ray_internals.usual_address(address))
    try:
        with ray_internals.address_as_given() if silent else contextlib.nullcontext():
            ray.init(address, **quiet)
    except (ConnectionError, ray.exceptions.AuthenticationError) as error:
        raise _no_cluster(address, told(error)) from error


@contextlib.contextmanager
def _token_required() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(ray_internals.token_required())
        except OSError as error:
            raise WorkbenchError(
                f"Ray's token cannot be kept in {Path.home() / '.ray'} ({told(error)}).",
                "a home folder that this user can write to.",
                "Set HOME to one, or sweep without Ray, which one machine does not need.",
            ) from error
        yield


def _lean_node() -> dict[str, Any]:
    """What lets a node start on a busy machine.

    With its ports given it does not wait for its agents, which may take longer than the 15 s that Ray allows. Without
    monitors it is up in half of the processor time.
    """
    names = ["metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port"]
    return {**dict(zip(names, free_ports(4), strict=True)), "include_log_monitor": False, "no_monitor": True}


@contextlib.contextmanager
def _starting(**parameters: Any) -> Iterator[None]:
    """Wait longer than Ray for a node that starts in this block, and tell in three sentences when it does not come."""
    seconds = patience(START_SECONDS)
    try:
        with telling("Ray, which starts on this machine"), ray_internals.patient_start(seconds, **parameters):
            yield
    except Exception as error:  # Ray raises Exception itself
        raise WorkbenchError(
            f"Ray did not start on this machine ({told(error)}).",
            f"a node that is up within {seconds:g} s, with room in memory and in the folder for temporary files.",
            f"Close what else works here, or {LONGER}; or sweep without Ray, which one machine does not need.",
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


@contextlib.contextmanager
def ray_nodes(count: int) -> Iterator[Any]:
    """Run a cluster of nodes of one CPU each on this machine, to try what several machines would do.

    They listen on 127.0.0.1 only, and end with the block; their files are gone then.

    Yields
    ------
    ray.cluster_utils.Cluster
        Its ``address`` is what a sweep takes as ``ray_address``; `add_node` adds another node.
    """
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.ERROR)  # it tells of clusters that were here before, and of the token
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        _token_required(),
    ):
        cluster = Cluster()
        try:
            for _ in range(count):
                add_node(cluster, temp_dir=folder)
            yield cluster
        finally:
            cluster.shutdown()


def add_node(cluster: Any, **options: Any) -> Any:
    """Add a node of one CPU to the cluster of `ray_nodes`, and return it.

    Raises
    ------
    WorkbenchError
        When it does not start within 180 s: set MLWORKBENCH_PATIENCE to wait longer.
    """
    with _starting():
        node = cluster.add_node(
            num_cpus=1, node_ip_address="127.0.0.1", wait=False, include_dashboard=False, **_lean_node(), **options
        )
        cluster.wait_for_nodes(patience(START_SECONDS))
    return node
