"""What the store knows of earlier points, so that a sweep continues instead of beginning anew."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mlworkbench.notebooks.parameters import Point
from mlworkbench.notebooks.record import OUTCOME_TAG
from mlworkbench.notebooks.rerun import CONTENT_TAG, POINT_TAG, Job, origin_tags

if TYPE_CHECKING:
    from mlflow.entities import Run

PARENT_TAG = "mlflow.parentRunId"
SWEPT_TAG = "mlworkbench.swept"
"""On the parent: the names of the parameters that a sweep gives values to."""


def begin(job: Job, points: list[Point], resume: bool) -> tuple[dict[str, Run], str]:
    """The points that need not run, and the parent.

    That is the parent of an earlier sweep of the same parameters with one of these points, or a new one.
    """
    import mlflow

    client = mlflow.MlflowClient()
    earlier = recorded(job) if resume else []
    swept = ", ".join(sorted({name for point in points for name in point}))
    sweeps = {run.info.run_id for run in earlier if run.data.tags.get(SWEPT_TAG) == swept}
    keys = {job.key(point) for point in points}
    mine = [run for run in earlier if run.data.tags.get(POINT_TAG) in keys]
    reused = {run.data.tags[POINT_TAG]: run for run in mine if run.info.status == "FINISHED"}
    for run in reversed(mine):
        if (parent := run.data.tags.get(PARENT_TAG)) in sweeps:
            client.update_run(parent, status="RUNNING")
            end_unfinished(dataclasses.replace(job, parent=parent))
            return reused, str(parent)
    tags, name = origin_tags(job) | {SWEPT_TAG: swept}, f"sweep of {job.notebook.stem}"
    return reused, str(client.create_run(job.experiment_id, tags=tags, run_name=name).info.run_id)


def recorded(job: Job, parent: str | None = None) -> list[Run]:
    """The runs of this notebook in this experiment, or only those under a parent; the latest last."""
    import mlflow

    where = f"tags.`{CONTENT_TAG}` = '{job.digest}'" + (f" and tags.`{PARENT_TAG}` = '{parent}'" if parent else "")
    found: list[Run] = mlflow.search_runs(
        [job.experiment_id], where, max_results=10**9, order_by=["start_time"], output_format="list"
    )
    return found


def end_unfinished(job: Job) -> None:
    """Mark the points as KILLED whose worker is no more."""
    import mlflow

    client = mlflow.MlflowClient()
    for run in recorded(job, job.parent):
        if run.info.status == "RUNNING" and POINT_TAG in run.data.tags:
            client.set_tag(run.info.run_id, OUTCOME_TAG, "interrupted")
            client.set_terminated(run.info.run_id, "KILLED")
