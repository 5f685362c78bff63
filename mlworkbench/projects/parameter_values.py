"""Values for the parameters of an entry point: gathered, turned into texts, and checked before anything runs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mlworkbench.errors import ProjectError, explained, shown, told, unknown_name
from mlworkbench.locations import is_there
from mlworkbench.mlflow_internals import check_param_name
from mlworkbench.projects.mlproject_file import takes_any
from mlworkbench.texts import require_text

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint


def gathered(
    point: EntryPoint, parameters: Mapping[str, Any] | None, named: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, str]:
    """The values that a call gives, as the texts that MLflow makes of them.

    Raises
    ------
    ProjectError
        For an option of the call that is a parameter's name too, and for values that do not fit (the message names the
        parameter and what would do).
    """
    both = [name for name, value in options.items() if not _is_usual(value) and name in point.parameters]
    if both and parameters is None:
        name = both[0]
        raise ProjectError(
            f"{name}={shown(options[name])}, which is an option of this call and a parameter of {point.name!r} too.",
            "to know which of the two is meant.",
            f"Write parameters={{{name!r}: …}} for the parameter; beside parameters={{…}} it is the option.",
        )
    if not isinstance(parameters or {}, Mapping):
        raise ProjectError(f"parameters of type {type(parameters).__name__}.", "a dict.", "Write {'name': value}.")
    if twice := set(parameters or {}) & set(named):
        raise ProjectError(f"two values for {min(twice)!r}.", "one.", "Leave one of them out.")
    values = {name: _text(name, value) for name, value in {**(parameters or {}), **named}.items()}
    check_parameters(point, values)
    return values


def _is_usual(option: Any) -> bool:
    return option is None or (isinstance(option, str) and option == "main")


def _text(name: str, value: Any) -> str:
    require_text(name, "the name of a parameter", ProjectError)
    try:
        return require_text(os.fspath(value) if isinstance(value, os.PathLike) else str(value), name, ProjectError)
    except ValueError as error:  # Python writes out no integer of more than 4300 digits
        raise ProjectError(f"{name} ({told(error)}).", "a value that is a text.", "Give a smaller number.") from error


def check_parameters(point: EntryPoint, values: Mapping[str, Any]) -> None:
    """Refuse parameters that are unknown (MLflow would append them to the command), missing or of a wrong type.

    Raises
    ------
    ProjectError
        Naming the parameter and what would do.
    """
    for name in values:
        if takes_any(point):
            with explained(f"the parameter {name!r}", "Take letters, digits, '_' and '-'.", kind=ProjectError):
                check_param_name(shlex.quote(name))  # so MLflow logs it
        elif name not in point.parameters:
            raise unknown_name(f"parameter of {point.name!r}", name, point.parameters, ProjectError)
    for name, parameter in point.parameters.items():
        if name in values or parameter.default is not None:
            _check_type(name, parameter.type, str(values.get(name, parameter.default)))
        else:
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
    if kind == "path" and unquote(value) != value and is_there(Path(value)):
        raise ProjectError(
            f"{name} = {value[:200]!r}, with a '%' that MLflow takes for the beginning of a code.",
            "a path without, or the address of the file.",
            f"Write {name}={Path(value).absolute().as_uri()}.",
        )
    test, expected = tests.get(kind, (str, ""))
    try:
        test(value)
    except (ValueError, OSError):  # a path of 5000 letters is refused by the system
        raise ProjectError(f"{name} = {value[:200]!r}.", f"{expected}.", "Correct the value.") from None


def _require_scheme(value: str) -> None:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", value):
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
