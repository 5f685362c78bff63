"""A stack of containers of its own for the tests: a copy of the clone, other ports, another project name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import mlflow
import requests

from mlworkbench.ports import free_port
from tests.stack.files import ROOT

PARTS = ["docker-compose.yml", "docker", "notebooks", "solutions", "pyproject.toml", "requirements.lock", "README.md"]
PARTS += ["warmkernel", "mlworkbench", "mlcourse"]
PARTS += ["LICENSE", ".dockerignore"]


class Stack:
    """Runs compose and the scripts of docker/ in the copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            place = folder / part
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, place, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
            else:
                shutil.copy(ROOT / part, place)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "COMPOSE_"))}
        self.mlflow_port, self.jupyter_port = free_port(), free_port()
        self.env |= {"COMPOSE_PROJECT_NAME": "mlworkbench-test", "COMPOSE_PROGRESS": "plain"}
        self.env |= {"MLFLOW_PORT": str(self.mlflow_port), "JUPYTER_PORT": str(self.jupyter_port)}
        self.run("docker/make-env")
        if os.getuid() == 0:  # as the host user owns the notebooks of a real clone
            subprocess.run(["chown", "-R", self.secrets["WORKBENCH_UID"], folder / "notebooks"], check=True)

    @property
    def secrets(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def lab(self) -> str:
        return f"http://127.0.0.1:{self.jupyter_port}"

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        env = {**self.env, **options.pop("env", {})}
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def compose(self, *command: str, **options: Any) -> str:
        return str(self.run("docker", "compose", *command, **options).stdout)

    def inside(self, service: str, *command: str, **options: Any) -> str:
        """What a command in a service's container prints."""
        return self.compose("exec", "-T", service, *command, **options)

    def up(self) -> None:
        self.compose("up", "--detach", "--wait")

    def pins(self, service: str) -> dict[str, str]:
        """What is installed in a service's container."""
        code = "from importlib.metadata import distributions as d; [print(x.name, x.version) for x in d()]"
        return dict(line.split() for line in self.inside(service, "python", "-c", code).splitlines())

    def answer(self, url: str, **options: Any) -> int:
        return requests.request(options.pop("method", "GET"), url, timeout=20, **options).status_code

    def runs(self) -> dict[str, tuple[str, dict[str, float], dict[str, str]]]:
        """Status, metrics and parameters of every run."""
        client = mlflow.MlflowClient(self.uri)
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        found, token = [], None
        while token != "":
            page = client.search_runs(ids, max_results=1000, page_token=token)
            found, token = found + list(page), page.token or ""
        return {run.info.run_id: (run.info.status, run.data.metrics, run.data.params) for run in found}

    def files(self) -> set[str]:
        """Checksum and path of every file of the artifacts."""
        return set(
            self.inside("mlflow", "find", "artifacts", "-type", "f", "-exec", "sha256sum", "{}", "+").splitlines()
        )
