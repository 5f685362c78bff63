"""The core with the newest and with the oldest releases that pyproject.toml allows: what breaks, and by which release.

Run by `make drift`, or with `newest` or `oldest` alone. Each end has an environment of its own in build/drift. For what
breaks there, releases of the lock are replaced half by half, until the one is left that makes the difference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.paths import ROOT

ENDS = {"newest": ["--resolution", "highest"], "oldest": ["--resolution", "lowest-direct"]}
LESSONS = """
import json, sys
from mlcourse.run import run_workbook
table = run_workbook(sys.argv[1:], jobs=1, fast=True, keep_going=True)
print(json.dumps(dict(zip(table.lesson, table.outcome))))
"""
PARTS = ["0", "1", "2", "3", "4", "6"]
TESTS = ["tests/mlworkbench", "tests/warmkernel"]
WELL = ("passed", "skipped: ")
Pins = dict[str, str]


def resolved(*how: str) -> Pins:
    """The releases of the core, and of the tools of its tests, for this machine."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--quiet"]
    command += ["--python", sys.executable, "--no-header", "--no-annotate", *how]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(re.findall(r"(?m)^([\w.-]+)(?:\[.*\])?==(\S+)", told))


class Environment:
    """An environment in which releases are replaced, and what is tried in it."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        self._uv("venv", "--clear", "--python", sys.executable, str(folder))
        self._uv("pip", "install", "--python", str(self.python), "--no-deps", "--editable", str(ROOT))

    def install(self, pins: Pins) -> None:
        """Put these releases in place of others; what is not named stays."""
        named = [f"{name}=={version}" for name, version in pins.items()]
        self._uv("pip", "install", "--python", str(self.python), "--no-deps", *named)

    def lessons(self, *wanted: str) -> dict[str, str]:
        """Execute lessons on a store of their own; what became of those that failed."""
        done = self._run("-c", LESSONS, *wanted)
        try:
            outcomes = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            return dict.fromkeys(wanted, f"no lesson can be executed: {done.stderr[-300:]}")
        return {name: outcome for name, outcome in outcomes.items() if not outcome.startswith(WELL)}

    def tests(self, *wanted: str) -> dict[str, str]:
        """Run tests that start no process; those that failed."""
        done = self._run("-m", "pytest", "-q", "-rfE", "--tb=no", "-m", "not processes and not slow", *wanted)
        failed = dict(re.findall(r"(?m)^(?:FAILED|ERROR) (\S+)(?: - (.*))?", done.stdout))
        return failed or ({} if done.returncode in (0, 5) else dict.fromkeys(wanted, done.stdout[-300:]))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as home:
            env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHONPATH"))}
            env["MLWORKBENCH_HOME"] = home
            return subprocess.run(
                [self.python, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
            )

    @staticmethod
    def _uv(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "uv", *arguments, "--quiet"], check=True)


def culprit(good: Pins, bad: Pins, breaks: Callable[[Pins], bool]) -> str:
    """The release that makes the difference between pins that work and pins that break, or that there is none."""
    if breaks(good):
        return "no release: it fails with the lock as well"
    changed = sorted(name for name in bad if bad[name] != good.get(name))
    works, fails = 0, len(changed)  # how many of them may be replaced
    while fails - works > 1:
        middle = (works + fails) // 2
        if breaks({**good, **{name: bad[name] for name in changed[:middle]}}):
            fails = middle
        else:
            works = middle
    name = changed[fails - 1]
    return f"{name} {bad[name]} ({good.get(name, 'nothing')} is locked)"


def drift(end: str, locked: Pins) -> list[str]:
    """A line for each lesson and test that breaks at one end, with the release that breaks it."""
    pins = resolved(*ENDS[end])
    environment = Environment(ROOT / "build" / "drift" / end)
    environment.install(pins)
    lines = []
    for kind, tried, wanted in (("lesson", environment.lessons, PARTS), ("test", environment.tests, TESTS)):
        sys.stderr.write(f"{end}: {kind}s of the core, which takes minutes ...\n")
        for name, why in tried(*wanted).items():

            def breaks(these: Pins, tried: Callable[..., dict[str, str]] = tried, name: str = name) -> bool:
                environment.install(these)
                return bool(tried(name))

            lines.append(f"{end}: {kind} {name} is broken by {culprit(locked, pins, breaks)}: {why}")
    return lines


if __name__ == "__main__":
    locked = resolved("--constraint", "requirements.lock")
    found = [line for end in sys.argv[1:] or ENDS for line in drift(end, locked)]
    sys.stdout.write("\n".join(found or ["Lessons and tests of the core work."]) + "\n")
    sys.exit(1 if found else 0)
