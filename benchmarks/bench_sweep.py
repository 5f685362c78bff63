"""A sweep against a shell loop of papermill: time, memory, what one rerun costs, and two Ray nodes against one."""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import nbformat
import psutil

import mlworkbench as wb
from benchmarks.measure import compare, note, require_quiet, seconds
from mlworkbench.notebooks.ray_cluster import add_node, ray_nodes
from tests.notebooks import notebook

POINTS = 16
MEBIBYTE = 2**20
TRIVIAL = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('double', 2 * n)"
WORK = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end:\n    pass"
LEAST_FASTER, MOST_OVERHEAD, MOST_MEMORY, LEAST_EFFICIENCY = 12, 1.5, 1.5, 0.8
MARK = "IPYTHON_BENCHMARK"
"""Marks the processes of a command; a variable of IPython's, so that they get a server of warm kernels of their own."""


def papermill_loop(path: Path, points: int) -> None:
    """What a shell loop does: a papermill process and a kernel for each point, one after the other."""
    papermill = Path(sys.executable).with_name("papermill")
    loop = f"for n in $(seq {points}); do {papermill} --no-progress-bar {path} {path.parent}/out-$n.ipynb -p n $n; done"
    subprocess.run(["bash", "-ec", loop], check=True, capture_output=True)


def sweep(path: Path, points: int, **options: object) -> None:
    """The same points as one sweep, all of them anew."""
    table = wb.sweep(path, {"n": range(1, points + 1)}, resume=False, experiment="sweep", **options)  # type: ignore[arg-type]
    if (table["outcome"] != "passed").any():
        sys.exit(table.to_string())


def from_the_shell(path: Path, points: int) -> None:
    """The same by the command line, which has to import everything first."""
    grid = "n=" + ",".join(str(n) for n in range(1, points + 1))
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(path), "--grid", grid, "--no-resume"]
    subprocess.run(command, check=True, capture_output=True)


def overhead(path: Path) -> float:
    """Seconds of one rerun that its cells did not take."""
    import mlflow

    begun = time.perf_counter()
    run = wb.rerun(path, n=1, experiment="sweep")
    taken = time.perf_counter() - begun
    executed = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path.name)
    cells = nbformat.read(executed, as_version=4).cells
    return taken - sum(cell.metadata["papermill"]["duration"] or 0 for cell in cells)


def peak_memory(command: list[str]) -> float:
    """Peak of the memory (proportional set size, in MiB) of all processes that a command starts, kernels included."""
    mark, peak, ended = uuid.uuid4().hex, 0.0, threading.Event()
    folder = tempfile.mkdtemp(dir=os.environ["MLWORKBENCH_HOME"])  # its own fork server names it

    def of_the_command(process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == mark or folder in " ".join(process.cmdline())
        except psutil.Error:
            return False

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            sizes = []
            for process in filter(of_the_command, psutil.process_iter()):
                try:
                    sizes.append(process.memory_full_info().pss)
                except psutil.Error:
                    continue
            peak = max(peak, sum(sizes) / MEBIBYTE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, MARK: mark, "TMPDIR": folder})
    ended.set()
    watcher.join()
    return peak


def memory(path: Path, name: str) -> bool:
    """Note how many times the memory of one papermill call a sweep of 16 points takes."""
    papermill = str(Path(sys.executable).with_name("papermill"))
    output = os.environ["MLWORKBENCH_HOME"] + "/one.ipynb"
    one = peak_memory([papermill, "--no-progress-bar", str(path), output, "-p", name, "2"])
    grid = f"{name}=" + ",".join(str(n) for n in range(2, POINTS + 2))
    options = ["--jobs", "2", "--no-resume"]
    many = peak_memory([sys.executable, "-m", "mlworkbench", "rerun", str(path), "--grid", grid, *options])
    return note(
        f"peak memory of {POINTS} points at 2 jobs, {path.stem}, against one papermill call",
        f"{one:.0f} MiB plain, {many:.0f} MiB ours, {many / one:.2f} times",
        wanted=f"at most {MOST_MEMORY} times",
        reached=many / one <= MOST_MEMORY,
    )


def ray_efficiency(path: Path, points: int = 32, repeats: int = 3) -> bool:
    """Note the time on one node of one CPU over twice the time on two of them."""
    pairs = []
    with ray_nodes(1) as cluster:
        for _ in range(repeats):
            one = seconds(lambda: sweep(path, points, backend="ray", ray_address=cluster.address))
            second = add_node(cluster)
            two = seconds(lambda: sweep(path, points, backend="ray", ray_address=cluster.address))
            cluster.remove_node(second)
            pairs.append((one, two))
    each = sorted(one / (2 * two) for one, two in pairs)
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    return note(
        f"Ray, {points} points of 2 s, two nodes of one CPU against one",
        f"{one:.1f} s and {two:.1f} s, an efficiency of {statistics.median(each):.2f}",
        wanted=f"at least {LEAST_EFFICIENCY}",
        reached=statistics.median(each) >= LEAST_EFFICIENCY,
        spread=f"{each[0]:.2f} to {each[-1]:.2f}",
        repeats=repeats,
    )


def measure() -> bool:
    """Every claim; whether all hold."""
    trivial = notebook(Path(os.environ["MLWORKBENCH_HOME"], "trivial.ipynb"), "n = 0", TRIVIAL, parameters=True)
    work = notebook(trivial.with_name("work.ipynb"), "n = 0", WORK, parameters=True)
    sweep(trivial, 2)  # the imports, and the server of warm kernels
    loop = functools.partial(papermill_loop, trivial, POINTS)
    course = Path(__file__).parents[1] / "notebooks" / "projects" / "wine" / "how_deep.ipynb"
    costs = sorted(overhead(trivial) for _ in range(5))
    cost = statistics.median(costs)
    reached = [
        compare(f"{POINTS} points, from Python", loop, lambda: sweep(trivial, POINTS), 3, least=LEAST_FASTER),
        compare(f"{POINTS} points, from the shell", loop, lambda: from_the_shell(trivial, POINTS), 1),
        note(
            "one rerun, more than its cells",
            f"{cost:.2f} s",
            wanted=f"at most {MOST_OVERHEAD} s",
            reached=cost <= MOST_OVERHEAD,
            spread=f"{costs[0]:.2f} to {costs[-1]:.2f}",
            repeats=len(costs),
        ),
        memory(trivial, "n"),
        memory(course, "depth"),
        ray_efficiency(work),
    ]
    return all(reached)


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = wb.start("sweep").store.uri
        sys.exit(not measure())
