"""What checks look at in MLproject files, each gap with a message."""

from __future__ import annotations

import posixpath
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse.answers import place, shown
from mlworkbench import mlflow_internals
from mlworkbench.errors import ProjectError
from mlworkbench.projects.mlproject_file import read_project
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint

NUMBER = ("float", "int")
TEXT = ("string",)
FILE = ("path",)
_NOT_A_MAPPING = (
    "Look for a line with nothing behind or below its colon, and for a parameter that is a bare value: "
    "it is a type, or {type: …, default: …}."
)


def folder_of(answer: Any) -> Path:
    """The folder of a project that the learner names."""
    return place(answer, "project", "Give the folder in which MLproject lies.").resolve()


def entry_points(answer: Any, *names: str) -> list[EntryPoint]:
    """The entry points of these names in a project's MLproject, which must be one that MLflow can read."""
    folder = folder_of(answer)
    try:
        points = mlflow_internals.entry_points(read_project(folder))
    except ProjectError as error:
        there = ", ".join(sorted(path.name for path in folder.glob("*"))[:6])
        told = f" It has: {there}." if there and "no MLproject" in error.found else ""
        do = _NOT_A_MAPPING if "AttributeError" in error.found else error.do
        raise NotYetError(f"{error.found[0].upper()}{error.found[1:]}{told}", do) from error
    for name in names:
        if name not in points:
            raise NotYetError(f"The entry points are: {', '.join(points) or 'none'}.", f"Add one called {name!r}.")
    return [points[name] for name in names]


def use_their_parameters(*points: EntryPoint) -> None:
    """Each command has every parameter in braces; that it has nothing else there, the reader has seen to."""
    for point in points:
        if unused := [name for name in point.parameters if f"{{{name}}}" not in point.command]:
            raise NotYetError(
                f"The command of {point.name} does not use its parameter {unused[0]}.",
                f"Write {{{unused[0]}}} into it.",
            )


def python_environment(answer: Any) -> None:
    """The project must name a file with a Python and its packages."""
    import yaml

    project = read_project(folder_of(answer))
    if project.env_type != "python_env" or project.env_config_path is None:
        raise NotYetError("The project names no Python environment.", "Add the line `python_env: python_env.yaml`.")
    file, do = Path(project.env_config_path), "Write it as the project wine does."
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise NotYetError(f"{file.name} cannot be read.", do) from error
    if not isinstance(settings, dict):
        raise NotYetError(f"{file.name} holds {shown(settings)}, and no names with values.", do)
    if missing := [name for name in ("python", "dependencies") if not settings.get(name)]:
        raise NotYetError(f"{file.name} has no {missing[0]}.", do)
    if not re.match(r"\W*\d+\.\d", str(settings["python"])):
        raise NotYetError(f"The python of {file.name} is {shown(settings['python'])}.", "Give its version: '3.11'.")
    if not isinstance(settings["dependencies"], list):
        raise NotYetError(f"The dependencies of {file.name} are {shown(settings['dependencies'])}.", "Make it a list.")


def default_of(point: EntryPoint, name: str, kinds: tuple[str, ...]) -> Any:
    """Default of a parameter, which must have one of these types; None without one."""
    if name not in point.parameters:
        found = f"the parameters {', '.join(point.parameters)}" if point.parameters else "no parameters"
        raise NotYetError(f"The entry point {point.name} has {found}.", f"Give it one called {name!r}.")
    parameter = point.parameters[name]
    if parameter.type not in kinds:
        raise NotYetError(
            f"The parameter {name} of {point.name} has the type {shown(parameter.type)}.", f"Make it a {kinds[0]}."
        )
    return parameter.default


def optional(point: EntryPoint, name: str, kinds: tuple[str, ...], wanted: Any = None) -> None:
    """A parameter with a default, that of the task where it names one."""
    default = default_of(point, name, kinds)
    if default is None:
        raise NotYetError(
            f"The parameter {name} of {point.name} has no default.", f"Write {{type: {kinds[0]}, default: …}}."
        )
    value = default
    if kinds is NUMBER:
        try:
            value = float(default)
        except (TypeError, ValueError) as error:
            raise NotYetError(f"The default of {name} is {shown(default)}.", "Make it a number.") from error
    if wanted is not None and value != wanted:
        raise NotYetError(f"The default of {name} is {shown(default)}.", f"Make it {wanted}.")


def required(point: EntryPoint, name: str, kinds: tuple[str, ...]) -> None:
    """A parameter without a default."""
    if (default := default_of(point, name, kinds)) is not None:
        raise NotYetError(
            f"The parameter {name} of {point.name} has the default {shown(default)}.",
            f"Take it away, so that a value must be given: `{name}: {kinds[0]}` suffices.",
        )


def starts(point: EntryPoint, *words: str) -> None:
    """The command is this script and these parameters, each in its place; how Python is called is a matter of taste."""
    try:
        python, *found = shlex.split(point.command)
    except ValueError:
        python, found = "", []
    found = [posixpath.normpath(word) for word in found if word not in ("-u", "-B")]
    if not re.fullmatch(r"python(3(\.\d+)?)?", posixpath.basename(python)) or found != list(words[1:]):
        raise NotYetError(
            f"The command of {point.name} is {shown(point.command)}.",
            f"Begin with {' '.join(words[:2])}, and put the parameters behind it, in the order of the task.",
        )
