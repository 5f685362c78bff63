"""What the result of a step depends on, as one hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from modulefinder import ModuleFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.projects.mlproject_file import entry_point_of
from mlworkbench.projects.parameter_values import check_parameters
from mlworkbench.workbook import real_path

if TYPE_CHECKING:
    from mlflow.projects._project_spec import EntryPoint


def fingerprint(project: str | os.PathLike[str], entry_point: str, parameters: Mapping[str, Any]) -> str:
    """What the result of a step depends on, as one hash: entry point, parameters, code, inputs.

    The code of a step is its command and every file of the project, apart from documentation and from Python files
    that its script does not import. A parameter of type ``path`` that names a file here counts by its content.
    """
    folder = real_path(project)
    point = entry_point_of(folder, entry_point)
    check_parameters(point, parameters)
    declared = {name: _value(p.type, parameters.get(name, p.default)) for name, p in point.parameters.items()}
    values = {name: str(value) for name, value in parameters.items()} | declared
    facts = {
        "entry_point": entry_point,
        "command": point.command,
        "parameters": values,
        "code": {path.relative_to(folder).as_posix(): _digest(path) for path in _code(folder, point)},
        "inputs": {
            name: _digest(Path(str(values[name])))
            for name, p in point.parameters.items()
            if p.type == "path" and Path(str(values[name])).is_file()
        },
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _value(kind: str, value: Any) -> Any:
    """The value as the step receives it; 1 and 1.0 are the same for a float."""
    return {"float": float, "int": int}.get(kind, str)(value)


def _code(folder: Path, point: EntryPoint) -> Iterator[Path]:
    """The files that decide what a step does, in order."""
    scripts = [folder / word for word in point.command.split() if word.endswith(".py") and (folder / word).is_file()]
    imported = _imported(folder, scripts)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or name.suffix in (".md", ".ipynb", ".pyc") or name.as_posix() == "MLproject":
            continue
        if any(part.startswith((".", "mlflow.db")) or part in ("mlruns", "mlartifacts") for part in name.parts):
            continue
        if path.suffix != ".py" or not scripts or path in imported:
            yield path


def _imported(folder: Path, scripts: list[Path]) -> set[Path]:
    """The scripts and the modules of the project that they import, directly or not; all where that cannot be told."""
    files = set(scripts)
    for script in scripts:
        finder = ModuleFinder([str(script.parent), str(folder)])
        try:
            finder.run_script(str(script))
        except (SyntaxError, ValueError, RecursionError):  # the step itself will tell
            return set(folder.rglob("*.py"))
        named = (getattr(module, "__file__", None) for module in finder.modules.values())
        files |= {Path(name).resolve() for name in named if name}
    return files


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
