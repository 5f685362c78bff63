"""A papermill engine whose kernel gets its own working directory and environment.

papermill changes the working directory of the whole process; this engine hands it to the kernel alone, so that
several notebooks can run at once in threads of one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from queue import Empty
from typing import Any

import psutil
import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.translators import PythonTranslator, papermill_translators

from mlworkbench.notebooks.kernels import prepare
from mlworkbench.notebooks.outputs import exit_reason, join_streams
from mlworkbench.notebooks.stopping import Group
from mlworkbench.temporary import scratch
from mlworkbench.waiting import patience

PYTHON = "python with tuples"
"""The language under which papermill finds `TupleTranslator`; its own ``python`` stays as it is."""


OUTPUT_TIMEOUT = 300
"""How many seconds the output of a cell that has ended may take to arrive; with nbclient's 4, much output fails."""


class TupleTranslator(PythonTranslator):  # type: ignore[misc]
    """Writes tuples as tuples, where papermill would write them as texts."""

    @classmethod
    def translate(cls, val: Any) -> str:
        """A value as Python's source."""
        if isinstance(val, tuple):
            return f"({''.join(f'{cls.translate(each)}, ' for each in val)})"
        return str(super().translate(val))


papermill_translators.register(PYTHON, TupleTranslator)

START_SECONDS = 180.0
"""How long a kernel may take to start, on a machine that does much else; one that dies is noticed at once."""

END_SECONDS = 60.0
"""How long a kernel may take to end in order, with files to write and functions to call, before it is killed."""

END_SECONDS_BESIDE = 5.0
"""The same for one that leaves processes behind: ipykernel ends these and waits half a minute for those that nobody
collects, such as joblib's workers. It is Jupyter's own limit."""


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """Knows from the kernel's own word that it is ready, where Jupyter's client listens for 0.2 s of silence."""

    def start_channels(self, *channels: bool, **named: bool) -> None:
        """Hear everything: ZeroMQ drops what comes when a thousand messages wait, the end of the cell among them."""
        self.context.setsockopt(zmq.RCVHWM, 0)
        super().start_channels(*channels, **named)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered a question and is idle again; a RuntimeError tells that it has not."""
        try:
            await asyncio.wait_for(self._answered(), timeout)
        except TimeoutError as error:
            raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds") from error

    async def _answered(self) -> None:
        while await self.is_alive():
            asked = self.kernel_info()
            with contextlib.suppress(Empty):
                await self.get_shell_msg(timeout=1)
                while True:  # silence here: the kernel was asked before its output could be heard
                    heard = await self.get_iopub_msg(timeout=0.2)
                    about, state = heard["parent_header"].get("msg_id"), heard["content"].get("execution_state")
                    if (about, state) == (asked, "idle"):
                        return
        raise RuntimeError("Kernel died before replying to kernel_info")


class WorkbookClient(PapermillNotebookClient):  # type: ignore[misc]
    """Leaves in each cell what a reader needs to know of how it went."""

    def execute_cell(self, cell: NotebookNode, cell_index: int, **options: Any) -> NotebookNode:
        """Execute a cell; its streams are joined, else it depends on time what is one output and what two."""
        try:
            return super().execute_cell(cell, cell_index, **options)  # type: ignore[no-any-return]
        except CellExecutionError as error:
            if not any(output.output_type == "error" for output in cell.outputs):  # a magic, or a traceback in colours
                told = {"ename": error.ename, "evalue": error.evalue, "traceback": []}
                cell.outputs.append(new_output("error", **told))  # type: ignore[no-untyped-call]
            raise
        finally:
            join_streams(cell)

    def papermill_execute_cells(self) -> None:
        """Execute the cells, and see how long the kernel may take to end."""
        try:
            with self._death_explained():
                super().papermill_execute_cells()
        finally:
            if _has_children(self.km.provisioner.pid):
                self.km.shutdown_wait_time = patience(END_SECONDS_BESIDE)

    def wait_for_reply(self, msg_id: str, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        """Ask after the last cell what the kernel is, which one that a cell has left with ``exit()`` cannot tell."""
        with self._death_explained():
            return super().wait_for_reply(msg_id, cell)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _death_explained(self) -> Iterator[None]:
        try:
            yield
        except DeadKernelError as error:
            code = run_sync(self.km.provisioner.poll)()
            raise DeadKernelError(exit_reason(code)) from error


def _has_children(pid: int | None) -> bool:
    with contextlib.suppress(psutil.Error):
        return pid is not None and bool(psutil.Process(pid).children())
    return False


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
        executed: list[NotebookNode],
        execution_timeout: float | None = None,
        **_: Any,
    ) -> None:
        """Execute the cells; a ``group`` makes it possible to stop it from another thread.

        The notebook is put into the list ``executed`` before its first cell.
        """
        executed.append(nb_man.nb)
        group = group or Group()
        env = {name: value for name, value in {**os.environ, **(kernel_env or {})}.items() if value is not None}
        client = WorkbookClient(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=int(patience(START_SECONDS)),
            timeout=execution_timeout,
            iopub_timeout=int(patience(OUTPUT_TIMEOUT)),
        )
        prepare(client.create_kernel_manager(), nb_man.nb)  # the one place where it is decided what starts a kernel
        client.km.client_factory = PromptClient
        client.km.shutdown_wait_time = patience(END_SECONDS)
        group.enter(client)
        try:
            with scratch() as folder:
                client.km.connection_file = str(folder / "kernel.json")
                # Sockets in a folder of this user's, instead of ports that every user can reach; R knows only ports.
                if os.name != "nt" and client.km.kernel_spec.language == "python":
                    client.km.transport, client.km.ip = "ipc", str(folder / "s")
                client.execute(cwd=kernel_cwd, env=env)
        finally:
            group.leave(client)
