"""What a process of a submission may reach: some folders, no process but its own, a limited memory and file size.

Linux keeps such rules itself (Landlock), for every user, and for root too. Once set they hold for all children and
cannot be taken back. Where a system has no Landlock, only the limits hold; `enforced` tells.

References
----------
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # numbers of the system calls, the same on all machines
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # how many rights on files a version knows
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_SOCKETS_AND_SIGNALS = 0b11
_READ = 0b1101  # execute, read a file, list a folder
_OF_A_FILE = 0b1100_0000_0000_0111  # the rights that a single file can have
_SET_SUBREAPER, _DROP_BOUND, _NO_NEW_PRIVILEGES, _DUMPABLE, _PARENT_DEATH = 36, 24, 38, 4, 1
_CAPABILITIES_V3 = 0x20080522
_MOST_CAPABILITIES = 64


def _system(*arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def _version() -> int:
    """Version of Landlock, 0 where there is none."""
    return max(_system(_CREATE_RULESET, None, 0, _VERSION_FLAG), 0) if sys.platform == "linux" else 0


def enforced() -> bool:
    """Whether this system can shut a process in."""
    return _version() > 0


def adopt_orphans() -> None:
    """Make this process the parent of those whose parent has ended, so that none of them gets lost (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """End this process when the one that started it ends, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)


def limit(memory: int, file_size: int) -> None:
    """Limit the memory that a process may reserve and the size of its files, in bytes, for good."""
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def confine(read: Iterable[str], write: Iterable[str]) -> None:
    """Shut this process and all its children in: they may read Python and these places, and change those."""
    if not (version := _version()):
        return
    rights = (1 << _RIGHTS[max(known for known in _RIGHTS if known <= version)]) - 1
    scopes = _SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    rules = struct.pack("QQQ", rights, 0, scopes)[: 24 if scopes else 16 if version >= _NETWORK_SINCE else 8]
    ruleset = _system(_CREATE_RULESET, rules, len(rules), 0)
    python = (sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1]))
    for paths, allowed in (((*read, *python), _READ & rights), (write, rights)):
        for path in paths:
            _allow(ruleset, path, allowed)
    _without_privileges()
    if ruleset < 0 or _system(_RESTRICT_SELF, ruleset, 0):
        raise OSError("the submission could not be shut in")
    os.close(ruleset)
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)  # nobody looks into its memory, not even its children


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    if not os.path.isdir(path):  # noqa: PTH112 (a place, told by its name)
        allowed &= _OF_A_FILE
    _system(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0)
    os.close(place)


def _without_privileges() -> None:
    """Root keeps its files and nothing else."""
    control = ctypes.CDLL(None).prctl
    for capability in range(_MOST_CAPABILITIES):
        control(_DROP_BOUND, capability, 0, 0, 0)
    ctypes.CDLL(None).capset(struct.pack("Ii", _CAPABILITIES_V3, 0), bytes(24))
    control(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
