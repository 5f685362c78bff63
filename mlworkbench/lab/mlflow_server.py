"""A server in processes that end with JupyterLab, however that ends. The MLflow tile runs this."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil

_GRACE = 10  # seconds to end in order


def run_beside(parent: int, command: list[str]) -> int:
    """Run a command as long as the parent process lives; its exit code. Its own children end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `finally` is reached
    with subprocess.Popen(command, process_group=0 if os.name == "posix" else None) as server:
        try:
            while server.poll() is None and os.getppid() == parent and psutil.pid_exists(parent):
                time.sleep(0.5)
        finally:
            first = psutil.Process(server.pid) if server.poll() is None else None
            processes = [*first.children(recursive=True), first] if first else []
            for process in processes:
                process.terminate()
            for process in psutil.wait_procs(processes, _GRACE)[1]:
                process.kill()
    return server.returncode


if __name__ == "__main__":
    sys.exit(run_beside(int(sys.argv[1]), sys.argv[2:]))
