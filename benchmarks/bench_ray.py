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

NODES = (1, 2, 4)
WORK = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end:\n    pass"
LEAST_EFFICIENCY = {12: 0.85, 32: 0.8}
"""By the number of points: the time on one node over twice that on two."""


def nodes_in_turn(cluster: Any, path: Path, points: int) -> list[float]:
    """Seconds of a sweep on one node, and on as many more as are added; they are gone at the end."""
    added, times = [], []
    for number in NODES:
        added += [add_node(cluster) for _ in range(number - 1 - len(added))]
        times.append(seconds(lambda: sweep(path, points, backend="ray", ray_address=cluster.address)))
    for node in added:
        cluster.remove_node(node)
    return times


def efficiency(path: Path, points: int, repeats: int) -> bool:
    """Note how well so many points are shared out."""
    with ray_nodes(1) as cluster:
        rounds = [nodes_in_turn(cluster, path, points) for _ in range(repeats)]
    one, two, four = (statistics.median(column) for column in zip(*rounds, strict=True))
    each = sorted(first / (2 * second) for first, second, _ in rounds)
    least = LEAST_EFFICIENCY.get(points, 0)
    reached = note(
        f"Ray, {points} points of 2 s, two nodes of one CPU against one",
        f"{one:.1f} s and {two:.1f} s, an efficiency of {statistics.median(each):.2f}",
        wanted=f"at least {least}",
        reached=statistics.median(each) >= least,
        spread=f"{each[0]:.2f} to {each[-1]:.2f}",
        repeats=repeats,
    )
    shared = f"{four:.1f} s, {one / four:.2f} times faster than one node, on {os.cpu_count()} cores"
    note(f"Ray, {points} points of 2 s, four nodes of one CPU", shared, repeats=repeats)
    return reached


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = wb.start("sweep").store.uri
        work = notebook(Path(folder, "work.ipynb"), "n = 0", WORK, parameters=True)
        sizes = {sized(12, 4): sized(3, 1), sized(32, 6): 1}
        sys.exit(not all([efficiency(work, points, repeats) for points, repeats in sizes.items()]))
