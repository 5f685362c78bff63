"""Folders for what lives only as long as a kernel does: private to this user, and gone also after a crash."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


def short_folder() -> Path:
    """The folder for temporary files, or one with a path short enough for sockets in it (about 100 characters)."""
    folder = tempfile.gettempdir()
    return Path(folder if len(folder) < 60 or os.name == "nt" else "/tmp")  # noqa: PLR2004, S108


def private_folder() -> Path:
    """The folder of this user's sockets, which nobody else can enter.

    Raises
    ------
    PermissionError
        When somebody else has put something in its place.
    """
    if os.name == "nt":
        return Path(tempfile.gettempdir())  # the user's own there
    folder = short_folder() / f"warmkernel-{os.getuid()}"
    with contextlib.suppress(FileExistsError):  # whatever it is
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != stat.S_IFDIR:
        raise PermissionError(f"{folder} is not a private folder of this user")
    return folder


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for the length of a ``with`` block; clears away those of processes that were killed."""
    import psutil

    try:
        around = private_folder()
        left = list(around.glob("scratch-*-*"))
    except PermissionError:  # the new folder is private all the same; what has such a name there is not ours
        around, left = short_folder(), []
    for folder in left:
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"scratch-{os.getpid()}-", dir=around) as new:
        yield Path(new)
