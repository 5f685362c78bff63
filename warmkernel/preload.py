"""What the fork server imports before it forks, and what a kernel sees of it.

Like `server.py`, whose script imports it, it needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import gc
import importlib.abc
import importlib.machinery
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType

IN_EVERY_KERNEL: set[str] = set()
"""The modules that an ordinary kernel has imported, too, when its first cell runs."""


class Shelf(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Keeps a package that was imported before the fork out of sight until the notebook imports it.

    Whoever listens for that import, as autologging does, then hears it when an ordinary kernel would.
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
            found = importlib.machinery.PathFinder.find_spec(name)
            if found and found.loader and found.origin != spec.origin:  # a module of that name beside the notebook
                return None
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Take the package from the shelf."""
        return self.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Put its submodules beside it."""
        module.__spec__ = self.specs.pop(module.__name__)
        sys.modules.update(self.modules)


def preload(names: list[str], shelved: list[str]) -> dict[str, int]:
    """Import modules, call what stands behind a colon, and tell when each file that was read was changed last.

    Parameters
    ----------
    names : list of str
        ``module``, or ``module:function`` to be called without arguments once all are imported.
    shelved : list of str
        Packages that a kernel is to find only when it imports them itself; see `Shelf`.
    """
    gc.disable()
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as ipykernel does
    wanted = [name.partition(":") for name in ("ipykernel.kernelapp", "ipykernel.debugger", *names)]
    for number, (module, _, _) in enumerate(wanted, start=1):
        _try(importlib.import_module, module)
        if number == 2:  # noqa: PLR2004 (ipykernel's own)
            IN_EVERY_KERNEL.update(sys.modules)
    files = {vars(module).get("__file__") for module in list(sys.modules.values())}
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}  # change when a package is installed
    for module, _, function in wanted:
        if function and module in sys.modules:
            _try(getattr(sys.modules[module], function))
    for package in shelved:
        Shelf(package)
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)  # gives back what the imports needed only for a moment
    gc.freeze()  # a kernel's collector leaves these objects alone, so that their memory stays shared
    return {place: changed(place) for place in files | folders if place}


def _try(call: Callable[..., object], *arguments: str) -> None:
    """Call; what is missing or broken here is the notebook's to find out."""
    try:
        call(*arguments)
    except Exception:
        traceback.print_exc()


def changed(place: str) -> int:
    """When a file or folder was changed last; 0 when it is not there."""
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 (of 4,000 files at each fork)
    except OSError:
        return 0
