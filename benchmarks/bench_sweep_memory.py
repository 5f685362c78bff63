"""Peak memory of sweeps at 2 and at 8 jobs against that of one papermill call on the same notebook.

``python -m benchmarks.bench_sweep_memory --few`` tries it with few points.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import mlworkbench as wb
from benchmarks.bench_sweep import TRIVIAL
from benchmarks.measure import note, require_quiet, sized
from benchmarks.memory import watched
from tests.notebooks import notebook

COURSE = Path(__file__).parents[1] / "notebooks" / "projects" / "wine" / "how_deep.ipynb"
POINTS = {2: sized(16, 2), 8: sized(32, 8)}
MOST = {2: 1.5, 8: 3.0}
"""How many times the memory of one papermill call a sweep may take, by the points that run at once."""


def peak(command: list[str]) -> float:
    """The most memory of all processes of a command, in MiB."""
    return max(size for _, size in watched(command))


def memory(path: Path, name: str, *at_once: int) -> bool:
    """Note how many times the memory of one papermill call a sweep over the values of a parameter takes."""
    papermill = str(Path(sys.executable).with_name("papermill"))
    output = os.environ["MLWORKBENCH_HOME"] + "/one.ipynb"
    one = peak([papermill, "--no-progress-bar", str(path), output, "-p", name, "2"])
    reached = []
    for jobs in at_once:
        grid = f"{name}=" + ",".join(str(n) for n in range(2, POINTS[jobs] + 2))
        options = ["--grid", grid, "--jobs", str(jobs), "--no-resume"]
        many = peak([sys.executable, "-m", "mlworkbench", "rerun", str(path), *options])
        reached.append(
            note(
                f"peak memory of {POINTS[jobs]} points at {jobs} jobs, {path.stem}, against one papermill call",
                f"{one:.0f} MiB plain, {many:.0f} MiB ours, {many / one:.2f} times",
                wanted=f"at most {MOST[jobs]} times",
                reached=many / one <= MOST[jobs],
            )
        )
    return all(reached)


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = wb.start("sweep").store.uri
        trivial = notebook(Path(folder, "trivial.ipynb"), "n = 0", TRIVIAL, parameters=True)
        sys.exit(not all([memory(trivial, "n", 2), memory(COURSE, "depth", 2, 8)]))
