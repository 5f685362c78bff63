"""Where the workbook lies, and where its results go."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
from pathlib import Path

from mlworkbench.errors import StoreError, told

_HOME = ".mlworkbench"
MARKER = Path("notebooks", "00_start_here.ipynb")
"""The file that tells the root of a workbook."""


def workbook_root(start: str | os.PathLike[str] | None = None) -> Path:
    """Find the folder of the workbook by walking up from ``start`` (default: the working directory).

    Raises
    ------
    WorkbenchError
        When no folder above holds the workbook: change into the clone.

    Examples
    --------
    >>> (wb.workbook_root() / "notebooks").is_dir()
    True
    """
    try:
        here = Path(start or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise StoreError(
            "the working directory is gone: it was deleted, moved, or made anew.",
            "a folder that is there.",
            "Change into your clone of the workbook; in a notebook, restart the kernel.",
        ) from error
    for folder in (here, *here.parents):
        if (folder / MARKER).exists():
            return folder
    raise StoreError(
        f"no workbook at or above {here}.",
        f"a folder that holds {MARKER.as_posix()}.",
        "Change into your clone of the workbook. "
        "For work without its lessons, set MLWORKBENCH_HOME to the folder that shall hold the store.",
    )


def workbook_home() -> Path:
    """Folder of everything a run of the workbook makes: ``MLWORKBENCH_HOME``, else ``.mlworkbench`` in the root.

    Whoever writes there makes it by `make_private` first.
    """
    chosen = os.environ.get("MLWORKBENCH_HOME", "").strip()  # of a file of settings, which no shell has read
    return real_path(Path(chosen).expanduser()) if chosen else workbook_root() / _HOME


def real_path(path: str | os.PathLike[str]) -> Path:
    """A path without symbolic links; `Path.resolve` would raise where links lead in a circle, and this one stays."""
    return Path(os.path.realpath(path))


def make_private(folder: Path) -> None:
    """Make a folder that only its user can enter; the workbook's own is tightened where it is there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.name == _HOME and folder.stat().st_mode & 0o077:
        with contextlib.suppress(PermissionError):  # somebody else's, who shares it
            folder.chmod(0o700)


def require_writable(folder: Path) -> None:
    """Make a folder for results, or refuse one in which nothing can be kept."""
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the folder {folder} cannot be written ({told(error)}).",
            "a folder in which the store and its artifacts can be kept.",
            "Make it writable, or set MLWORKBENCH_HOME to a folder of your own.",
        ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file for its user alone: whole or not at all, also where the disk is full or this process is killed."""
    new = path.with_name(f".{uuid.uuid4().hex}.new")
    try:
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


EXECUTION_TAG = "mlworkbench.execution"
EXECUTION_VARIABLE = "MLWORKBENCH_EXECUTION"
PARENT_VARIABLE = "MLWORKBENCH_PARENT_RUN"
"""What the runner and reruns tell a kernel by its environment, for the tags of the runs that it logs."""

STORE_VARIABLE = "MLWORKBENCH_RERUN_STORE"
EXPERIMENT_VARIABLE = "MLWORKBENCH_RERUN_EXPERIMENT"
"""The store of a rerun, and the experiment there that the notebook's runs go to unless it chooses another one."""


def lesson_id(notebook: Path) -> str | None:
    """``1.2`` for ``01_tracking/02_logging.ipynb``, ``A.1`` for ``appendix/01_clouds.ipynb``, ``0`` for ``00_….ipynb``.

    None for other notebooks.
    """
    if notebook.name.startswith("00_"):
        return "0"
    part, number = re.match(r"(\d\d)_|appendix$", notebook.parent.name), re.match(r"(\d\d)_", notebook.name)
    return f"{int(part[1]) if part[1] else 'A'}.{int(number[1])}" if part and number else None
