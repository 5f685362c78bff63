"""Sweeps on Ray: points of 2 s on one, two and four nodes of one CPU, on one machine.

On two cores four nodes cannot be faster than two: they show what the nodes themselves cost.
``python -m benchmarks.bench_ray --few`` tries it with few points.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlworkbench as wb
from benchmarks.bench_sweep import sweep
from benchmarks.measure import note, require_quiet, seconds, sized
from mlworkbench.notebooks.ray_cluster import add_node, ray_nodes
from tests.notebooks import notebook

WORK = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end:\n    pass"
LEAST_EFFICIENCY = 0.85
"""The time on one node over twice that on two."""


def nodes_in_turn(cluster: Any, path: Path, points: int, *numbers: int) -> list[float]:
    """Seconds of a sweep on so many nodes, one after the other; those that are added are gone at the end."""
    added, times = [], []
    for number in numbers:
        added += [add_node(cluster) for _ in range(number - 1 - len(added))]
        times.append(seconds(lambda: sweep(path, points, backend="ray", ray_address=cluster.address)))
    for node in added:
        cluster.remove_node(node)
    return times


def efficiency(cluster: Any, path: Path, points: int, repeats: int) -> bool:
    """Note how well so many points are shared out."""
    rounds = [nodes_in_turn(cluster, path, points, 1, 2) for _ in range(repeats)]
    one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
    each = sorted(first / (2 * second) for first, second in rounds)
    return note(
        f"Ray, {points} points of 2 s, two nodes of one CPU against one",
        f"{one:.1f} s and {two:.1f} s, an efficiency of {statistics.median(each):.2f}",
        wanted=f"at least {LEAST_EFFICIENCY}",
        reached=statistics.median(each) >= LEAST_EFFICIENCY,
        spread=f"{each[0]:.2f} to {each[-1]:.2f}",
        repeats=repeats,
    )


def measure(path: Path) -> bool:
    """Every claim; whether all hold."""
    few, many = sized(12, 4), sized(32, 6)
    with ray_nodes(1) as cluster:
        reached = [efficiency(cluster, path, few, sized(2, 1)), efficiency(cluster, path, many, 1)]
        (four,) = nodes_in_turn(cluster, path, few, 4)
    note(f"Ray, {few} points of 2 s, four nodes of one CPU", f"{four:.1f} s on {os.cpu_count()} cores")
    return all(reached)


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = wb.start("sweep").store.uri
        sys.exit(not measure(notebook(Path(folder, "work.ipynb"), "n = 0", WORK, parameters=True)))
