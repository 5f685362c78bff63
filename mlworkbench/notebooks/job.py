"""A notebook to be run with other parameters: what is known of it, and checked, before anything runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError, shown
from mlworkbench.fork_server import warmup
from mlworkbench.notebooks.kernels import require_kernel
from mlworkbench.notebooks.notebook_file import notebook_path, notebook_text, read_notebook
from mlworkbench.notebooks.parameters import Parameter, parameters_of
from mlworkbench.notebooks.stopping import Group
from mlworkbench.orphans import end_orphans
from mlworkbench.store_watch import answers
from mlworkbench.temporary import scratch

if TYPE_CHECKING:
    from nbformat import NotebookNode

LONGEST_WAIT = 10**7
"""More seconds than any cell takes, and fewer than an event loop can count."""


@dataclass(frozen=True)
class Job:
    """A notebook to be run, and where its runs go: all that a worker needs, also on another machine.

    Attributes
    ----------
    notebook : Path
        Its file; the folder becomes the kernel's working directory.
    content : str
        The notebook as text, so that every point runs the same one although the file changes meanwhile.
    digest : str
        What makes two notebooks the same: their cells and their kernel, but not outputs.
    """

    notebook: Path
    content: str
    known: tuple[Parameter, ...]
    digest: str
    store_uri: str
    artifact_root: str | None
    experiment_id: str
    timeout: float | None
    kernel: str | None = None
    parent: str | None = None
    group: Group = field(default_factory=Group, compare=False)

    def completed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All the values that a point runs with: those given, and the defaults."""
        return {parameter.name: given.get(parameter.name, parameter.default) for parameter in self.known}

    def key(self, given: Mapping[str, Any]) -> str:
        """What makes two points the same: the notebook and all the values."""
        return _hash({"notebook": self.digest, "values": self.completed(given)})

    def stop(self) -> None:
        """End everything that this process works at; what was begun is recorded if the store answers."""
        self.group.stop(lambda: answers(self.store_uri))


def prepare(
    notebook: str | os.PathLike[str],
    *,
    experiment: str | None = None,
    timeout: float | None = None,
    kernel: str | None = None,
) -> Job:
    """Read and check the notebook, reach the store and find the experiment; nothing is executed or recorded.

    Raises
    ------
    NotebookError, StoreError
        As `rerun`.
    """
    import mlflow

    from mlworkbench.experiments import experiment_for
    from mlworkbench.session import active_store

    path = notebook_path(notebook)
    node = read_notebook(path)
    require_kernel(node, kernel)
    warmup()
    _check_timeout(timeout)
    with scratch():  # where kernels and executed notebooks have to lie
        store = active_store()
    end_orphans(mlflow.MlflowClient())
    return Job(
        notebook=path,
        content=notebook_text(path),
        known=tuple(parameters_of(node, path)),
        digest=_digest(node, kernel),
        store_uri=store.uri,
        artifact_root=store.artifact_root,
        experiment_id=experiment_for(experiment, otherwise=path.stem),
        timeout=timeout,
        kernel=kernel,
        parent=_active_run_id(),
    )


def _check_timeout(timeout: object) -> None:
    if timeout is not None and not (isinstance(timeout, (int, float)) and 0 < timeout < LONGEST_WAIT):
        expected = f"a number of seconds above 0 and below {LONGEST_WAIT:,}."
        raise NotebookError(f"timeout = {shown(timeout)}.", expected, "Leave it out to wait for ever.")


def _active_run_id() -> str | None:
    import mlflow

    run = mlflow.active_run()
    return str(run.info.run_id) if run else None


def _digest(node: NotebookNode, kernel: str | None) -> str:
    cells = [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in node.cells]
    return _hash({"cells": cells, "kernel": kernel or node.metadata.get("kernelspec", {}).get("name")})


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
