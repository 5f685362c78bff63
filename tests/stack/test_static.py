"""Static tier: what the files of the stack say, on any machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlcourse.solutions import worked
from tests.stack.files import GRADING, MAIN, PROFILES, ROOT, added, services

TOOLS = Path(sys.executable).parent
COMPOSE_FILES = [MAIN, *PROFILES.values(), GRADING, ROOT / ".devcontainer" / "compose.yml"]
ONE_SHOT = {"learner", "bucket", "grading"}


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("image", ["mlflow", "jupyter"])
def test_dockerfiles_pass_the_linter(image: str) -> None:
    done = run(TOOLS / "hadolint", "--config", ROOT / ".hadolint.yaml", ROOT / "docker" / image / "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_compose_files_are_of_the_compose_specification() -> None:
    done = run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *COMPOSE_FILES)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that `make env` and compose need, somewhere else."""
    shutil.copy(MAIN, tmp_path)
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    return tmp_path


def make_env(clone: Path, profiles: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "PROFILES"}
    return run(clone / "docker" / "make-env", env=env if profiles is None else {**env, "PROFILES": profiles})


@pytest.mark.parametrize("chosen", [p for n in range(4) for p in combinations(PROFILES, n)], ids="+".join)
def test_compose_accepts_every_combination_of_profiles(clone: Path, chosen: tuple[str, ...]) -> None:
    """Needs the docker client with compose, but no engine."""
    if run("docker", "compose", "version").returncode != 0:
        assert not os.environ.get("REQUIRE_ENGINE"), "docker compose is missing"
        pytest.skip("no docker compose")
    assert make_env(clone, " ".join(chosen)).returncode == 0
    done = run("docker", "compose", "config", "--format", "json", cwd=clone)
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)["services"]
    expected = set(services(MAIN)).union(*(services(PROFILES[name]) for name in chosen))
    assert set(whole) == expected
    published = [port for service in whole.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert {port["published"] for port in published} == {"5050", "8888"}


@pytest.mark.parametrize("name", added())
def test_every_service_is_hardened_limited_and_watched(name: str) -> None:
    service = added()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert service["init"] is True
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONE_SHOT)
    for other, condition in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert condition == {"condition": wanted}


