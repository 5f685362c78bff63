"""Import: a new interpreter that imports mlworkbench against one that imports mlflow."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import compare, require_quiet


def interpreter(code: str) -> None:
    """Run code in a new interpreter."""
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    require_quiet()
    compare(
        "import mlworkbench, against import mlflow",
        lambda: interpreter("import mlflow"),
        lambda: interpreter("import mlworkbench"),
    )
    interpreter(
        "import time; begun = time.perf_counter(); import mlworkbench;"
        "print(f'import mlworkbench alone: {time.perf_counter() - begun:.3f} s')"
    )
