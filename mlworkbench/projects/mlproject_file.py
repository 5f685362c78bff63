"""An ``MLproject`` file, read and checked, so that what is wrong is told before anything runs."""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError, told, unknown_name
from mlworkbench.locations import is_there
from mlworkbench.mlflow_internals import check_param_name, entry_points, find_mlproject, load_project
from mlworkbench.workbook import real_path

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint, Project

SCRIPTS = (".py", ".sh")
"""Files that are entry points without being declared."""

_LARGEST, _MOST_NODES = 1_000_000, 100_000
"""How large an MLproject may be: in bytes, and in YAML nodes when each anchor is written out where it is used."""


def read_project(folder: Path) -> Project:
    """Read the ``MLproject`` of a folder with MLflow's own reader.

    Raises
    ------
    ProjectError
        When there is none, it cannot be read, or a command does not fit its parameters.
    """
    import yaml
    from mlflow.exceptions import MlflowException

    if not is_there(folder) or not folder.is_dir() or (path := find_mlproject(folder)) is None:
        raise ProjectError(
            f"no MLproject in {folder}.",
            "a folder with a file MLproject, or the URI of a Git repository.",
            "Give the folder, not the file."
            if is_there(folder) and folder.is_file()
            else "Correct the path; a script needs no MLproject: entry_point='train.py' runs one.",
        )
    try:
        _check_yaml(Path(path))
        project = load_project(folder)
        for point in entry_points(project).values():
            _check_texts(point)
            _check_command(point)
    except (yaml.YAMLError, MlflowException, AttributeError, TypeError, ValueError, OSError, RecursionError) as error:
        raise ProjectError(
            f"{folder / 'MLproject'} cannot be read ({told(error)}).",
            "YAML with `name`, an environment, and `entry_points`, each with `parameters` and a `command`.",
            "Correct the place that the message in brackets names.",
        ) from error
    return project


def _check_yaml(path: Path) -> None:
    """Refuse what takes for ever to read, is no UTF-8, or says something twice, of which YAML takes the last."""
    import yaml

    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path.stat().st_size} bytes, and at most {_LARGEST} are read")
    try:
        root = yaml.compose(path.read_bytes().decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise ProjectError(
            f"{path} is not UTF-8 (byte {error.start}: {error.reason}).", "UTF-8.", "Save it as UTF-8 in your editor."
        ) from error
    if root and _size(root, {}) > _MOST_NODES:
        raise ValueError(f"its anchors multiply to more than {_MOST_NODES} values")


def _size(node: Any, sizes: dict[int, int]) -> int:
    """How many values a YAML node is with each anchor written out where it is used."""
    if id(node) not in sizes:
        sizes[id(node)] = _MOST_NODES + 1  # an anchor inside of itself has no end
        parts = node.value if node.id != "scalar" else []
        if node.id == "mapping":
            keys = [key.value for key, _ in parts if key.id == "scalar" and key.value != "<<"]
            if twice := {key for key in keys if keys.count(key) > 1}:
                raise ValueError(f"{min(twice)!r} stands there twice, in {str(node.start_mark).strip()}")
            parts = [part for pair in parts for part in pair]
        sizes[id(node)] = 1 + sum(_size(part, sizes) for part in parts)
    return sizes[id(node)]


def _check_texts(point: EntryPoint) -> None:
    """Names and types are texts; YAML reads `on`, `no` and numbers as something else."""
    for name, kind in {point.name: "", **{p.name: p.type for p in point.parameters.values()}}.items():
        for text in (name, kind):
            if not isinstance(text, str):
                raise ProjectError(
                    f"{text!r} as a name or type in the entry point {point.name!r}: YAML reads no text there.",
                    "a text.",
                    f"Write it in quotes: {str(text)!r}.",
                )
    for name in point.parameters:
        check_param_name(name)  # or MLflow refuses it when the run is made, and leaves that open


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
    """The entry point of that name: one that the MLproject declares, or as in ``mlflow run -e`` a script.

    Raises
    ------
    ProjectError
        When there is none, with the nearest name.
    """
    if not (is_script := _is_script(folder, name)) or find_mlproject(folder):
        points = entry_points(read_project(folder))
        if isinstance(name, str) and name in points:
            return points[name]
        if not is_script:
            raise unknown_name("entry point", name, points, ProjectError)
    return load_project(folder).get_entry_point(name)


def _is_script(folder: Path, name: object) -> bool:
    """Whether this names a script that lies inside of the folder of a project."""
    if not isinstance(name, str) or not name.endswith(SCRIPTS):
        return False
    path = Path(folder, name)
    return is_there(path) and path.is_file() and real_path(path).is_relative_to(real_path(folder))


def takes_any(point: EntryPoint) -> bool:
    """Whether MLflow hands on whatever parameters are given, as ``--name value``; to a script it does."""
    return point.name.endswith(SCRIPTS) and not point.parameters
