"""Set-up: `make setup` against venv and pip with the same lock, each with its warm cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import compare, require_quiet

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command silently; fail when it fails."""
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(command, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def plain() -> None:
    """What everybody can do without this project's Makefile."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        pip = Path(folder, "bin", "pip")
        run(str(pip), "install", "--no-deps", "--require-hashes", "--requirement", str(ROOT / "requirements.lock"))


def ours() -> None:
    """A clean clone and `make setup`."""
    with tempfile.TemporaryDirectory() as folder:
        run("git", "clone", "--quiet", str(ROOT), folder)
        run("make", "setup", cwd=Path(folder))


if __name__ == "__main__":
    require_quiet()
    ours()  # fills uv's cache
    plain()  # fills pip's cache
    sys.exit(not compare("set-up of the whole environment, against venv and pip", plain, ours, repeats=1, least=2))
