"""Groups of packages beyond the core (the extras of ``pyproject.toml``): what is missing here, and how it is added.

A course names in the entry-point group ``mlworkbench.needs`` which groups each of its experiments needs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata

from packaging.requirements import Requirement

from mlworkbench.errors import WorkbenchError, unknown_name
from mlworkbench.workbook import workbook_root

_PACKAGE = "mlworkbench"


class MissingGroupError(WorkbenchError):
    """A lesson or a function needs packages that are not installed here."""


def missing_packages(group: str) -> list[str]:
    """The packages of a group that are not installed in this environment."""
    every = [Requirement(line) for line in metadata.requires(_PACKAGE) or []]
    of_group = [r.name for r in every if r.marker and r.marker.evaluate({"extra": group}) and not r.marker.evaluate()]
    return [name for name in of_group if not _installed(name)]


def require_groups(experiment: str) -> None:
    """Refuse to begin a lesson of the course whose packages are not installed.

    Raises
    ------
    MissingGroupError
        With the command that adds what is missing.
    """
    for needs in metadata.entry_points(group=f"{_PACKAGE}.needs"):
        groups = [group for group in needs.load().get(experiment, ()) if missing_packages(group)]
        if groups:
            raise missing_groups(f"The lesson of the experiment {experiment!r}", groups)


def missing_groups(what: str, groups: Sequence[str]) -> MissingGroupError:
    """Build the error for something that needs groups which are not installed."""
    names, packages = " and ".join(groups), [name for group in groups for name in missing_packages(group)]
    return MissingGroupError(
        f"{what} needs packages that are not installed: {', '.join(packages) or 'one of them'}.",
        f"the group {names}.",
        f"Run `{sys.executable} -m mlworkbench add {' '.join(groups)}` in a terminal, then restart the kernel.",
    )


def add_groups(groups: Iterable[str]) -> int:
    """Install groups at the versions and hashes of the lock, beside what is there; the exit status.

    Raises
    ------
    WorkbenchError
        For an unknown group, or outside of a clone.
    """
    known = sorted(metadata.metadata(_PACKAGE).get_all("Provides-Extra") or [])
    extras = list(groups)
    for group in extras:
        if group not in known:
            raise unknown_name("group", group, known)
    root = workbook_root()
    if not (root / "pyproject.toml").exists():
        raise WorkbenchError(
            f"no pyproject.toml in {root}.",
            "a clone of the workbook.",
            "In a container every group is installed; elsewhere change into your clone.",
        )
    command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    command += ["--constraint", "requirements.lock", "--requirement", "pyproject.toml"]
    return subprocess.call(command + [part for group in extras for part in ("--extra", group)], cwd=root)


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
