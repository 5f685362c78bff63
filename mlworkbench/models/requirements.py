"""Which packages a model needs, seen in the model itself and pinned from what is installed. Starts no process."""

from __future__ import annotations

import ast
import dis
import functools
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from mlworkbench.errors import WorkbenchError, told

_NOT_PINNED = {*sys.stdlib_module_names, "mlflow"}  # MLflow pins itself in every model


def pins(modules: Iterable[str], *, code_paths: Iterable[str | Path] = ()) -> list[str]:
    """Pin the installed packages that ``modules`` come from, as sorted lines ``name==version``.

    The standard library is left out. What lies in ``code_paths`` travels with the model and needs no package; what it
    imports does. A module that comes from no package is refused: it has to be handed over with ``code_paths``.
    """
    paths = [Path(path) for path in code_paths]
    carried = {path.stem for path in paths}
    wanted = set(modules).union(*map(imports_of_file, paths))
    packages = {_package(name) for name in sorted(wanted) if name.partition(".")[0] not in _NOT_PINNED | carried}
    return sorted(f"{name}=={Version(metadata.version(name)).public}" for name in packages if name)


def parts_of(thing: Any) -> set[Any]:
    """Modules, classes, functions and code that a thing is made of, all the way down; raises as pickle does."""
    import cloudpickle

    parts: set[Any] = set()

    class Reader(cloudpickle.Pickler):  # type: ignore[misc]
        """A pickler that writes nowhere and is shown every object on the way."""

        def persistent_id(self, part: Any) -> str | None:
            named = isinstance(part, ModuleType | CodeType) or isinstance(getattr(part, "__qualname__", None), str)
            parts.add(part if named else type(part))
            return part.__name__ if isinstance(part, ModuleType) and part.__name__ in sys.modules else None

    Reader(_Nowhere()).dump(thing)
    return parts


def modules_of(parts: Iterable[Any]) -> set[str]:
    """Names of the modules that parts come from, and of those that code imports."""
    names: set[str] = set()
    for part in parts:
        if isinstance(part, ModuleType):
            names.add(part.__name__)
        elif isinstance(part, CodeType):
            names.update(step.argval for step in dis.get_instructions(part) if step.opname == "IMPORT_NAME")
        elif "<" not in part.__qualname__:  # what is defined inside of a function is stored whole, without its module
            names.add(getattr(part, "__module__", None) or "builtins")
    return names


class _Nowhere:
    def write(self, data: Any) -> None:
        """Forget the data."""


def imports_of_file(path: Path) -> set[str]:
    """Modules that a Python file, or the Python files of a folder, import by their full names."""
    names: set[str] = set()
    for file in [path] if path.suffix == ".py" else path.rglob("*.py"):  # any file may travel with a model
        for node in ast.walk(_parsed(file)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module)
    return names


def _parsed(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise WorkbenchError(
            f"{file}, which travels with the model, is no Python that can be read ({told(error)}).",
            "files with the code that the model needs.",
            "Correct the file, or leave it out of code_paths.",
        ) from error


@functools.cache
def _providers() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@functools.cache
def _package(module: str) -> str | None:
    """Name of the package that brings a module; None for what no package brings and no file holds."""
    top = module.partition(".")[0]
    if top not in _providers():
        _providers.cache_clear()  # it may have been installed since
    names = sorted(set(_providers().get(top, ())))
    file = _file(module)
    if len(names) > 1:
        return next((canonicalize_name(name) for name in names if file in _files(name)), None)
    if module == "__main__" or (file and (not names or _is_local(names[0], file))):
        raise _not_installable(top)
    return canonicalize_name(names[0]) if names else None


def _file(module: str) -> Path | None:
    """Where a module's code lies; None for one that was made at run time or is not installed."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.has_location and spec.origin else None


def _files(package: str) -> set[Path]:
    return {Path(str(entry.locate())) for entry in metadata.files(package) or []}


def _is_local(package: str, file: Path) -> bool:
    """Whether the package was installed from a folder of this machine (PEP 610), so that nobody else can."""
    origin = metadata.distribution(package).read_text("direct_url.json") or "{}"
    return "dir_info" in json.loads(origin) or not {"site-packages", "dist-packages"} & set(file.parts)


def _not_installable(module: str) -> WorkbenchError:
    if module == "__main__":
        return WorkbenchError(
            "the model is made with a class or function that is defined in this notebook.",
            "one that can be imported where the model is loaded.",
            "Move the definition into a .py file, import it, fit again, and add code_paths=['that_file.py'].",
        )
    return WorkbenchError(
        f"the model uses the module {module!r}, which comes from no package that can be installed elsewhere.",
        "modules of packages, or files that travel with the model.",
        f"Add code_paths=['{module}.py'] (or the folder {module!r}) to store the file with the model.",
    )
