"""The pipeline of the stock market, run by ``mlflow run`` as a learner does: the first time, and once more.

The second run finds every step finished with the same parameters, code and inputs, and may take 0.15 of the first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, note, require_quiet, seconds, sized

PROJECT = Path(__file__).parents[1] / "notebooks" / "projects" / "stock_market"
MOST_OF_THE_FIRST = 0.15
REPEATS = sized(2, 1)


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


def run(home: Path, project: Path = PROJECT) -> None:
    """Run the pipeline, or another project, on the store of a home."""
    command = ["mlflow", "run", str(project), "--env-manager", "local"]
    subprocess.run(command, env=environment(home), check=True, capture_output=True)


def limit(home: Path) -> None:
    """Note what `mlflow run` takes for a project that only imports MLflow: nothing run by it can be faster."""
    (empty := home / "empty").mkdir()
    (empty / "MLproject").write_text("name: empty\nentry_points:\n  main:\n    command: python -c 'import mlflow'\n")
    taken = [seconds(lambda: run(home, empty)) for _ in range(REPEATS)]
    figure, spread = f"{statistics.median(taken):.3g} s", f"{min(taken):.3g} to {max(taken):.3g}"
    note("the limit: an empty project that imports MLflow", figure, spread=spread, repeats=REPEATS)


def main() -> None:
    """Measure both on fresh stores."""
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        homes = [made(Path(folder, str(number))) for number in range(REPEATS)]
        firsts, again = iter(homes), iter(homes)
        what, least = "pipeline once more, all steps reused", 1 / MOST_OF_THE_FIRST
        reached = compare(what, lambda: run(next(firsts)), lambda: run(next(again)), REPEATS, least=least)
        limit(homes[0])
    sys.exit(not reached)


if __name__ == "__main__":
    main()
