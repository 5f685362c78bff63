"""An ``MLproject`` file: fetched, read and checked, so that what is wrong is told before anything runs."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError, told, unknown_name
from mlworkbench.mlflow_internals import entry_points, find_mlproject, load_project

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint, Project


def read_project(folder: Path) -> Project:
    """Read the ``MLproject`` of a folder with MLflow's own reader.

    Raises
    ------
    ProjectError
        When there is none, it cannot be read, or a command does not fit its parameters.
    """
    import yaml
    from mlflow.exceptions import MlflowException

    if not folder.is_dir() or find_mlproject(folder) is None:
        raise ProjectError(
            f"no MLproject in {folder}.",
            "a folder with a file MLproject, or the URI of a Git repository.",
            "Give the folder, not the file." if folder.is_file() else "Correct the path.",
        )
    try:
        project = load_project(folder)
    except (yaml.YAMLError, MlflowException, AttributeError, TypeError) as error:
        raise ProjectError(
            f"{folder / 'MLproject'} cannot be read ({told(error)}).",
            "YAML with `name`, an environment, and `entry_points`, each with `parameters` and a `command`.",
            "Correct the place that the message in brackets names.",
        ) from error
    for point in entry_points(project).values():
        _check_command(point)
    return project


def _check_command(point: EntryPoint) -> None:
    """A command is a text, and has nothing but parameters in its braces; MLflow would fail with a bare KeyError."""
    name, command = point.name, point.command
    if not isinstance(command, str):
        found = "begins with a brace, so YAML reads no text" if isinstance(command, dict) else "is missing"
        raise ProjectError(
            f"the command of {name} {found}.", "a text.", 'Write it in quotes, as in `command: "python …"`.'
        )
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(command) if field is not None}
    except ValueError as error:
        raise ProjectError(
            f"the braces in the command of {name} do not match.", "a `{` and a `}` around a name.", "Correct them."
        ) from error
    if unknown := fields - set(point.parameters):
        raise ProjectError(
            f"the command of {name} has {{{min(unknown)}}} in braces, which is none of its parameters.",
            f"in braces only these: {', '.join(point.parameters) or 'none'}.",
            "Use the same name in both places.",
        )


def entry_point_of(folder: Path, name: str) -> EntryPoint:
    """The entry point of that name.

    Raises
    ------
    ProjectError
        When there is none, with the nearest name.
    """
    points = entry_points(read_project(folder))
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
    if kind == "path" and value.startswith("runs:/"):
        _check_artifact(name, value)
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


def _check_artifact(name: str, uri: str) -> None:
    """The run must have that artifact; MLflow itself looks only once the new run has begun."""
    import mlflow

    parent, _, _ = uri.rstrip("/").rpartition("/")
    try:
        there = [item.path.rpartition("/")[2] for item in mlflow.artifacts.list_artifacts(artifact_uri=f"{parent}/")]
    except mlflow.MlflowException as error:
        raise ProjectError(f"{name} = {uri!r} ({told(error)}).", "a run of this store.", "Correct the id.") from error
    if uri.rstrip("/").rpartition("/")[2] not in there:
        raise ProjectError(
            f"{name} = {uri!r}.",
            f"an artifact that the run has; at that place it has {', '.join(there) or 'none'}.",
            "Correct the name.",
        )
