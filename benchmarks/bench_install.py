"""The first hour: what `make lab` installs against what `make setup` installs, each with cold caches.

Prints the table of docs/performance.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_setup import ROOT

LARGEST, SHARE = 1300, 1 / 3
"""What the core may need: megabytes on disk, and a part of the time that everything takes."""


def install(target: str) -> tuple[float, float]:
    """Make a target in a clean clone without any cache; the seconds, and the megabytes of its environment."""
    with tempfile.TemporaryDirectory() as folder:
        clone, caches = Path(folder, "clone"), Path(folder, "caches")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        env = {**os.environ, "UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")}
        begun = time.perf_counter()
        subprocess.run(["make", target], cwd=clone, env=env, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
        files = [path.lstat() for path in (clone / ".venv").rglob("*") if not path.is_dir()]
        return seconds, sum(file.st_size for file in files) / 1e6


if __name__ == "__main__":
    core, whole = install(".venv/.core"), install("setup")
    print("| | seconds | megabytes on disk |\n|---|---|---|")
    for what, (seconds, size) in {"the core, by `make lab`": core, "everything, by `make setup`": whole}.items():
        print(f"| {what} | {seconds:.0f} | {size:.0f} |")
    if core[1] > LARGEST or core[0] > SHARE * whole[0]:
        sys.exit(f"The core needs more than {LARGEST} MB, or more than a third of the time.")
