"""Open JupyterLab on the workbook."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mlworkbench.fork_server import JUPYTER_DATA, keep_warm
from mlworkbench.ports import require_free
from mlworkbench.store import open_store
from mlworkbench.workbook import workbook_root

SETTINGS = Path(__file__).with_name("settings")
"""Opens lesson 0; hides solutions, nbgrader's settings and its panels for instructors, and Jupyter's news."""


def launch(*, port: int | None, ip: str, browser: bool, options: Sequence[str]) -> NoReturn:
    """Become JupyterLab in the notebooks folder, with a store, a token and a fork server whose imports are under way.

    Raises
    ------
    WorkbenchError
        When the store cannot be used, or the port is taken.
    """
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.ip={ip}"]
    command.append(f"--ServerApp.root_dir={workbook_root() / 'notebooks'}")
    if port is not None:
        require_free(port)
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    open_store()
    if not browser:
        command.append("--no-browser")
    command += options
    _put_first("JUPYTER_CONFIG_PATH", SETTINGS)
    _put_first("JUPYTER_PATH", JUPYTER_DATA)  # its "Python 3" takes the place of ipykernel's
    keep_warm()
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(sys.executable, command)  # noqa: S606 (becomes JupyterLab, so that a signal ends it and nothing is left)


def _put_first(variable: str, folder: Path) -> None:
    os.environ[variable] = os.pathsep.join(filter(None, [str(folder), os.environ.get(variable, "")]))
