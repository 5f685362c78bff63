"""The first hour: what `make lab` installs against what `make setup` installs, each with empty caches."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_setup import ROOT
from benchmarks.measure import note, require_quiet

LARGEST, SHARE = 1300, 0.33
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
    require_quiet()
    core, whole = install(".venv/.core"), install("setup")
    figures = "{:.0f} s, {:.0f} MB".format
    wanted, reached = f"{SHARE} of the time, {LARGEST} MB", core[0] <= SHARE * whole[0] and core[1] <= LARGEST
    note("everything, by make setup, caches empty", figures(*whole))
    sys.exit(not note("the core, by make lab, caches empty", figures(*core), wanted=wanted, reached=reached))
