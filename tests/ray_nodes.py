"""Ray nodes on this machine."""

from __future__ import annotations

import socket
from typing import Any


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody uses at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def add_node(cluster: Any) -> Any:
    """Add a node of one CPU to a `ray.cluster_utils.Cluster`.

    With its ports given it does not wait for its agents: on a busy machine these take longer than Ray allows (15 s).
    """
    names = ["metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port"]
    ports = dict(zip(names, free_ports(4), strict=True))
    return cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", include_dashboard=False, **ports)
