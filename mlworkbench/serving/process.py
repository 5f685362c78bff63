"""MLflow's scoring server in a process that ends with the one that started it. `server.py` runs this, or forks it."""

from __future__ import annotations

import os
import sys
import threading
import warnings


def _end_with_parent() -> None:
    """Wait for the end of standard input, a pipe that the parent holds open, and so for the end of the parent."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> None:
    """Be uvicorn, with the arguments of this process."""
    # pandas only warns, and the server would answer with one of the columns.
    warnings.filterwarnings("error", "DataFrame columns are not unique")
    from uvicorn.main import main as uvicorn

    uvicorn()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
