"""What the store knows of earlier points, so that a sweep continues instead of beginning anew."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from mlworkbench.notebooks.job import Job
from mlworkbench.notebooks.parameters import Point
from mlworkbench.notebooks.point import CONTENT_TAG, POINT_TAG, TURN_TAG, origin_tags
from mlworkbench.orphans import PROCESS_TAG, end_run, is_alive, is_dead, running_children, this_process
from mlworkbench.waiting import telling

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
    over = {run.info.run_id for run in earlier if run.data.tags.get(SWEPT_TAG) == swept and _is_over(run)}
    keys = {job.key(point) for point in points}
    mine = [run for run in earlier if run.data.tags.get(POINT_TAG) in keys]
    reused = {run.data.tags[POINT_TAG]: run for run in mine if run.info.status == "FINISHED"}
    for run in reversed(mine):
        if (parent := run.data.tags.get(PARENT_TAG)) in over:
            client.set_tag(parent, PROCESS_TAG, this_process())
            client.update_run(parent, status="RUNNING")
            end_unfinished(dataclasses.replace(job, parent=parent))
            return reused, str(parent)
    tags, name = origin_tags(job) | {SWEPT_TAG: swept}, f"sweep of {job.notebook.stem}"
    return reused, str(client.create_run(job.experiment_id, tags=tags, run_name=name).info.run_id)


def _is_over(sweep: Run) -> bool:
    return sweep.info.status != "RUNNING" or is_dead(sweep) or PROCESS_TAG not in sweep.data.tags


def recorded(job: Job, parent: str | None = None, point: str | None = None) -> list[Run]:
    """The runs of this notebook in this experiment, or only those under a parent or of a point; the latest last."""
    import mlflow

    wanted = {CONTENT_TAG: job.digest, PARENT_TAG: parent, POINT_TAG: point}
    where = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in wanted.items() if value)
    found: list[Run] = mlflow.search_runs(
        [job.experiment_id], where, max_results=10**9, order_by=["start_time"], output_format="list"
    )
    return found


def elsewhere(job: Job, run: Run) -> Run | None:
    """The run of another sweep that makes this one needless: one that is finished, or comes first and goes well.

    Of two that were made at the same moment, each may not see the other when it looks. So each tells its turn.
    """
    import mlflow

    mlflow.set_tracking_uri(job.store_uri)
    client = mlflow.MlflowClient()
    for other in recorded(job, point=run.data.tags[POINT_TAG]):
        if other.info.run_id == run.info.run_id:
            continue
        with telling(f"another sweep, which is at the point {run.info.run_name!r}"):
            while _comes_first(other, run):
                client.set_tag(run.info.run_id, TURN_TAG, "waits")
                job.group.check()
                time.sleep(0.2)
                other = client.get_run(other.info.run_id)  # noqa: PLW2901 (the same, later)
        if other.info.status == "FINISHED":
            return other
    client.set_tag(run.info.run_id, TURN_TAG, "goes")
    return None


def _comes_first(other: Run, run: Run) -> bool:
    """Whether another run of the point is at work before this one: an earlier one, or one that did not see this one."""
    at_work = other.info.status == "RUNNING" and other.info.lifecycle_stage == "active" and is_alive(other)
    earlier = (other.info.start_time, other.info.run_id) < (run.info.start_time, run.info.run_id)
    return at_work and (earlier or other.data.tags.get(TURN_TAG) != "waits")


def end_unfinished(job: Job) -> None:
    """Mark the points as KILLED whose worker is no more."""
    import mlflow

    client = mlflow.MlflowClient()
    for run in running_children(client, str(job.parent)):
        if not is_alive(run):
            end_run(client, run.info.run_id)
