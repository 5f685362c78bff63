"""Run every benchmark, or those that are named, and write their figures to docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.measure import MOST_LOAD, NOTES_VARIABLE, require_quiet

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
LONGEST_WAIT = 600
LIBRARIES = ("mlflow", "papermill", "scikit-learn", "xgboost", "keras", "ray")

HEAD = """# Performance

Every claim of speed, measured by `make bench`: the plain way and ours in turn, in one run, on one machine. What counts
is the ratio; the seconds are those of this machine.

"""


def machine() -> str:
    """What the figures are of."""
    memory = psutil.virtual_memory().total / 2**30
    python = f"Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, {python}, {libraries}."


def settle() -> None:
    """Wait until what the last benchmark did no longer counts as load."""
    until = time.monotonic() + LONGEST_WAIT
    while os.getloadavg()[0] > MOST_LOAD and time.monotonic() < until:
        time.sleep(5)


def page(rows: list[dict[str, object]]) -> str:
    """The figures as a table."""
    lines = ["| work | figure | spread | repeats | wanted | reached |", "|---|---|---|---|---|---|"]
    for row in rows:
        reached = ("yes" if row["reached"] else "**no**") if row["wanted"] else ""
        lines.append(
            f"| {row['work']} | {row['figure']} | {row['spread']} | {row['repeats']} | {row['wanted']} | {reached} |"
        )
    return HEAD + f"{time.strftime('%Y-%m-%d')}: {machine()}\n\n" + "\n".join(lines) + "\n"


def main(names: list[str]) -> int:
    """Run them one after the other; 1 where one has failed, after all of them."""
    require_quiet()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes.jsonl")
        notes.touch()
        for name in names or sorted(path.stem for path in HERE.glob("bench_*.py")):
            settle()
            print(f"-- {name}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            if subprocess.run(command, env={**os.environ, NOTES_VARIABLE: str(notes)}, check=False).returncode:
                failed.append(name)
        PAGE.write_text(page([json.loads(line) for line in notes.read_text("utf-8").splitlines()]), "utf-8")
    print(f"{PAGE.name} is written." + (f" Missed or failed: {', '.join(failed)}." if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
