"""The pipeline of the stock market, run by ``mlflow run`` as a learner does: the first time, and once more.

The second run finds every step finished with the same parameters, code and inputs, and may take 0.15 of the first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, require_quiet

PROJECT = Path(__file__).parents[1] / "notebooks" / "projects" / "stock_market"
MOST_OF_THE_FIRST = 0.15
REPEATS = 1


def environment(home: Path) -> dict[str, str]:
    """The store of a home, and the programs of this environment."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "MLWORKBENCH_HOME": str(home),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(home / "artifacts"),
    }


def made(home: Path) -> Path:
    """Make the store of a home, as `wb.start` does before the first lesson."""
    make = "from mlworkbench.store import open_store; open_store()"
    subprocess.run([sys.executable, "-c", make], env=environment(home), check=True, capture_output=True)
    return home


def run(home: Path) -> None:
    """Run the pipeline on the store of a home."""
    command = ["mlflow", "run", str(PROJECT), "--env-manager", "local"]
    subprocess.run(command, env=environment(home), check=True, capture_output=True)


def main() -> None:
    """Measure both on fresh stores."""
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        homes = [made(Path(folder, str(number))) for number in range(REPEATS)]
        firsts, seconds = iter(homes), iter(homes)
        what, least = "pipeline once more, all steps reused", 1 / MOST_OF_THE_FIRST
        reached = compare(what, lambda: run(next(firsts)), lambda: run(next(seconds)), REPEATS, least=least)
    sys.exit(not reached)


if __name__ == "__main__":
    main()
