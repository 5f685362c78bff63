"""``mlworkbench`` and ``python -m mlworkbench``: the command line.

A rerun works in a forked process, which has the heavy imports behind it and shares their memory with the kernels.
"""

import os
import sys

import warmkernel.interrupt

warmkernel.interrupt.quit_at_once()  # before the imports; `interruptible` tells when there is something to record


def main() -> None:
    """Hand the arguments to the command line, in a forked process where that helps and can be."""
    from mlworkbench.cli import main as command_line
    from mlworkbench.errors import WorkbenchError

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # as the kernels have it, whose fork server is to be the same
    try:
        code = _forked() if sys.argv[1:2] == ["rerun"] else None
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        code = 2
    sys.exit(command_line() if code is None else code)


def _forked() -> int | None:
    from mlworkbench.fork_server import warmup
    from warmkernel.client import run_forked

    return run_forked("mlworkbench.cli", warmup())


if __name__ == "__main__":
    main()
