"""Folders for what lives as long as a kernel: private, and cleared away also after a crash."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from warmkernel.private_folder import private_folder, scratch_folder, short_folder

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name == "nt", reason="temporary files have a folder of the user's own there"),
]


@pytest.fixture(autouse=True)
def own_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for temporary files in which nobody else clears away; with a short path."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield


TILE = """
import pathlib
from mlworkbench.lab.mlflow_tile import mlflow_tile
found = pathlib.Path(mlflow_tile()["unix_socket"]).parent.stat()
print(oct(found.st_mode), found.st_uid)
"""


def test_it_is_private_and_goes_with_the_block() -> None:
    """Nobody else can enter the folder around it."""
    with scratch_folder() as folder:
        (folder / "a").touch()
        assert folder.parent == private_folder()
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_a_killed_process_left_goes_at_the_next_use() -> None:
    """And what a living one uses stays."""
    code = (
        "import os, signal\nfrom warmkernel.private_folder import scratch_folder\nwith scratch_folder() as folder:\n"
        "    (folder / 'a').touch()\n    print(folder, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.strip())
    assert (left / "a").exists()
    with scratch_folder() as first, scratch_folder() as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, as only root may")
@pytest.mark.parametrize("taken", ["mkdir -m 777 {}", "touch {}", "ln -s /not-there {}", "ln -s / {}"])
def test_what_another_user_puts_there(taken: str) -> None:
    """Nothing is written to it or taken from it, and neither kernels nor JupyterLab's tile fail."""
    short_folder().chmod(0o1777)
    place = f"{short_folder()}/warmkernel-{os.getuid()}"
    junk = " ".join(f"{short_folder()}/scratch-{name}-x" for name in ("abc", "999999", "9" * 30))
    for command in (taken.replace("{}", place), f"mkdir -m 777 {junk}"):
        subprocess.run(command.split(), user=65534, group=65534, extra_groups=[], check=True)
    with scratch_folder() as folder:
        assert folder.parent == short_folder()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(short_folder().glob("scratch-*"))) == 3
    command = [sys.executable, "-c", TILE]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout.split() == ["0o40700", str(os.getuid())], done.stderr
    assert not list(short_folder().glob("mlflow-*"))


def test_a_place_that_somebody_else_has_taken_is_not_used() -> None:
    """A file, or a folder that others can enter."""
    place = short_folder() / f"warmkernel-{os.getuid()}"
    place.mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="not a private folder"):
        private_folder()
    with scratch_folder() as folder:
        assert folder.parent == short_folder()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
