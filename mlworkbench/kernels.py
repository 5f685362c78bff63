"""Warm kernels: a Jupyter kernel provisioner that has kernels forked by a process which has done the heavy imports.

docs/architecture.md tells what is forked, why it is safe, and what is not. `forkclient.py` asks for a kernel,
`forkserver.py` forks it. See https://jupyter-client.readthedocs.io/en/stable/provisioning.html
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from mlworkbench.forkclient import ForkedKernel, can_fork, connect, fork_kernel

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo
    from jupyter_client.manager import KernelManager
    from nbformat import NotebookNode

PROVISIONER = {"provisioner_name": "mlworkbench-warm"}
"""What the specification of a kernel says to have it started by `WarmProvisioner`."""

GRACE = 1.0
"""How many seconds a kernel may take to end before Jupyter's own patience begins."""

JUPYTER_DATA = Path(__file__).with_name("jupyter_data")
"""Where Jupyter finds the specification of the kernel "Python (workbench)"."""


class WarmProvisioner(LocalProvisioner):
    """Has Python kernels forked; starts other kernels, and any kernel where that cannot be, in the usual way.

    Registered with Jupyter as ``mlworkbench-warm`` (entry point group ``jupyter_client.kernel_provisioners``).
    """

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel that the command would start."""
        if not forkable(cmd, kwargs):
            return await super().launch_kernel(cmd, **kwargs)
        at = cmd.index("ipykernel_launcher")
        env = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
        self.cwd = Path(kwargs.get("cwd") or "").absolute()
        try:
            self.process = await asyncio.to_thread(fork_kernel, cmd[: at - 1], cmd[at + 1 :], env, self.cwd)
        except (OSError, subprocess.SubprocessError) as error:
            message = "No warm kernel (%s). An ordinary one starts instead."
            logging.getLogger(__name__).warning(message, error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.pgid = self.process.pid, None  # signals go through the server, which knows whether it lives
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait for a forked kernel's end, of which the server tells, instead of looking for it every 0.1 s."""
        await super().shutdown_requested(restart)
        if isinstance(self.process, ForkedKernel):
            await asyncio.to_thread(self.process.listen, GRACE)


def forkable(cmd: Sequence[str], options: Mapping[str, Any]) -> bool:
    """Whether a fork gives the kernel that a command would start: an ipykernel without further wishes."""
    return (
        cmd.count("ipykernel_launcher") == cmd.count("-m") == 1
        and options.keys() <= {"env", "cwd", "kernel_id", "extra_arguments"}
        and can_fork(cmd, options["env"], Path(options.get("cwd") or ""))
    )


def kernel_specs() -> KernelSpecManager:
    """The kernels that Jupyter knows here, and "Python (workbench)"."""
    specs = KernelSpecManager()
    specs.kernel_dirs.append(str(JUPYTER_DATA / "kernels"))
    return specs


def prepare(manager: KernelManager, notebook: NotebookNode) -> None:
    """Let the kernel of a notebook be forked, unless its metadata say ``"mlworkbench": {"kernel": "cold"}``."""
    manager.kernel_spec_manager = kernel_specs()
    metadata = manager.kernel_spec.metadata  # type: ignore[union-attr] # a name that is unknown raises
    if notebook.metadata.get("mlworkbench", {}).get("kernel") != "cold":
        metadata.setdefault("kernel_provisioner", PROVISIONER)
    elif metadata.get("kernel_provisioner") == PROVISIONER:
        del metadata["kernel_provisioner"]


@functools.cache
def keep_warm() -> socket.socket | None:
    """Start the fork server for Python kernels of this environment, and keep it as long as this process lives.

    Also as what this process becomes by ``exec``: the connection that keeps the server is handed on.
    """
    if can_fork([sys.executable], os.environ, Path()):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # the first kernel will tell
            connection = connect([sys.executable], os.environ)
            connection.set_inheritable(True)
            return connection
    return None
