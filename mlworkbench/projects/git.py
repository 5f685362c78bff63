"""The folder of a project: here, or fetched from a Git repository at a commit, tag or branch."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlworkbench.errors import ProjectError

if TYPE_CHECKING:
    pass


GIT_SECONDS = 15.0
"""How long a Git repository may take to answer before it counts as away, in seconds."""


@contextlib.contextmanager
def fetched(path: str | os.PathLike[str], version: str | None = None) -> Iterator[Path]:
    """Give the folder of a project: as it lies here, or cloned beside it for as long as the ``with`` block lasts.

    Raises
    ------
    ProjectError
        When the repository does not answer, or has no such version.
    """
    source, _, folder = str(path).partition("#")
    if version is None and not is_remote(source):
        yield Path(source, folder).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="project-") as clone:
        _git(source, "ls-remote", "--quiet", source, timeout=GIT_SECONDS)
        _git(source, "clone", "--quiet", "--", source, clone)
        if version is not None:
            _check_out(source, clone, version)
        yield Path(clone, folder).resolve()


def _check_out(source: str, clone: str, version: str) -> None:
    try:
        _git(source, "-C", clone, "checkout", "--quiet", "--detach", version, "--")
    except ProjectError as error:
        newest = _git(source, "-C", clone, "log", "--oneline", "--max-count=5").splitlines()
        raise ProjectError(
            f"{source} has no version {version!r}.",
            f"a commit, a tag or a branch. The newest commits are: {'; '.join(newest)}.",
            "Give one of the names in front, not the message behind it.",
        ) from error


def is_remote(source: str) -> bool:
    """Whether this is an address rather than a folder here."""
    return not Path(source).exists() and re.match(r"[^/]*:", source) is not None


def _git(source: str, *arguments: str, timeout: float | None = None) -> str:
    """What a Git command prints."""
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        done = subprocess.run(
            ["git", *arguments], check=True, capture_output=True, text=True, timeout=timeout, env=quiet
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = " ".join((getattr(error, "stderr", None) or str(error)).split())[:300]
        raise ProjectError(
            f"Git does not get this project from {source} ({reason}).",
            "a folder here, or a repository that answers.",
            f"Correct the address; `git ls-remote {source}` shows what answers.",
        ) from error
    return done.stdout
