"""The project wine in a container, by its Docker variant: it logs to a server of this machine. Needs an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlworkbench.ports import free_port
from tests.paths import ROOT
from tests.stack.conftest import REQUIRED, runs
from tests.stack.server import environment, server

WINE = ROOT / "notebooks" / "projects" / "wine"
DOCKER = WINE / "variants" / "docker"

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def test_an_entry_point_runs_in_a_container(tmp_path: Path) -> None:
    """The lines of lesson 4.2: build the image, start a server, run `load` with the address of the server."""
    if not runs():
        assert not REQUIRED, "no container engine"
        pytest.skip("SKIPPED: no container engine")
    subprocess.run(["docker", "build", "--network", "host", "--tag", "wine-project", str(DOCKER)], check=True)
    shutil.copytree(WINE, tmp_path / "wine", ignore=shutil.ignore_patterns("variants", "python_env.yaml"))
    shutil.copy(DOCKER / "MLproject", tmp_path / "wine")
    command = [sys.executable, "-m", "mlflow", "run", str(tmp_path / "wine"), "-e", "load"]
    command += ["--build-image", "-A", "network=host"]
    with server(environment(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", free_port())) as address:
        env = {**os.environ, "MLFLOW_TRACKING_URI": address}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        client = MlflowClient(address)
        (run,) = client.search_runs(["0"])
        assert run.info.status == "FINISHED"
        assert run.data.metrics == {"rows": 178}
        assert run.data.tags["mlflow.project.env"] == "docker"
        assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["wine.csv"]
