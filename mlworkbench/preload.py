"""What the fork server imports before it forks, and what a kernel sees of it.

Like `forkserver.py`, whose script imports it, it needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import importlib.abc
import os
import sys
import sysconfig
import traceback
from importlib.machinery import ModuleSpec
from types import ModuleType

PRELOAD = (
    "ipykernel.kernelapp",  # first, as in a kernel: tqdm sees by it that it is in a notebook
    "ipykernel.debugger",
    "matplotlib.pyplot",
    "pandas",
    "alembic.command",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "sqlalchemy.dialects.sqlite",
    "git",  # MLflow asks it for the commit at the first run
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "nbclient",  # for what runs notebooks: a rerun from the command line, a sweep from a notebook
)

LISTENED_FOR = "sklearn"
"""The package in it at whose import MLflow turns its autologging on, and says so."""


class Shelf(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Keeps a package that was imported before the fork out of sight until the notebook imports it.

    Whoever listens for that import, as MLflow's autologging does, then hears it when an ordinary kernel would.
    """

    def __init__(self, package: str) -> None:
        names = [name for name in sys.modules if name.partition(".")[0] == package]
        self.modules = {name: sys.modules.pop(name) for name in names}
        self.specs = {name: self.modules[name].__spec__ for name in names if name == package}
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Offer the package, and only it, at its first import."""
        spec = copy.copy(self.specs.get(name))
        if spec:
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Take the package from the shelf."""
        return self.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Put its submodules beside it."""
        module.__spec__ = self.specs.pop(module.__name__)
        sys.modules.update(self.modules)


def preload() -> dict[str, int]:
    """Import what most notebooks import; tell when each file that was read was changed last."""
    gc.disable()
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as ipykernel does
    for name in PRELOAD:
        try:
            importlib.import_module(name)
        except Exception:  # what is missing or broken here is the notebook's to find out
            traceback.print_exc()
    files = {vars(module).get("__file__") for module in list(sys.modules.values())}
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}  # change when a package is installed
    Shelf(LISTENED_FOR)
    if orm := sys.modules.get("sqlalchemy.orm"):
        orm.configure_mappers()  # else each kernel does, at its first run
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)  # gives back what the imports needed only for a moment
    gc.freeze()  # a kernel's collector leaves these objects alone, so that their memory stays shared
    return {place: changed(place) for place in files | folders if place}


def changed(place: str) -> int:
    """When a file or folder was changed last; 0 when it is not there."""
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 (of 4,000 files at each fork)
    except OSError:
        return 0
