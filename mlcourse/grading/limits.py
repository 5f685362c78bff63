"""Watches what a submission uses, and ends everything that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlcourse.grading.confinement import adopt_orphans

_ONCE_MORE = 30.0  # seconds beyond the limit until a process that does not end by itself is ended


@dataclass(frozen=True)
class Limits:
    """What a whole submission may use, of everything it starts together."""

    seconds: float = 420
    memory: int = 4_000_000_000
    disk: int = 1_000_000_000
    processes: int = 100


def watch(process: subprocess.Popen[bytes], before: set[psutil.Process], place: Path, limits: Limits) -> str:
    """Wait for a process, and tell which limit it went over, if it did."""
    begun, look_at_disk = time.monotonic(), 0.0
    while process.poll() is None:
        now = time.monotonic() - begun
        running = started(before)
        if now > limits.seconds + _ONCE_MORE:
            return f"stopped after {limits.seconds:.0f} s"
        if len(running) > limits.processes:
            return f"stopped: it had more than {limits.processes} processes"
        if sum(map(_memory, running)) > limits.memory:
            return f"stopped: it used more than {limits.memory / 1e9:.3g} GB of memory"
        if now > look_at_disk:
            look_at_disk = now + 2
            if _size(place) > limits.disk:
                return f"stopped: it wrote more than {limits.disk / 1e9:.3g} GB"
        time.sleep(0.25)
    return ""


def started(before: set[psutil.Process] | None = None) -> set[psutil.Process]:
    """Everything below this process, without what was there before."""
    return set(psutil.Process().children(recursive=True)) - (before or set())


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        found = process.memory_info()
        return int(found.rss - getattr(found, "shared", 0))
    return 0


def _size(place: Path) -> int:
    size = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with contextlib.suppress(OSError):
                size += Path(folder, name).lstat().st_blocks * 512
    return size


def end(before: set[psutil.Process]) -> None:
    """End everything that was started since; first stop it all, so that nothing starts something new meanwhile."""
    stopped: set[psutil.Process] = set()
    while new := started(before) - stopped:
        for process in new:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        stopped |= new
    while left := started(before):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def main() -> int:
    """Run a command and watch it, in a container: outside of it, its processes cannot be seen."""
    limits, place, *command = sys.argv[1:]
    adopt_orphans()
    process = subprocess.Popen(["nice", "-n", "19", *command])  # hundreds of processes must not keep this one waiting
    happened = watch(process, set(), Path(place), Limits(**json.loads(limits)))
    end(set())
    if happened:
        print(json.dumps(happened))  # noqa: T201 (the last word, for the one who started it)
    return 0 if happened else process.wait()


if __name__ == "__main__":
    sys.exit(main())
