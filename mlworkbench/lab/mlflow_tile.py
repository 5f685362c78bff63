"""The MLflow tile in JupyterLab's launcher: jupyter-server-proxy starts the UI of the workbook's own store.

See https://jupyter-server-proxy.readthedocs.io/en/latest/server-process.html
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlworkbench.store import open_store
from mlworkbench.waiting import patience
from warmkernel.private_folder import private_folder, short_folder

_PREFERENCES = b"""<script>
const preferences = {
  "mlflow.workflowType_v1": '"machine_learning"',
  "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
};
for (const name in preferences)
  if (localStorage.getItem(name) === null) localStorage.setItem(name, preferences[name]);
</script>"""


def mlflow_tile() -> dict[str, Any]:
    """Describe the MLflow server to jupyter-server-proxy (entry point group ``jupyter_serverproxy_servers``)."""
    remote = os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http")
    return {
        "command": _command,
        "environment": _environment,
        # Whoever reaches the server may make it run code: other users of the machine cannot enter this folder, and
        # would reach a port.
        "unix_socket": False if os.name == "nt" else str(_private_folder() / f"mlflow-{os.getpid()}"),
        "timeout": round(patience(300)),  # on a busy machine
        "absolute_url": True,  # MLflow is told the prefix and answers under it
        "request_headers_override": {"Host": "localhost"},  # MLflow refuses hosts it does not know
        "rewrite_response": _prefer_model_training,
        "new_browser_tab": False,
        "launcher_entry": {
            "enabled": not remote,  # a tracking server has a page of its own
            "title": "MLflow",
            "icon_path": str(Path(__file__).with_name("mlflow.svg")),
            "path_info": "mlflow/#/experiments",
        },
    }


def _private_folder() -> Path:
    """The folder of this user's sockets, or where somebody else has taken its place, one that goes with JupyterLab."""
    try:
        return private_folder()
    except PermissionError:
        folder = Path(tempfile.mkdtemp(prefix="mlflow-", dir=short_folder()))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder


def _prefer_model_training(response: Any) -> None:
    """Let MLflow's pages open on model training, without the assistant, until the reader chooses otherwise."""
    if "text/html" in response.headers.get("Content-Type", ""):
        response.body = response.body.replace(b"<head>", b"<head>" + _PREFERENCES, 1)


def _command(port: int, unix_socket: str, base_url: str) -> list[str]:
    """The server's command line, which ends with this process, JupyterLab."""
    listen = ["--uvicorn-opts", f"--uds {shlex.quote(unix_socket)}"] if unix_socket else ["--port", str(port)]
    return [
        *(sys.executable, "-m", "mlworkbench.lab.mlflow_server", str(os.getpid())),
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", *listen),
        *("--workers", "1", "--static-prefix", f"{base_url}mlflow"),
    ]


def _environment() -> dict[str, str]:
    """What the server is told; makes the store first, so that the page opens on a new clone too."""
    store = open_store()
    told = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Without jobs (they serve generative AI) the server starts seven processes less, which would also outlive it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Not on the command line: it may hold a password, and everybody reads command lines.
        "MLFLOW_BACKEND_STORE_URI": store.uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": store.artifact_root or "",
    }
    # jupyter-server-proxy takes braces for places to fill in
    return {name: value.replace("{", "{{").replace("}", "}}") for name, value in told.items()}
