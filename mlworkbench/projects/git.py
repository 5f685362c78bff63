"""The folder of a project: here, or fetched from a Git repository at a commit, tag or branch."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from mlworkbench.errors import ProjectError, without_password
from mlworkbench.locations import is_there
from mlworkbench.temporary import temporary_folder
from mlworkbench.texts import require_text
from mlworkbench.waiting import LONGER, patience, telling
from mlworkbench.workbook import real_path

GIT_SECONDS = 15.0
"""How long a Git repository may take to answer before it counts as away, in seconds."""

TRANSPORTS = "file:git:http:https:ssh"
"""Ways to a repository that run no command which its address names, as ``ext::`` would."""

_PARAMETER = "A parameter of the project that is called version goes into parameters={'version': …}."


class Fetched(NamedTuple):
    """A project's folder, its address without credentials, and the version as plain ``mlflow run`` takes it."""

    folder: Path
    address: str
    version: str | None = None


@contextlib.contextmanager
def fetched(path: str | os.PathLike[str], version: str | None = None) -> Iterator[Fetched]:
    """Give the folder of a project: as it lies here, or cloned beside it for as long as the ``with`` block lasts.

    Raises
    ------
    ProjectError
        When the repository does not answer, has no such version, or the folder lies outside of it.
    """
    address = _checked(os.fspath(path) if isinstance(path, os.PathLike) else path, "the address of a project")
    if "#" in address and is_there(Path(address)):
        raise ProjectError(
            f"the folder {address!r}, with a '#' in its path.",
            "a path without: MLflow takes what follows a '#' for a folder inside of the project.",
            "Rename the folder, or move the project.",
        )
    source, _, folder = address.partition("#")
    if version is None and not is_remote(source):
        yield Fetched(_inside(Path(source), folder) if folder else real_path(source), address)
        return
    if version is not None:
        _check_version(source, version)
    with temporary_folder() as clone:
        with telling(f"Git, which fetches {_bare(source)}"):
            _git(source, "ls-remote", "--quiet", "--", _bare(source), timeout=patience(GIT_SECONDS))
            _git(source, "clone", "--quiet", "--", _bare(source), str(clone))
            known = None if version is None else _check_out(source, str(clone), version)
            if Path(clone, ".gitmodules").is_file():
                _git(source, "-C", str(clone), "submodule", "--quiet", "update", "--init", "--recursive")
        yield Fetched(_inside(clone, folder), address.replace(source, _bare(source), 1), known)


def _checked(text: object, what: str) -> str:
    """A text that Git cannot take for one of its options."""
    if (found := require_text(text, what, ProjectError)).startswith("-") or not found:
        raise ProjectError(
            f"{what} that {'begins with a dash' if found else 'is empty'}: {found[:50]!r}.",
            "a folder, or the address of a repository; a commit, tag or branch as version.",
            "Correct it; a folder can be written with './' in front.",
        )
    return found


def _check_version(source: str, version: str) -> None:
    _checked(version, "a version")
    if (
        is_there(Path(source))
        and Path(source).is_dir()
        and not Path(source, ".git").exists()
        and not Path(source, "HEAD").exists()
    ):
        raise ProjectError(
            f"version {version!r} of {source}, which is no Git repository.",
            "a repository.",
            f"Leave it out. {_PARAMETER}",
        )


def _inside(root: Path, folder: str) -> Path:
    """A folder of a repository, out of which neither it nor a symbolic link of its MLproject leads."""
    found = real_path(Path(root, folder))
    files = [path for path in found.glob("*") if path.name.lower() == "mlproject"]
    if not all(real_path(path).is_relative_to(real_path(root)) for path in (found, *files)):
        raise ProjectError(
            f"the folder {folder!r} of a project, which leads out of the project's repository.",
            "a folder inside of it.",
            "Write behind '#' a path without '..' and '/' in front; symbolic links must stay inside too.",
        )
    return found


def _check_out(source: str, clone: str, version: str) -> str:
    """Check a version out; returns its name if it is a branch or tag, else the whole hash of its commit."""
    named = (f"refs/tags/{version}", f"refs/remotes/origin/{version}")
    for name in (*named, version, "FETCH_HEAD"):
        with contextlib.suppress(ProjectError):
            if name == "FETCH_HEAD" and re.fullmatch("[0-9a-f]{40}", version):  # a commit of no branch
                _git(source, "-C", clone, "fetch", "--quiet", "origin", version)
            commit = _git(source, "-C", clone, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
            _git(source, "-C", clone, "checkout", "--quiet", "--detach", commit, "--")
            return version if name in named and version != "HEAD" else commit
    newest = _git(source, "-C", clone, "log", "--all", "--oneline", "--max-count=5").splitlines()
    raise ProjectError(
        f"{_bare(source)} has no version {version!r}.",
        f"a commit, a tag or a branch. The newest commits are: {'; '.join(newest)}.",
        f"Give one of the names in front, not the message behind it. {_PARAMETER}",
    )


def is_remote(source: str) -> bool:
    """Whether this is an address rather than a folder here."""
    return re.match(r"[^/]*:", source) is not None and not is_there(Path(source))


def _bare(source: str) -> str:
    """An address without user, password and query, which Git gets in another way; anything else as it is."""
    if not source.startswith(("http://", "https://")):
        return source
    try:
        parts = urlsplit(source)
    except ValueError as error:  # such as http://[::1
        raise ProjectError("an address that is none.", "https://host/path.", "Correct it.") from error
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _git(source: str, *arguments: str, timeout: float | None = None) -> str:
    """What a Git command prints. Credentials of the source go into its environment, which nobody else can read."""
    try:
        done = subprocess.run(
            ["git", *arguments], check=True, capture_output=True, text=True, timeout=timeout, env=_environment(source)
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        address = _bare(source)
        reason = " ".join((getattr(error, "stderr", None) or str(error)).split())[:300]
        raise ProjectError(
            f"Git does not get this project from {address} ({without_password(reason)}).",
            "a folder here, or a repository that answers.",
            f"Correct the address; `git ls-remote {address}` shows what answers. For a slow one, {LONGER}.",
        ) from error
    return done.stdout


def _environment(source: str) -> dict[str, str]:
    """Variables with which Git asks nothing, runs nothing that an address names, and knows the user of the source."""
    asks_nothing = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    settings = {**os.environ, **asks_nothing, "GIT_ALLOW_PROTOCOL": TRANSPORTS}
    if not source.startswith(("http://", "https://")) or "@" not in source:
        return settings
    parts = urlsplit(source)
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
    count = int(settings.get("GIT_CONFIG_COUNT", "0"))
    return settings | {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"http.{_bare(source)}.extraHeader",
        f"GIT_CONFIG_VALUE_{count}": f"Authorization: Basic {base64.b64encode(user).decode()}",
    }
