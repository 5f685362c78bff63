"""What a tag publishes, in which order, and what is refused before anything is built or sent.

An engine and GitHub are stand-ins that write down how they were called: a release cannot be taken back to try it again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

FILES = (".ci/release", "docker/make-env", "docker/env.example", "docker-compose.yml")
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
if [ "$1" = login ]; then echo "password: $(cat)" >> "$CALLS"; fi
if [ "$1" = compose ]; then echo "files: $COMPOSE_FILE" >> "$CALLS"; fi
if [ "$1" = "${FAILS:-}" ]; then exit 1; fi
"""
IMAGES = "registry.example/ada/workbook"
BUILT = ["docker compose build", "files: docker-compose.yml"]
PUSHED = [
    "docker login --username ada --password-stdin registry.example",
    "password: a-token",
    f"docker tag mlworkbench/jupyter {IMAGES}-jupyter:1.2.3",
    f"docker push {IMAGES}-jupyter:1.2.3",
    f"docker tag mlworkbench/mlflow {IMAGES}-mlflow:1.2.3",
    f"docker push {IMAGES}-mlflow:1.2.3",
]
RELEASED = "gh release create v1.2.3 dist/mlworkbench-1.2.3-py3-none-any.whl dist/requirements.lock"
RELEASED += " --verify-tag --generate-notes"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The release of version 1.2.3, all in order; an older wheel lies beside the new one."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3 - 2026-11-28\n\n## 1.2.2\n")
    for name in ("mlworkbench-1.2.3-py3-none-any.whl", "mlworkbench-1.2.2-py3-none-any.whl", "requirements.lock"):
        (tmp_path / "dist" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "dist" / name).touch()
    for name in ("docker", "gh"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
    return tmp_path


def release(clone: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """How the release ended, and the calls that it made."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GH_", "GITHUB_", "PROFILES"))}
    env |= {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}", "CALLS": str(clone / "calls"), "IMAGES": ""}
    env |= {"GITHUB_REF_NAME": "v1.2.3", "GITHUB_ACTOR": "ada", "GH_TOKEN": "a-token", **variables}
    done = subprocess.run([clone / ".ci" / "release"], env=env, capture_output=True, text=True, check=False)
    calls = (clone / "calls").read_text().splitlines() if (clone / "calls").exists() else []
    return done, calls


def test_wheel_and_lock_of_the_version_are_released_after_images_were_built(clone: Path) -> None:
    done, calls = release(clone)
    assert done.returncode == 0, done.stderr
    assert calls == [*BUILT, RELEASED]


def test_images_go_where_the_repository_says_before_the_release_is_made(clone: Path) -> None:
    done, calls = release(clone, IMAGES=IMAGES)
    assert done.returncode == 0, done.stderr
    assert calls == [*BUILT, *PUSHED, RELEASED]
    assert "a-token" not in done.stdout + done.stderr


@pytest.mark.parametrize("step", ["compose", "login", "push"])
def test_nothing_is_released_when_a_step_before_it_fails(clone: Path, step: str) -> None:
    done, calls = release(clone, IMAGES=IMAGES, FAILS=step)
    assert done.returncode != 0
    assert RELEASED not in calls


def test_profiles_that_somebody_has_chosen_stay(clone: Path) -> None:
    subprocess.run([clone / "docker" / "make-env"], env={**os.environ, "PROFILES": ""}, check=True)
    chosen = (clone / ".env").read_text().replace("docker-compose.yml", "docker-compose.yml:docker/ray.yml")
    (clone / ".env").write_text(chosen)
    assert release(clone)[1] == [*BUILT, RELEASED]
    assert (clone / ".env").read_text() == chosen


@pytest.mark.parametrize("tag", ["v0.0.0", "1.2.3", "v1.2.3rc1", ""])
def test_a_tag_of_another_version_is_not_released(clone: Path, tag: str) -> None:
    done, calls = release(clone, GITHUB_REF_NAME=tag)
    assert done.returncode == 2
    assert f"Found: the tag '{tag}'. Expected: v1.2.3" in done.stderr
    assert not calls


@pytest.mark.parametrize("top", ["## Unreleased", "## 1.2.2", "## 1.2.30", ""])
def test_a_version_whose_changes_are_not_told_is_not_released(clone: Path, top: str) -> None:
    (clone / "CHANGELOG.md").write_text(f"# Changelog\n\n{top}\n")
    done, calls = release(clone)
    assert done.returncode == 2
    assert f"Found: '{top}' at the top of CHANGELOG.md. Expected: '## 1.2.3'" in done.stderr
    assert not calls


@pytest.mark.parametrize("name", ["mlworkbench-1.2.3-py3-none-any.whl", "requirements.lock"])
def test_what_was_not_made_is_told_before_anything_is_sent(clone: Path, name: str) -> None:
    (clone / "dist" / name).unlink()
    done, calls = release(clone, IMAGES=IMAGES)
    assert done.returncode == 2
    assert "Do this: make dist" in done.stderr
    assert not calls
