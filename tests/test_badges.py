"""The badges of the README lead to the repository that a clone comes from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("README.md", "pyproject.toml", "docs/badges.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def made(clone: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "docs/badges.py"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/ada/wb.git",
        "https://github.com/ada/wb",
        "https://github.com/ada/wb/",
        "https://www.github.com/ada/wb",
        "https://ada:secret@github.com/ada/wb.git",
        "git@github.com:ada/wb.git",
        "ssh://git@github.com/ada/wb.git",
        "ssh://git@github.com:22/ada/wb",
    ],
)
def test_badges_are_of_the_origin_and_are_written_once(clone: Path, address: str) -> None:
    subprocess.run(["git", "remote", "add", "origin", address], cwd=clone, check=True)
    made(clone)
    first = (clone / "README.md").read_text()
    assert re.findall(r"(?m)^\[!\[(\w+)\]", first) == ["CI", "Site", "Binder", "Codespaces"]
    assert len(re.findall(r"(?m)^\[.*\bada\b.*\bwb\b", first)) == 4
    assert "secret" not in first
    for workflow in re.findall(r"workflows/(\w+\.yml)/badge", first):
        assert (ROOT / ".github" / "workflows" / workflow).exists()
    (lesson,) = re.findall(r"HEAD\?urlpath=lab/tree/([^)]+)", first)
    assert (ROOT / lesson).exists()
    made(clone)
    assert (clone / "README.md").read_text() == first


@pytest.mark.parametrize("address", ["https://gitlab.example/ada/wb.git", "https://notgithub.com/ada/wb", "/srv/wb"])
def test_a_clone_from_elsewhere_is_told_and_the_readme_stays(clone: Path, address: str) -> None:
    subprocess.run(["git", "remote", "add", "origin", address], cwd=clone, check=True)
    before = (clone / "README.md").read_text()
    done = made(clone)
    assert done.returncode == 1
    assert f"Found: {address}. Expected: a repository on GitHub." in done.stderr
    assert (clone / "README.md").read_text() == before


def test_a_refusal_shows_no_password_of_the_origin(clone: Path) -> None:
    address = "https://ada:secret@gitlab.example/ada/wb.git"
    subprocess.run(["git", "remote", "add", "origin", address], cwd=clone, check=True)
    done = made(clone)
    assert "Found: https://gitlab.example/ada/wb.git." in done.stderr
    assert "secret" not in done.stderr


def test_a_clone_of_nowhere_is_told(clone: Path) -> None:
    before = (clone / "README.md").read_text()
    done = made(clone)
    assert done.returncode == 1
    assert "Do this: git remote add origin" in done.stderr
    assert (clone / "README.md").read_text() == before
