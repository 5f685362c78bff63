"""An ``MLproject`` file: fetched, read and checked, so that what is wrong is told before anything runs."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError, told, unknown_name

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint, Project

GIT_SECONDS = 15.0
"""How long a Git repository may take to answer before it counts as away, in seconds."""


def read_project(folder: Path) -> Project:
    """Read the ``MLproject`` of a folder with MLflow's own reader.

    Raises
    ------
    ProjectError
        When there is none, or it cannot be read.
    """
    import yaml
    from mlflow.exceptions import MlflowException
    from mlflow.projects._project_spec import _find_mlproject, load_project

    if not folder.is_dir() or _find_mlproject(folder) is None:
        raise ProjectError(
            f"no MLproject in {folder}.",
            "a folder with a file MLproject, or the URI of a Git repository.",
            "Correct the path.",
        )
    try:
        return load_project(folder)
    except (yaml.YAMLError, MlflowException, AttributeError, TypeError) as error:
        raise ProjectError(
            f"{folder / 'MLproject'} cannot be read ({told(error)}).",
            "YAML with `name`, an environment, and `entry_points`, each with `parameters` and a `command`.",
            "Correct the place that the message in brackets names.",
        ) from error


def entry_point_of(folder: Path, name: str) -> EntryPoint:
    """The entry point of that name.

    Raises
    ------
    ProjectError
        When there is none, with the nearest name.
    """
    points = read_project(folder)._entry_points
    if name not in points:
        raise unknown_name("entry point", name, points, ProjectError)
    return points[name]


def check_parameters(point: EntryPoint, values: Mapping[str, Any]) -> None:
    """Refuse parameters that are unknown (MLflow would append them to the command), missing or of a wrong type.

    Raises
    ------
    ProjectError
        Naming the parameter and what would do.
    """
    for name, value in values.items():
        if name not in point.parameters:
            raise unknown_name(f"parameter of {point.name!r}", name, point.parameters, ProjectError)
        _check_type(name, point.parameters[name].type, str(value))
    for name, parameter in point.parameters.items():
        if parameter.default is None and name not in values:
            raise ProjectError(
                f"no value for the parameter {name!r} of {point.name!r}, which has no default.",
                f"a value of type {parameter.type}.",
                f"Add {name}=…, or `-P {name}=…` on the command line.",
            )


def _check_type(name: str, kind: str, value: str) -> None:
    """MLflow itself looks only at ``uri`` and ``path``, and only once the run has begun."""
    tests: dict[str, tuple[Callable[[str], object], str]] = {
        "float": (float, "a number"),
        "int": (int, "a whole number"),
        "uri": (_require_scheme, "a URI such as runs:/…, models:/… or file:///…"),
        "path": (_require_file, "a file or folder that exists, or a URI to download from"),
    }
    test, expected = tests.get(kind, (str, ""))
    try:
        test(value)
    except ValueError:
        raise ProjectError(f"{name} = {value!r}.", f"{expected}.", "Correct the value.") from None


def _require_scheme(value: str) -> None:
    if not re.match(r"[a-z][a-z0-9+.-]+:", value):
        raise ValueError


def _require_file(value: str) -> None:
    if not Path(value).exists():
        _require_scheme(value)


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
            _git(source, "-C", clone, "checkout", "--quiet", "--detach", version)
        yield Path(clone, folder).resolve()


def is_remote(source: str) -> bool:
    """Whether this is an address rather than a folder here."""
    return not Path(source).exists() and re.match(r"[^/]*:", source) is not None


def _git(source: str, *arguments: str, timeout: float | None = None) -> None:
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, timeout=timeout, env=quiet)
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise ProjectError(
            f"Git does not get this project from {source} ({reason}).",
            "a folder here, or a repository that answers and has that version.",
            f"Correct the address or the version; `git ls-remote {source}` shows what answers.",
        ) from error
