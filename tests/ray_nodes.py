"""Ray nodes on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def ray_nodes(count: int) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster` of nodes of one CPU each, whose files are gone afterwards."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_raylet_start_wait_time_s"] = "120"  # noqa: SIM112 (Ray's own spelling)
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster()
        try:
            for _ in range(count):
                add_node(cluster, temp_dir=folder)
            yield cluster
        finally:
            cluster.shutdown()


def add_node(cluster: Any, **options: Any) -> Any:
    """Add a node of one CPU.

    With its ports given it does not wait for its agents: on a busy machine these take longer than Ray allows (15 s).
    """
    names = ["metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port"]
    ports = dict(zip(names, free_ports(4), strict=True))
    return cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", include_dashboard=False, **ports, **options)
