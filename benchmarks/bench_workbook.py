"""The whole workbook: `mlworkbench run` against a shell loop of papermill over the same notebooks, on the same store.

Name lessons or parts to measure less: ``python -m benchmarks.bench_workbook 1 2.1``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare_each, require_quiet
from mlcourse.lessons import Lesson, lessons
from mlworkbench.store import open_store
from mlworkbench.workbook import workbook_root

LEAST_FASTER, LEAST_FASTER_FAST = 3, 8


def papermill_loop(chosen: list[Lesson], folder: Path) -> None:
    """What a shell loop does: a papermill process and a kernel for each notebook in turn, in its folder."""
    papermill = str(Path(sys.executable).with_name("papermill"))
    for lesson in chosen:
        command = [papermill, "--no-progress-bar", "-k", "python3", lesson.path.name, str(folder / lesson.path.name)]
        environment = {**os.environ, "IPYNB_FILE": str(lesson.path)}
        subprocess.run(command, cwd=lesson.path.parent, env=environment, check=True, capture_output=True)


def run(names: list[str], *options: str) -> None:
    """The same by the workbook's runner, from the shell."""
    command = [sys.executable, "-m", "mlworkbench", "run", *options, *names]
    subprocess.run(command, cwd=workbook_root(), check=True, capture_output=True)


def main(names: list[str]) -> None:
    """Measure each way once, after both have run once, so that bytecode and files are cached."""
    require_quiet()
    chosen = lessons(names)
    what = f"{len(chosen)} lessons by mlworkbench run, against a loop of papermill"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLWORKBENCH_HOME"] = folder
        os.environ["MLFLOW_TRACKING_URI"] = open_store().uri
        run(names, "--fast")
        copies = Path(folder, "plain")
        copies.mkdir()
        ways = {
            what: (lambda: run(names), LEAST_FASTER),
            f"{what}, --fast": (lambda: run(names, "--fast"), LEAST_FASTER_FAST),
        }
        reached = compare_each(lambda: papermill_loop(chosen, copies), ways, repeats=1)
    sys.exit(not reached)


if __name__ == "__main__":
    main(sys.argv[1:])
