"""Puts a step of grading into a container of its own: no network, and nothing to write to but the folder of its job.

What it may use stands in ``docker/grading.yml``. Of this machine it sees what its job may read and write, at the same
places, and the packages of the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlworkbench.errors import WorkbenchError

IMAGE = "mlworkbench/jupyter"
_WITHOUT = "or grade without --container."
_USER = os.getuid() or 65534  # a container is not root; no person of this machine is nobody


def command(
    root: Path, words: list[str], *, name: str, folder: str, env: Mapping[str, str], mounts: Mapping[str, str]
) -> list[str]:
    """The command that runs these words in a container; ``mounts`` are places, each ``ro`` or ``rw``."""
    compose = ["docker", "compose", "--progress", "quiet", "--project-name", "mlworkbench-grading"]
    compose += ["--project-directory", str(root), "--file", str(root / "docker" / "grading.yml")]
    run = ["run", "--rm", "--no-TTY", "--name", name, "--user", f"{_USER}:{_USER}", "--workdir", folder]
    for variable, value in env.items():
        run += ["--env", f"{variable}={value}"] if variable != "PATH" else []  # the image has its own
    for place, mode in mounts.items():
        run += ["--volume", f"{place}:{place}:{mode}"]
    return [*compose, *run, "grading", *words]


def mounts_of(job: Mapping[str, Any], place: Path) -> dict[str, str]:
    """The places below ``place`` that a job may read and write, after giving what is in it to the container's user."""
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "-h", f"{_USER}:{_USER}", *map(str, place.iterdir())], check=True)
    modes = dict.fromkeys(job["read"], "ro") | dict.fromkeys(job["write"], "rw")
    return {path: mode for path, mode in modes.items() if Path(path).is_relative_to(place)}


def remove(name: str) -> None:
    """End a container with all that runs in it; one that has ended is gone already."""
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def try_container(root: Path) -> None:
    """Start one with the settings and the image of grading, and let it read a file of this machine.

    Raises
    ------
    WorkbenchError
        Without an engine, an image or a container that can be started: with the command that helps.
    """
    if shutil.which("docker") is None or _trouble(["docker", "compose", "version"]):
        raise WorkbenchError("no Docker with Compose.", "a container engine.", f"Install it, {_WITHOUT}")
    if told := _trouble(["docker", "version"]):
        do = f"Start it, ask for the right to use it, {_WITHOUT}"
        raise WorkbenchError(f"the container engine does not answer: {told}", "one that runs.", do)
    if _trouble(["docker", "image", "inspect", IMAGE]):
        do = f"make env && docker compose build jupyter, {_WITHOUT}"
        raise WorkbenchError(f"no image {IMAGE}.", "the image of the stack.", do)
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        file = Path(folder, "seen")
        file.touch()
        file.chmod(0o644)
        mounts, name = {str(file): "ro"}, Path(folder).name
        if told := _trouble(command(root, ["cat", str(file)], name=name, folder="/", env={}, mounts=mounts)):
            do = f"Free what it names, or let the engine reach {folder}, {_WITHOUT}"
            raise WorkbenchError(f"no container can be started: {told}", "one that sees this machine's files.", do)


def _trouble(command: list[str]) -> str:
    """The last line of a command that failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1] if done.returncode else ""
