"""A papermill engine whose kernel gets its own working directory and environment.

papermill changes the working directory of the whole process; this engine hands it to the kernel alone, so that
several notebooks can run at once in threads of one process.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager

from mlworkbench.forkclient import short_folder
from mlworkbench.group import Group
from mlworkbench.kernels import prepare


class WorkbookEngine(NBClientEngine):  # type: ignore[misc]
    """Registered with papermill as ``mlworkbench`` (entry point group ``papermill.engine``)."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        kernel_cwd: str | None = None,
        kernel_env: Mapping[str, str | None] | None = None,
        group: Group | None = None,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        **_: Any,
    ) -> None:
        """Execute the cells; a ``group`` makes it possible to stop it from another thread."""
        group = group or Group()
        env = {**os.environ, **(kernel_env or {})}
        client = PapermillNotebookClient(
            nb_man, kernel_name=kernel_name, startup_timeout=start_timeout, timeout=execution_timeout
        )
        prepare(client.create_kernel_manager(), nb_man.nb)  # the one place where it is decided what starts a kernel
        group.enter(client)
        try:
            with tempfile.TemporaryDirectory(prefix="kernel-", dir=short_folder()) as folder:
                if os.name != "nt":  # sockets in a folder of this user's, instead of ports that every user can reach
                    client.km.transport, client.km.ip = "ipc", str(Path(folder, "s"))
                client.execute(cwd=kernel_cwd, env={name: value for name, value in env.items() if value is not None})
        finally:
            group.leave(client)
