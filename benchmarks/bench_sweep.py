"""A sweep against a shell loop of papermill: from Python and from the shell, what a rerun costs, and 1,000 points.

``python -m benchmarks.bench_sweep --few`` tries it with few points.
"""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import nbformat

import mlworkbench as wb
from benchmarks.measure import compare_each, note, require_quiet, sized
from benchmarks.memory import MARK, watched
from tests.notebooks import notebook

POINTS, MANY = sized(16, 2), sized(1000, 30)
REPEATS = 1  # of a loop of more than a minute
JOBS = 2
WORK = 0.01  # seconds that each of many points computes
TRIVIAL = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('double', 2 * n)"
SHORT = f"""import pathlib, time
end = time.process_time() + {WORK}
while time.process_time() < end:
    pass
pathlib.Path(folder, str(n)).touch()
"""
LEAST_FASTER, MOST_OVERHEAD, MOST_PER_POINT, MOST_GROWTH = 12, 1.5, 0.25, 1.1


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


def command(path: Path, points: int) -> list[str]:
    """The same as a command line, which has to import everything first where no fork server is there."""
    grid = "n=" + ",".join(str(n) for n in range(1, points + 1))
    return [sys.executable, "-m", "mlworkbench", "rerun", str(path), "--grid", grid, "--jobs", str(JOBS), "--no-resume"]


def from_the_shell(path: Path, *, warm: bool) -> None:
    """Run the command; one that is not warm has a mark of its own, and so a fork server of its own."""
    env = os.environ if warm else {**os.environ, MARK: uuid.uuid4().hex, "MLWORKBENCH_WARM_SECONDS": "1"}
    subprocess.run(command(path, POINTS), check=True, capture_output=True, env=env)


def overhead(path: Path) -> float:
    """Seconds of one rerun that its cells did not take."""
    import mlflow

    begun = time.perf_counter()
    run = wb.rerun(path, n=1, experiment="sweep")
    taken = time.perf_counter() - begun
    executed = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path.name)
    cells = nbformat.read(executed, as_version=4).cells
    return taken - sum(cell.metadata["papermill"]["duration"] or 0 for cell in cells)


def many_points(home: Path) -> bool:
    """Note what each of many short points costs beyond its work, and how the memory grows from a tenth of them on."""
    done = home / "done"
    done.mkdir()
    path = notebook(home / "short.ipynb", f"n = 0\nfolder = {str(done)!r}", SHORT, parameters=True)
    begun = time.perf_counter()
    samples = watched(command(path, MANY), every=1.0, progress=lambda: len(list(done.iterdir())))
    cost = (time.perf_counter() - begun) / MANY - WORK / JOBS
    tenth = MANY / 10
    early = [size for count, size in samples if tenth <= count <= 2 * tenth]
    late = [size for count, size in samples if 9 * tenth <= count < MANY]
    before, after = statistics.median(early), statistics.median(late)
    costs = note(
        f"{MANY} points of {WORK} s at {JOBS} jobs, from the shell: each, more than its work",
        f"{cost:.3f} s",
        wanted=f"at most {MOST_PER_POINT} s",
        reached=cost <= MOST_PER_POINT,
    )
    grows = note(
        f"memory of the last tenth of {MANY} points, against that after the first tenth",
        f"{before:.0f} MiB, then {after:.0f} MiB, {after / before:.2f} times",
        wanted=f"at most {MOST_GROWTH} times",
        reached=after / before <= MOST_GROWTH,
        spread=f"{min(late) / before:.2f} to {max(late) / before:.2f}",
    )
    return costs and grows


def measure(home: Path) -> bool:
    """Every claim; whether all hold."""
    trivial = notebook(home / "trivial.ipynb", "n = 0", TRIVIAL, parameters=True)
    sweep(trivial, 2)  # the imports, and the server of warm kernels
    ways = {
        f"{POINTS} points, from Python": (lambda: sweep(trivial, POINTS), LEAST_FASTER),
        f"{POINTS} points, from the shell, no fork server yet": (
            lambda: from_the_shell(trivial, warm=False),
            LEAST_FASTER,
        ),
        f"{POINTS} points, from the shell, a fork server there": (lambda: from_the_shell(trivial, warm=True), None),
    }
    faster = compare_each(functools.partial(papermill_loop, trivial, POINTS), ways, REPEATS)
    costs = sorted(overhead(trivial) for _ in range(5))
    cost = statistics.median(costs)
    cheap = note(
        "one rerun, more than its cells",
        f"{cost:.2f} s",
        wanted=f"at most {MOST_OVERHEAD} s",
        reached=cost <= MOST_OVERHEAD,
        spread=f"{costs[0]:.2f} to {costs[-1]:.2f}",
        repeats=len(costs),
    )
    return all([faster, cheap, many_points(home)])


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = wb.start("sweep").store.uri
        sys.exit(not measure(Path(folder)))