def test_a_container_of_grading_has_no_network_no_folder_no_secret_and_no_more_than_its_limits(clone: Path) -> None:
    service = services(GRADING)["grading"]
    assert service["network_mode"] == "none"
    assert not {"networks", "ports", "volumes", "environment", "env_file", "devices", "depends_on"} & set(service)
    assert service["memswap_limit"] == service["mem_limit"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108
    assert service["image"] == services(MAIN)["jupyter"]["image"]
    assert service["pull_policy"] == "never"
    assert service["profiles"] == ["grading"]  # laid over the stack, `up` leaves it alone
    assert make_env(clone, "grading").returncode == 0


def test_the_container_has_the_worked_solutions_and_cannot_change_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders of the clone as compose mounts them, in a workbook of their own."""
    here = worked("1.1")
    mounts = [volume.split(":") for volume in services(MAIN)["jupyter"]["volumes"] if volume.startswith("./")]
    for source, place, *_ in mounts:
        shutil.copytree(ROOT / source, tmp_path / place.lstrip("/"))
    monkeypatch.chdir(tmp_path / "workbook" / "notebooks" / "01_tracking")
    assert worked("1.1") == here
    assert [mode for source, _, *mode in mounts if source == "./solutions"] == [["ro"]]


def test_the_database_is_published_nowhere_and_only_mlflow_reaches_it() -> None:
    every = added()
    assert "ports" not in every["postgres"]
    assert [name for name, service in every.items() if "database" in service.get("networks", [])] == [
        "postgres",
        "mlflow",
    ]
    ports = [port for service in every.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any(":5000:" in port for port in ports)  # taken on macOS


def test_images_are_named_with_a_version_or_built_here() -> None:
    for name, service in added().items():
        image = service["image"]
        assert image.startswith("mlworkbench/") or re.search(r":v?\d", image), f"{name}: {image}"
    for image in ("mlflow", "jupyter"):
        text = (ROOT / "docker" / image / "Dockerfile").read_text()
        froms = re.findall(r"(?m)^FROM (\S+)", text)
        assert set(froms) <= {"python:3.11-slim-bookworm", "build"}
        assert text.rindex("USER ") > text.rindex("RUN ")
        assert "--constraint requirements.lock" in text


def test_no_password_stands_in_a_file_and_none_is_optional() -> None:
    wanted = set()
    for path in [MAIN, *PROFILES.values()]:
        secrets = re.findall(
            r"(?m)^\s*\w*(?:PASSWORD|SECRET|TOKEN|SECRET_KEY|SECRET_ACCESS_KEY): (.*)$", path.read_text()
        )
        assert secrets
        for value in secrets:
            name = re.match(r"\$\{(\w+):\?", value)
            assert name, f"{path.name}: {value}"
            wanted.add(name[1])
    offered = re.findall(r"(?m)^(\w+)=$", (ROOT / "docker" / "env.example").read_text())
    assert wanted | {"WORKBENCH_UID"} == set(offered)


def test_make_env_draws_secrets_keeps_them_and_hides_them(clone: Path, tmp_path: Path) -> None:
    assert make_env(clone).returncode == 0
    first = (clone / ".env").read_text()
    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600
    secrets = re.findall(r"(?m)^\w+=([0-9a-f]{48})$", first)
    assert len(secrets) == len(set(secrets)) == 7
    assert re.search(r"(?m)^WORKBENCH_UID=[1-9]\d*$", first)

    make_env(clone, "classroom s3")
    second = (clone / ".env").read_text()
    assert "COMPOSE_FILE=docker-compose.yml:docker/classroom.yml:docker/s3.yml\n" in second
    assert re.findall(r"(?m)^\w+=([0-9a-f]{48})$", second) == secrets
    make_env(clone, "")
    assert (clone / ".env").read_text() == first

    wrong = make_env(clone, "clasroom")
    assert wrong.returncode == 2
    assert "Expected: classroom" in wrong.stderr
    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600


def test_secrets_reach_neither_images_nor_git() -> None:
    first, *allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert not any("env" in line for line in allowed)
    assert run("git", "check-ignore", ".env", "backups/x", cwd=ROOT).stdout.split() == [".env", "backups/x"]


@pytest.mark.parametrize("script", ["make-env", "backup", "restore", "upgrade"])
def test_scripts_are_plain_shell(script: str) -> None:
    assert run("sh", "-n", ROOT / "docker" / script).returncode == 0
    assert os.access(ROOT / "docker" / script, os.X_OK)


def test_restore_refuses_what_is_no_backup(clone: Path) -> None:
    done = run(clone / "docker" / "restore", "backups/nothing")
    assert done.returncode == 2
    assert "no backup in 'backups/nothing'" in done.stderr


def test_a_backup_that_fails_leaves_nothing_that_looks_like_one(clone: Path) -> None:
    """No stack runs that belongs to these files."""
    done = run(clone / "docker" / "backup")
    assert done.returncode
    assert "Saved" not in done.stdout
    assert not list((clone / "backups").iterdir())


def test_restore_warns_before_anything_of_a_backup_is_read(clone: Path) -> None:
    place = clone / "backups" / "of-somebody"
    place.mkdir(parents=True)
    for name in ("database.dump", "artifacts.tar"):
        (place / name).touch()
    done = run(clone / "docker" / "restore", "backups/of-somebody")
    assert done.returncode
    assert "PostgreSQL runs what backups/of-somebody/database.dump says with all rights" in done.stderr


def test_the_development_container_names_what_there_is() -> None:
    text = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert all((ROOT / ".devcontainer" / path).exists() for path in text["dockerComposeFile"])
    assert (ROOT / text["initializeCommand"]).exists()
    assert text["service"] in services(MAIN)
    assert "useradd" in (ROOT / "docker" / "jupyter" / "Dockerfile").read_text().split(text["remoteUser"])[0]


def test_binder_installs_the_lock_like_every_other_door() -> None:
    """repo2docker reads `.binder/` alone when there is one; `environment.yml` of the root needs PIP_NO_DEPS."""
    conda = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text())
    assert [line.split()[0] for line in conda["dependencies"]] == ["python", "pip"]
    script = ROOT / ".binder" / "postBuild"
    assert os.access(script, os.X_OK)
    assert run("sh", "-n", script).returncode == 0
    assert "--no-deps --require-hashes --requirement requirements.lock" in script.read_text()
