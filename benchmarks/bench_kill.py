"""Kill and interrupt reruns at random moments, and count how often nothing was lost, left over or done twice."""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mlflow
import psutil

import mlworkbench as wb
from benchmarks.measure import note
from tests.notebooks import notebook

POINTS = 6
CHANCE = random.Random()  # noqa: S311
MARK = "IPYTHON_KILL"
"""Marks the processes of a try; a variable of IPython's, so that they get a server of warm kernels of their own."""

NOTES = """
import mlflow, pathlib, time
time.sleep(0.5)
with mlflow.start_run():
    mlflow.log_metric('double', 2 * n)
with pathlib.Path(folder, f'{n}').open('a') as log:
    print('ended', file=log)
"""

SLOW = "import mlworkbench.notebooks.point as r; record = r.record; import time\n"
SLOW += "def slow(*a):\n    print('recording', flush=True); time.sleep(1); record(*a)\nr.record = slow\n"


class Kind(NamedTuple):
    """What is done to which command how often."""

    arguments: tuple[str, ...]
    victim: str
    tries: int
    signal: int = signal.SIGKILL


GRID = ("--grid", "n=" + ",".join(map(str, range(POINTS))), "--jobs", "2")
KINDS = {
    "sweep: its client is killed": Kind(GRID, "client", 12),
    "sweep: a worker is killed (loky)": Kind((*GRID, "--backend", "loky"), "worker", 12),
    "sweep: a kernel is killed": Kind(GRID, "kernel", 12),
    "sweep: the fork server is killed": Kind(GRID, "server", 16),
    "rerun: the process that works is killed": Kind((), "program", 12),
    "rerun: killed while recording": Kind((), "recording", 10),
    "rerun: Ctrl-C while recording": Kind((), "recording", 10, signal.SIGINT),
    "rerun: Ctrl-C": Kind((), "client", 12, signal.SIGINT),
    "sweep: Ctrl-C": Kind(GRID, "client", 10, signal.SIGINT),
    "sweep: a worker is interrupted (loky)": Kind((*GRID, "--backend", "loky"), "worker", 8, signal.SIGINT),
    "sweep: a kernel is interrupted": Kind(GRID, "kernel", 8, signal.SIGINT),
}
"""74 kills and 48 interruptions."""


def main() -> None:
    """Try every kind; exit status 1 when one did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixth of the tries")
    parser.add_argument("--seed", type=int, default=os.getpid())
    options = parser.parse_args()
    CHANCE.seed(options.seed)
    print(f"seed {options.seed}")
    missed = 0
    for name, kind in KINDS.items():
        tries = max(1, kind.tries // 6) if options.quick else kind.tries
        wrong = [problem for number in range(tries) if (problem := attempt(kind, f"{name} {number}"))]
        print(*wrong, sep="\n", end="\n" if wrong else "")
        note(name, f"tried {tries}, held {tries - len(wrong)}", wanted="all", reached=not wrong, repeats=tries)
        missed += len(wrong)
    sys.exit(missed > 0)


def attempt(kind: Kind, mark: str) -> str:
    """What was wrong after one try; empty when all held."""
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        home = Path(name, ".mlworkbench")
        os.environ |= {"MLWORKBENCH_HOME": str(home), MARK: mark, "MLWORKBENCH_WARM_SECONDS": "1"}
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        mlflow.set_tracking_uri(None)
        wb.start("tries")
        path = notebook(Path(name, "a.ipynb"), f"n = 0\nfolder = {name!r}", NOTES, parameters=True)
        command = ["rerun", str(path), *kind.arguments, "--experiment", "tries"]
        code, told = struck(kind, command)
        again = subprocess.run(
            [sys.executable, "-m", "mlworkbench", *command], capture_output=True, text=True, check=False
        )
        problems = [
            "" if _fits(kind, code) else f"exit code {code}",
            "a traceback" if "Traceback" in told else "",
            f"the next call: {again.returncode} {again.stderr[-300:]}" if again.returncode else "",
            *in_the_store(bool(kind.arguments)),
            "processes are left" if not until(lambda: not ours(), 60) else "",
        ]
        return "; ".join(filter(None, problems))


def _fits(kind: Kind, code: int) -> bool:
    """Whether the command's exit code tells its own interruption; one of another process may cost a point."""
    if kind.signal == signal.SIGKILL:
        return True
    return code in ({130} if kind.victim in ("client", "recording") else {0, 1, 130})


def struck(kind: Kind, command: list[str]) -> tuple[int, str]:
    """Start the command, strike its victim at a random moment, and give exit code and output."""
    if kind.victim == "recording":
        start = f"{SLOW}import sys; from mlworkbench.cli import main; sys.argv[1:] = {command!r}; main()"
        call = [sys.executable, "-c", "import warmkernel.interrupt as i; i.quit_at_once()\n" + start]
    else:
        call = [sys.executable, "-c", "import mlworkbench.__main__ as m; print('here', flush=True); m.main()", *command]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        lines = iter(client.stdout or ())
        next(line for line in lines if line.strip() in ("here", "recording"))
        time.sleep(CHANCE.uniform(0, 1 if kind.victim == "recording" else 8))
        for process in victims(kind.victim, client):
            try:
                process.send_signal(kind.signal)
            except psutil.NoSuchProcess:
                break
        told = "".join(lines)
    return client.returncode, told


def victims(victim: str, client: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process to strike: one at random where there are several, and none when it is not there yet."""
    forked = [p for p in ours() if "warmkernel/server.py" in " ".join(p.cmdline())]
    numbers = [p.pid for p in forked]
    chosen: dict[str, Callable[[psutil.Process], bool]] = {
        "client": lambda p: p.pid == client.pid,
        "recording": lambda p: p.pid == client.pid,
        "server": lambda p: p.pid in numbers and p.ppid() not in numbers,
        "program": lambda p: p.pid in numbers and p.ppid() in numbers,
        "kernel": lambda p: p.pid in numbers and p.ppid() in numbers and p.num_threads() > 5,  # noqa: PLR2004
        "worker": lambda p: "popen_loky" in " ".join(p.cmdline()),
    }
    found = [p for p in ours() if chosen[victim](p)]
    return CHANCE.sample(found, 1) if found else []


def ours() -> list[psutil.Process]:
    """The processes of this try, but this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == os.environ[MARK]:
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def in_the_store(swept: bool) -> list[str]:
    """What is wrong with the runs after the next call: each point once, and nothing that seems to run."""
    found = mlflow.search_runs(search_all_experiments=True, output_format="list", max_results=5000)
    points = [run for run in found if "mlworkbench.point" in run.data.tags]
    passed = [run.data.params["n"] for run in points if run.info.status == "FINISHED"]
    left = sum(run.info.status == "RUNNING" for run in found)
    wanted = sorted(map(str, range(POINTS)))
    return [
        f"{left} runs are RUNNING" if left else "",
        f"finished: {sorted(passed)}" if swept and sorted(passed) != wanted else "",
        "without outcome" if any("outcome" not in run.data.tags for run in points) else "",
    ]


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


if __name__ == "__main__":
    main()
