"""A Jupyter kernel provisioner that has kernels forked by a process which has done the heavy imports.

docs/warm-kernels.md tells what is forked, why it is safe, and what is not. `client.py` asks for a kernel, `server.py`
forks it. See https://jupyter-client.readthedocs.io/en/stable/provisioning.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import List, Unicode

from warmkernel.client import can_fork, fork_kernel
from warmkernel.processes import ForkedKernel
from warmkernel.warmup import Warmup

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

GRACE = 1.0
"""How many seconds a kernel may take to end before Jupyter's own patience begins."""


class WarmProvisioner(LocalProvisioner):
    """Has Python kernels forked; starts other kernels, and any kernel where that cannot be, in the usual way.

    Registered with Jupyter as ``warmkernel`` (entry point group ``jupyter_client.kernel_provisioners``). The attributes
    are those of `Warmup`; a kernel's specification gives them as the ``config`` of its provisioner.
    """

    process: Any = None
    preload = List(Unicode(), help="Modules to import beforehand.").tag(config=True)
    shelve = List(Unicode(), help="Packages that a kernel finds only when it imports them.").tag(config=True)
    variables = List(Unicode(), help="Beginnings of variables that decide what imports do.").tag(config=True)
    idle_variable = Unicode(Warmup.idle_variable, help="Variable with a server's idle seconds.").tag(config=True)

    @property
    def warmup(self) -> Warmup:
        """What the specification of the kernel asks for."""
        return Warmup(tuple(self.preload), tuple(self.shelve), tuple(self.variables), self.idle_variable)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel that the command would start."""
        if not forkable(cmd, kwargs, self.warmup):
            return await super().launch_kernel(cmd, **kwargs)
        at = cmd.index("ipykernel_launcher")
        env = {**kwargs["env"], "JPY_PARENT_PID": str(os.getpid())}
        self.cwd = Path(kwargs.get("cwd") or "").absolute()
        try:
            self.process = await asyncio.to_thread(
                fork_kernel, cmd[: at - 1], cmd[at + 1 :], env, self.cwd, self.warmup, kwargs.get("stderr")
            )
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


def forkable(cmd: Sequence[str], options: Mapping[str, Any], warmup: Warmup) -> bool:
    """Whether a fork gives the kernel that a command would start: an ipykernel without further wishes."""
    return (
        cmd.count("ipykernel_launcher") == cmd.count("-m") == 1
        and options.keys() <= {"env", "cwd", "kernel_id", "extra_arguments", "stderr"}
        and not isinstance(options.get("stderr"), int)  # such as subprocess.PIPE
        and can_fork(cmd, options["env"], Path(options.get("cwd") or ""), warmup)
    )
