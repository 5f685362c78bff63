"""Folders that live as long as a block: a lack of room for them is told in three sentences."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mlworkbench.errors import WorkbenchError, told
from warmkernel.private_folder import scratch_folder

_FULL = (errno.ENOSPC, errno.EDQUOT)
_Make = Callable[[], contextlib.AbstractContextManager[str | Path]]


@contextlib.contextmanager
def temporary_folder(make: _Make = tempfile.TemporaryDirectory) -> Iterator[Path]:
    """A new folder for the length of a ``with`` block, among this user's temporary files.

    Raises
    ------
    WorkbenchError
        When it cannot be made, or the disk is full before the block ends: make room, or set TMPDIR.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(make()))
        except OSError as error:
            raise _no_room(error) from error
        try:
            yield folder
        except OSError as error:
            if error.errno in _FULL:
                raise _no_room(error) from error
            raise


def scratch() -> contextlib.AbstractContextManager[Path]:
    """A `temporary_folder` that nobody else can enter, and that goes also when this process is killed."""
    return temporary_folder(scratch_folder)


def _no_room(error: OSError) -> WorkbenchError:
    return WorkbenchError(
        f"no room for temporary files in {tempfile.tempdir or 'any of the usual folders'} ({told(error)}).",
        "a folder that can be written, on a disk that is not full.",
        "Make room there, or set TMPDIR to another folder and start this program anew.",
    )
