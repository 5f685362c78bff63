"""What `make lab` installs: the core alone, in which lessons are done and to which groups are added."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packaging.utils import canonicalize_name

from tests.paths import ROOT
from tests.test_environment import GROUPS, locked

pytestmark = [pytest.mark.processes, pytest.mark.slow]
LARGEST = 1.3e9  # bytes


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the workbook, and the environment that `make lab` makes."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run(folder, "make", f"PYTHON={sys.executable}", ".venv/.core").check_returncode()
    return folder


def run(clone: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, **options)


def test_the_core_is_small_and_of_the_lock(clone: Path) -> None:
    files = {file.stat().st_ino: file.stat().st_size for file in (clone / ".venv").rglob("*") if file.is_file()}
    assert sum(files.values()) < LARGEST
    frozen = run(clone, ".venv/bin/uv", "pip", "freeze", "--python", ".venv/bin/python").stdout
    pins = {canonicalize_name(name): pin for name, pin in re.findall(r"(?m)^([\w.-]+)==(\S+)", frozen)}
    assert pins.keys() >= GROUPS["core"]
    assert {name: pin for name, pin in pins.items() if pin not in locked().get(name, ())}.keys() <= {
        "pip",
        "setuptools",
    }


def test_a_kernel_that_is_not_warm_shows_no_warnings(clone: Path) -> None:
    """Packages that only other groups bring are missing here: what imports then say is no learner's concern."""
    env = {**os.environ, "MLWORKBENCH_WARM_SECONDS": "0", "MLWORKBENCH_HOME": str(clone / "store")}
    done = run(clone, ".venv/bin/mlworkbench", "run", "0", "--fast", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = nbformat.read(clone / "store" / "executed" / "00_start_here.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


def test_a_lesson_of_a_group_that_is_not_there_says_so_and_is_skipped(clone: Path) -> None:
    done = run(clone, ".venv/bin/mlworkbench", "run", "1.3", "--fast")
    assert done.returncode == 0, done.stdout + done.stderr
    python = clone / ".venv" / "bin" / "python"
    assert f"skipped: the group deep. Do this: Run `{python} -m mlworkbench add deep` in a terminal" in done.stdout
    cell = run(clone, str(python), "-c", 'import mlworkbench as wb; wb.start("1.3 autologging")')
    assert "Found: The lesson of the experiment '1.3 autologging' needs packages that are not installed: keras" in (
        cell.stderr
    )


def test_a_group_is_added_beside_what_is_there(clone: Path) -> None:
    packages = next((clone / ".venv" / "lib").glob("python3*/site-packages"))
    before = (packages / "mlflow" / "__init__.py").stat()
    done = run(clone, ".venv/bin/mlworkbench", "add", "live")
    assert done.returncode == 0, done.stderr
    assert run(clone, ".venv/bin/python", "-c", "import yfinance").returncode == 0
    assert (packages / "mlflow" / "__init__.py").stat() == before
    assert run(clone, "make", "--question", f"PYTHON={sys.executable}", ".venv/.core").returncode == 0


def test_an_unknown_group_is_told_with_the_nearest(clone: Path) -> None:
    done = run(clone, ".venv/bin/mlworkbench", "add", "depe")
    assert done.returncode == 2
    assert "no group is called 'depe'" in done.stderr
    assert "Did you mean 'deep'?" in done.stderr
