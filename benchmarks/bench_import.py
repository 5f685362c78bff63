"""Import: a new interpreter that imports mlworkbench against one that imports mlflow."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.measure import compare, note, require_quiet

MOST_SECONDS = 0.2
ALONE = "import time; begun = time.perf_counter(); import mlworkbench; print(time.perf_counter() - begun)"


def interpreter(code: str) -> str:
    """Run code in a new interpreter, and give what it prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout


def alone(repeats: int = 5) -> bool:
    """Note what the import takes without the start of the interpreter."""
    times = sorted(float(interpreter(ALONE)) for _ in range(repeats))
    seconds = statistics.median(times)
    return note(
        "import mlworkbench alone",
        f"{seconds:.3f} s",
        wanted=f"at most {MOST_SECONDS} s",
        reached=seconds <= MOST_SECONDS,
        spread=f"{times[0]:.3f} to {times[-1]:.3f}",
        repeats=repeats,
    )


if __name__ == "__main__":
    require_quiet()
    compare(
        "import mlworkbench, against import mlflow",
        lambda: interpreter("import mlflow"),
        lambda: interpreter("import mlworkbench"),
    )
    sys.exit(not alone())
