"""``mlworkbench`` and ``python -m mlworkbench``: the command line.

A rerun works in a forked process, which has the heavy imports behind it and shares their memory with the kernels.
"""

import os
import sys

from mlworkbench.cli import main as command_line
from mlworkbench.notebooks.kernels import warmup
from warmkernel.client import run_forked


def main() -> None:
    """Hand the arguments to the command line, in a forked process where that helps and can be."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # as the kernels have it, whose fork server is to be the same
    code = run_forked("mlworkbench.cli", warmup()) if sys.argv[1:2] == ["rerun"] else None
    sys.exit(command_line() if code is None else code)


if __name__ == "__main__":
    main()
