"""The memory of all processes that a command starts, kernels and fork servers included."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator

import psutil

MEBIBYTE = 2**20
MARK = "IPYTHON_BENCHMARK"
"""Marks the processes of a command; a variable of IPython's, so that they get a server of warm kernels of their own."""


def watched(command: list[str], every: float = 0.1, progress: Callable[[], int] = lambda: 0) -> list[tuple[int, float]]:
    """Run a command; every so many seconds, its progress and the proportional set size (MiB) of its processes."""
    mark, samples = uuid.uuid4().hex, []
    folder = tempfile.mkdtemp(dir=os.environ["MLWORKBENCH_HOME"])  # its own fork server names it
    env = {**os.environ, MARK: mark, "TMPDIR": folder, "MLWORKBENCH_WARM_SECONDS": "5"}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while True:
            try:
                process.wait(every)
                break
            except subprocess.TimeoutExpired:
                samples.append((progress(), sum(sizes(mark, folder)) / MEBIBYTE))
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return samples


def sizes(mark: str, folder: str) -> Iterator[int]:
    """Proportional set size of each process with this mark, or with this folder on its command line, in bytes."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark or folder in " ".join(process.cmdline()):
                yield process.memory_full_info().pss
        except psutil.Error:
            continue
