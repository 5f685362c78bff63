"""A project in a Docker environment goes to Docker as plain MLflow sends it there, and a lack of Docker is told."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlworkbench as wb
from tests.servers import Silent, serving

pytestmark = pytest.mark.processes

IN_DOCKER = "name: boxed\ndocker_env: {image: base}\nentry_points:\n  main: {command: python main.py}\n"


@pytest.fixture
def project(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a command `docker` that only shows that it is there."""
    folder, bin_ = tmp_path / "boxed", tmp_path / "bin"
    for each in (folder, bin_):
        each.mkdir()
    (folder / "MLproject").write_text(IN_DOCKER)
    (bin_ / "docker").write_text("#!/bin/sh\n")
    (bin_ / "docker").chmod(0o700)
    monkeypatch.setenv("PATH", str(bin_), prepend=":")
    wb.start("docker")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What an engine is asked for that knows its version, and does nothing."""
    asked: list[str] = []

    class Engine(Silent):
        def do_GET(self) -> None:
            known = self.path == "/version"
            asked.append(self.path)
            self.send_response(200 if known else 500)
            self.end_headers()
            self.wfile.write(b'{"ApiVersion": "1.44"}' if known else b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

    with serving(Engine) as uri:
        monkeypatch.setenv("DOCKER_HOST", uri.replace("http", "tcp"))
        yield asked


@pytest.mark.parametrize("build", [True, False])
def test_an_image_is_built_where_that_is_asked_for(
    project: Path, asked: list[str], capfd: pytest.CaptureFixture[str], build: bool
) -> None:
    with pytest.raises(wb.ProjectError, match="Docker an engine"):
        wb.run_project(project, build_image=build)
    line = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("mlflow run"))
    ours = [path.partition("?")[0] for path in asked]
    assert any(path.endswith("/build") for path in ours) == ("--build-image" in line) == build
    asked.clear()
    assert subprocess.run(shlex.split(line), capture_output=True, check=False).returncode
    assert [path.partition("?")[0] for path in asked] == ours


def test_an_engine_that_does_not_run(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(wb.ProjectError, match="DockerException"):
        wb.run_project(project)


@pytest.mark.parametrize("option", [{"build_image": True}, {"version": "5"}])
def test_an_option_that_is_a_parameter_too_is_asked_about(project: Path, option: dict[str, object]) -> None:
    name = next(iter(option))
    (project / "MLproject").write_text(IN_DOCKER.replace("{command", f"{{parameters: {{{name}: string}}, command"))
    with pytest.raises(wb.ProjectError, match=r"an option of this call and a parameter|no Git repository"):
        wb.run_project(project, **option)  # type: ignore[arg-type]
