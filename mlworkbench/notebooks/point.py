"""One point: its run is made, its notebook executed, and the result recorded, or kept where the store refuses it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.mlflow_internals import ARTIFACT_ROOT_VARIABLE
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.job import Job
from mlworkbench.notebooks.record import record
from mlworkbench.orphans import PROCESS_TAG, end_run, this_process
from mlworkbench.store_watch import answers
from mlworkbench.temporary import scratch
from mlworkbench.workbook import EXPERIMENT_VARIABLE, PARENT_VARIABLE, STORE_VARIABLE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CONTENT_TAG = "mlworkbench.content"
POINT_TAG = "mlworkbench.point"
TURN_TAG = "mlworkbench.turn"
"""On the run of a point that another sweep may have as well: it ``asks``, ``waits`` for the other one, or ``goes``."""

LONGEST = 6000
"""The most characters that MLflow keeps of a parameter."""


def create_run(job: Job, given: Mapping[str, Any], turn: str = "goes") -> Run:
    """Make the run of a point, which says that this process works at it."""
    import mlflow

    tags = origin_tags(job) | {POINT_TAG: job.key(given), TURN_TAG: turn}
    return mlflow.MlflowClient(job.store_uri).create_run(job.experiment_id, tags=tags, run_name=_run_name(job, given))


def complete(job: Job, given: Mapping[str, Any], run: Run) -> str:
    """Execute the notebook once and record it; give back the id of the run, whatever came of it."""
    import mlflow
    from mlflow.entities import Param

    client, run_id = mlflow.MlflowClient(job.store_uri), str(run.info.run_id)
    with job.group.point(), contextlib.ExitStack() as stack:
        begun, error, output = time.monotonic(), None, None
        try:
            output = stack.enter_context(scratch()) / job.notebook.name
            values = job.completed(given).items()
            client.log_batch(run_id, params=[Param(name, str(value)[:LONGEST]) for name, value in values])
            error = _execute(job, given, run_id, output)
            client.log_metric(run_id, "seconds", time.monotonic() - begun)
            record(client, run_id, output, error)
        except Exception as refused:
            _keep(job, client, run_id, output, error or refused, refused)
    return run_id


def _keep(
    job: Job, client: MlflowClient, run_id: str, output: Path | None, error: BaseException, refused: BaseException
) -> None:
    """Keep what was executed although the store has refused it, and end the run if that is possible."""
    where = "there is no executed notebook"
    with contextlib.suppress(OSError):
        if output:
            kept = output.rename(output.parent.parent / f"kept-{run_id}-{output.name}")  # also where the disk is full
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
