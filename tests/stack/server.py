"""The server of the compose file as a process of this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.stack.files import MAIN, PROFILES, ROOT, services

SCRIPTS = ROOT / "docker" / "mlflow"
ADMIN = ("admin", "the password of the admin")


def environment(folder: Path, database: str, port: int, profile: str | None = None) -> dict[str, str]:
    """What the compose file gives the server, with this machine's database, folder and port."""
    given = dict(services(MAIN)["mlflow"]["environment"])
    if profile:
        given |= services(PROFILES[profile])["mlflow"]["environment"]
    given |= {"MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_PORT": str(port), "MLFLOW_HOST": "127.0.0.1"}
    given |= {"MLFLOW_WORKERS": "1", "TMPDIR": str(folder), "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "kept")}
    given["MLFLOW_SERVER_ALLOWED_HOSTS"] = given["MLFLOW_SERVER_ALLOWED_HOSTS"].split(":-")[1].rstrip("}")
    if profile == "classroom":
        ini = (SCRIPTS / "basic_auth.ini").read_text().replace("mlflow@postgres:5432/mlflow", database.split("//")[1])
        (folder / "auth.ini").write_text(ini)
        given |= {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN[1]}
        given["MLFLOW_FLASK_SERVER_SECRET_KEY"] = "of this test"
    return {**os.environ, **given}


@contextlib.contextmanager
def server(env: dict[str, str], profile: str | None = None) -> Iterator[str]:
    """The server that the compose file starts, ready as its health check sees it."""
    command = [*services(MAIN)["mlflow"]["command"]]
    if profile == "classroom":
        command = services(PROFILES[profile])["mlflow"]["command"]
    log = Path(env["TMPDIR"], "server.log")
    with (
        log.open("w") as out,
        subprocess.Popen([sys.executable, "-m", *command], env=env, stdout=out, stderr=out) as it,
    ):
        try:
            for _ in range(200):
                if ready(env) or it.poll() is not None:
                    break
                time.sleep(0.3)
            assert ready(env), log.read_text()
            yield f"http://127.0.0.1:{env['MLFLOW_PORT']}"
        finally:
            it.terminate()


def ready(env: dict[str, str]) -> bool:
    command = [sys.executable, "-S", str(SCRIPTS / "ready.py")]
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
