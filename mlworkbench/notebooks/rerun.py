"""Rerun a notebook with other parameters: papermill executes it, one MLflow run records what came of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError, WorkbenchError, told
from mlworkbench.mlflow_internals import ARTIFACT_ROOT_VARIABLE
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.kernels import require_kernel, warmup
from mlworkbench.notebooks.literals import shown
from mlworkbench.notebooks.notebook_file import notebook_path, read_notebook
from mlworkbench.notebooks.parameters import Parameter, check_values, parameters_of
from mlworkbench.notebooks.record import record
from mlworkbench.notebooks.server_watch import answers, watched
from mlworkbench.notebooks.stopping import Group, interruptible, wait_for
from mlworkbench.orphans import PROCESS_TAG, end_orphans, end_run, this_process
from mlworkbench.workbook import EXPERIMENT_VARIABLE, PARENT_VARIABLE, STORE_VARIABLE
from warmkernel.private_folder import scratch_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from nbformat import NotebookNode

CONTENT_TAG = "mlworkbench.content"
POINT_TAG = "mlworkbench.point"

LONGEST_WAIT = 10**7
"""More seconds than any cell takes, and fewer than an event loop can count."""

LONGEST = 6000
"""The most characters that MLflow keeps of a parameter."""


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


def rerun(
    notebook: str | os.PathLike[str],
    /,
    *,
    experiment: str | None = None,
    timeout: float | None = None,
    kernel: str | None = None,
    **parameters: Any,
) -> Run:
    """Execute a notebook with other parameters, as one MLflow run.

    The run records all parameters, outcome and seconds, and keeps the executed notebook, also as HTML. Runs that the
    notebook itself starts become its children; a metric that one of them logged, and no other, is copied to it.

    Parameters
    ----------
    notebook : path
        Any notebook; its parameters are those of the cell tagged ``parameters``.
    experiment : str, optional
        Name of the experiment; when left out the active one, else one with the name of the notebook.
    timeout : float, optional
        The most seconds that a cell may take.
    kernel : str, optional
        Name of an installed kernel, where the one that the notebook names is of another machine.
    **parameters
        Values of the types that the defaults have. One called ``experiment``, ``timeout`` or ``kernel`` goes through
        `sweep`.

    Returns
    -------
    mlflow.entities.Run
        FINISHED, or FAILED with the error and the failing cell in its description, and the executed part kept.

    Raises
    ------
    NotebookError
        Before anything runs: not a notebook, unknown parameter, value of another type, kernel not installed.
    StoreError
        When the tracking store cannot be used.

    See Also
    --------
    https://papermill.readthedocs.io/en/latest/usage-execute.html

    Examples
    --------
    >>> run = rerun("analysis.ipynb", trees=200)  # doctest: +SKIP
    """
    return run_once(notebook, parameters, experiment=experiment, timeout=timeout, kernel=kernel)


def run_once(
    notebook: str | os.PathLike[str],
    values: Mapping[str, Any],
    *,
    experiment: str | None = None,
    timeout: float | None = None,
    kernel: str | None = None,
) -> Run:
    """Do what `rerun` does, with the values as a mapping."""
    import mlflow

    job = prepare(notebook, experiment=experiment, timeout=timeout, kernel=kernel)
    given = check_values(job.known, values)
    with watched(job.store_uri), interruptible():
        run_id = wait_for(lambda: complete(job, given, create_run(job, given)), lambda: stop(job))
    return mlflow.get_run(run_id)


def stop(job: Job) -> None:
    """End everything of a job that this process works at; what was begun is recorded if the store answers."""
    job.group.stop(lambda: answers(job.store_uri))


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

    from mlworkbench.session import active_store, experiment_for

    path = notebook_path(notebook)
    node = read_notebook(path)
    known = parameters_of(node, path)
    require_kernel(node, kernel)
    warmup()
    if timeout is not None and not (isinstance(timeout, (int, float)) and 0 < timeout < LONGEST_WAIT):
        expected = f"a number of seconds above 0 and below {LONGEST_WAIT:,}."
        raise NotebookError(f"timeout = {shown(timeout)}.", expected, "Leave it out to wait for ever.")
    store = active_store()
    end_orphans(mlflow.MlflowClient())
    return Job(
        notebook=path,
        content=path.read_text(encoding="utf-8"),
        known=tuple(known),
        digest=_digest(node, kernel),
        store_uri=store.uri,
        artifact_root=store.artifact_root,
        experiment_id=experiment_for(experiment, otherwise=path.stem),
        timeout=timeout,
        kernel=kernel,
        parent=_active_run_id(),
    )


def create_run(job: Job, given: Mapping[str, Any]) -> Run:
    """Make the run of a point, which says that this process works at it."""
    import mlflow

    tags = origin_tags(job) | {POINT_TAG: job.key(given)}
    return mlflow.MlflowClient(job.store_uri).create_run(job.experiment_id, tags=tags, run_name=_run_name(job, given))


def complete(job: Job, given: Mapping[str, Any], run: Run) -> str:
    """Execute the notebook once and record it; give back the id of the run, whatever came of it."""
    import mlflow
    from mlflow.entities import Param

    client, run_id = mlflow.MlflowClient(job.store_uri), str(run.info.run_id)
    with job.group.point(), scratch_folder() as folder:
        output = folder / job.notebook.name
        begun, error = time.monotonic(), None
        try:
            values = job.completed(given).items()
            client.log_batch(run_id, params=[Param(name, str(value)[:LONGEST]) for name, value in values])
            error = _execute(job, given, run_id, output)
            client.log_metric(run_id, "seconds", time.monotonic() - begun)
            record(client, run_id, output, error)
        except Exception as refused:
            _keep(job, client, run_id, output, error or refused, refused)
    return run_id


def _keep(
    job: Job, client: MlflowClient, run_id: str, output: Path, error: BaseException, refused: BaseException
) -> None:
    """Keep what was executed although the store has refused it, and end the run if that is possible."""
    kept = output.parent.parent / f"kept-{run_id}-{output.name}"
    where = "there is no executed notebook"
    with contextlib.suppress(OSError):
        output.rename(kept)  # needs no place, where the disk is full
        kept.chmod(0o600)
        where = f"the executed notebook is kept as {kept}"
    interrupted = isinstance(error, InterruptedError)
    outcome = "interrupted" if interrupted else f"failed: {told(error)}; not stored: {told(refused)}; {where}"
    try:
        if answers(job.store_uri):
            return end_run(client, run_id, "KILLED" if interrupted else "FAILED", outcome)
    except Exception as again:
        refused = again
    raise WorkbenchError(
        f"the run {run_id} could not be recorded ({told(refused)}); {where}.",
        "a store with room, that answers until the run is recorded.",
        "Mend that and make the same call again; it also ends this run, which is RUNNING till then.",
    ) from refused


def _execute(job: Job, given: Mapping[str, Any], run_id: str, output: Path) -> BaseException | None:
    """Execute the notebook; what goes wrong is a result."""
    env = {
        PARENT_VARIABLE: run_id,
        "MLFLOW_RUN_ID": None,  # a run that this process was started for is not the notebook's
        "MLFLOW_TRACKING_URI": job.store_uri,
        "MLFLOW_EXPERIMENT_NAME": None,
        "MLFLOW_EXPERIMENT_ID": None,  # it would be asked for in a store of the notebook's own choice, too
        STORE_VARIABLE: job.store_uri,
        EXPERIMENT_VARIABLE: job.experiment_id,
        ARTIFACT_ROOT_VARIABLE: job.artifact_root,
    }
    try:
        execute(
            job.notebook,
            output,
            content=job.content,
            values=given,
            env=env,
            timeout=job.timeout,
            group=job.group,
            kernel=job.kernel,
        )
    except BaseException as error:
        return InterruptedError() if job.group.stopped else error
    return None


def origin_tags(job: Job) -> dict[str, str]:
    """The tags that tell which notebook a run belongs to, who started it, which process works at it, and its parent."""
    from mlflow.tracking.context.registry import resolve_tags
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    from mlworkbench.context import notebook_tags

    own = notebook_tags(job.notebook) | {CONTENT_TAG: job.digest, PROCESS_TAG: this_process()}
    return dict(resolve_tags(own | ({MLFLOW_PARENT_RUN_ID: job.parent} if job.parent else {})))


def _run_name(job: Job, given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in given.items())[:200] or job.notebook.stem


def _active_run_id() -> str | None:
    import mlflow

    run = mlflow.active_run()
    return str(run.info.run_id) if run else None


def _digest(node: NotebookNode, kernel: str | None) -> str:
    cells = [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in node.cells]
    return _hash({"cells": cells, "kernel": kernel or node.metadata.get("kernelspec", {}).get("name")})


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
