"""Sweep a notebook over a grid: every point a rerun under one parent, several at once, finished ones not repeated."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.fork_server import keep_warm
from mlworkbench.notebooks.grid import expand
from mlworkbench.notebooks.job import Job, prepare
from mlworkbench.notebooks.parameters import Point, check_values
from mlworkbench.notebooks.point import POINT_TAG, complete, create_run
from mlworkbench.notebooks.resume import begin, elsewhere, end_unfinished, recorded
from mlworkbench.notebooks.stopping import end_with_parent, interruptible
from mlworkbench.notebooks.workers import Workers, check_workers, was_killed, workers
from mlworkbench.orphans import OUTCOME_TAG, end_run, outcome_of
from mlworkbench.store_watch import answers, watched

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

RESTARTS = 2
"""How often the workers are started again after one of them was killed, before the sweep gives up."""

CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_WORKSPACE")
"""Variables that say as whom to log; workers on other machines get them from the process that sweeps."""


def sweep(  # noqa: PLR0913 (what rerun takes, and what joblib takes)
    notebook: str | os.PathLike[str],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    *,
    experiment: str | None = None,
    n_jobs: int = -1,
    backend: str = "threading",
    ray_address: str | None = None,
    timeout: float | None = None,
    kernel: str | None = None,
    resume: bool = True,
) -> pd.DataFrame:
    """Rerun a notebook at every point of a grid, several at once, as children of one MLflow run.

    Parameters
    ----------
    notebook, experiment, timeout, kernel
        As `rerun`.
    grid : mapping of str to sequence, or sequence of mappings
        Values by parameter, of which every combination is a point; or the points themselves.
    n_jobs, backend, ray_address : int, {"threading", "loky", "ray"} and str, optional
        How many at once, by default one a core; who does the work (docs/reruns.md tells which is for what); the Ray
        cluster's address, by default ``RAY_ADDRESS``, or else a cluster on this machine.
    resume : bool, default True
        Keep points that an earlier sweep of the experiment has finished with the same cells and values.

    Returns
    -------
    pandas.DataFrame
        A row a point: the swept parameters, ``outcome``, ``seconds``, ``reused``, its metrics, ``run_id``.

    Raises
    ------
    WorkbenchError
        As `rerun`, before the first point runs; for an empty grid, an unknown backend, a cluster that does not answer.
    """
    check_workers(n_jobs, backend, ray_address)
    job = prepare(notebook, experiment=experiment, timeout=timeout, kernel=kernel)
    points = expand([check_values(job.known, point) for point in expand(grid)])
    return _run_and_record(job, points, resume, workers(backend, n_jobs, ray_address, job.store_uri))


def _run_and_record(
    job: Job, points: list[Point], resume: bool, started: contextlib.AbstractContextManager[Workers]
) -> pd.DataFrame:
    """Run what is left under one parent, and tell how it all ended."""
    keep_warm()  # for the next sweep of this process, too
    with started as each, watched(job.store_uri), interruptible():
        reused, parent = begin(job, points, resume)
        job = dataclasses.replace(job, parent=parent)
        _run_or_stop(job, points, reused, resume, each)
        table = _table(job, points, reused)
        _finish(parent, table)
    return table


def _run_or_stop(job: Job, points: list[Point], reused: dict[str, Run], resume: bool, each: Workers) -> None:
    """Run what is left; whatever ends this early, ends it cleanly, unless the store has gone."""
    import mlflow

    try:
        _run_all(job, points, reused, resume, each)
    except BaseException:
        job.stop()
        if answers(job.store_uri):
            end_run(mlflow.MlflowClient(), str(job.parent))
        raise


def _run_all(job: Job, points: list[Point], reused: dict[str, Run], resume: bool, each: Workers) -> None:
    """Run what is left; when a worker was killed, start the workers again for what is left then."""
    from tqdm import tqdm

    mine = {name: os.environ[name] for name in CREDENTIALS if name in os.environ}
    old = {run.info.run_id for run in recorded(job, job.parent)}
    for attempt in range(RESTARTS + 1):
        new = [run for run in recorded(job, job.parent) if run.info.run_id not in old]
        ended = {run.data.tags[POINT_TAG] for run in new if run.info.status in ("FINISHED", "FAILED")}
        todo = [point for point in points if job.key(point) not in ended | set(reused)]
        outputs = each(_work, [(job, point, resume, os.getpid(), mine) for point in todo])
        done = len(points) - len(todo)
        bar = tqdm(total=len(points), initial=done, unit="point", disable=not _watched())
        with bar, contextlib.closing(outputs):
            try:
                for key, found in outputs:
                    reused |= {key: found} if found else {}
                    bar.update()
                return
            except Exception as error:
                if not was_killed(error):
                    raise
                end_unfinished(job)
                if attempt == RESTARTS:
                    raise _killed_again(len(todo), error) from error


def _work(job: Job, point: Point, resume: bool, sweep_pid: int, credentials: dict[str, str]) -> tuple[str, Run | None]:
    """Run a point; give back its key, and the run of another sweep that has made this needless meanwhile."""
    import mlflow

    os.environ.update(credentials)  # which the workers of a Ray cluster do not have
    if os.getpid() != sweep_pid:
        end_with_parent()
    job.group.check()
    run = create_run(job, point, turn="asks" if resume else "goes")
    if resume and (other := elsewhere(job, run)):
        mlflow.MlflowClient().delete_run(run.info.run_id)
        return job.key(point), other
    complete(job, point, run)
    return job.key(point), None


def _killed_again(left: int, error: Exception) -> WorkbenchError:
    return WorkbenchError(
        f"workers were killed {RESTARTS + 1} times, {left} points are left ({told(error)}).",
        "workers that live as long as their point.",
        "Look for a lack of memory and use fewer n_jobs; the same call continues with the points that are left.",
    )


def _table(job: Job, points: list[Point], reused: Mapping[str, Run]) -> pd.DataFrame:
    import pandas as pd

    ended = [run for run in recorded(job, job.parent) if run.info.status in ("FINISHED", "FAILED")]
    runs = {run.data.tags[POINT_TAG]: run for run in ended if POINT_TAG in run.data.tags} | dict(reused)
    swept = list(dict.fromkeys(name for point in points for name in point))
    rows = []
    for point in points:
        run, values = runs[job.key(point)], job.completed(point)
        logged = {name: value for name, value in run.data.metrics.items() if name != "seconds"}
        metrics = {name if name not in swept else f"metrics.{name}": value for name, value in logged.items()}
        rows.append(
            {name: values[name] for name in swept}
            | {
                "outcome": outcome_of(run),
                "seconds": run.data.metrics.get("seconds"),
                "reused": job.key(point) in reused,
            }
            | metrics
            | {"run_id": run.info.run_id}
        )
    return pd.DataFrame(rows)


def _finish(parent: str, table: pd.DataFrame) -> None:
    import mlflow

    counts = table["outcome"].str.split().str[0].value_counts()
    client = mlflow.MlflowClient()
    client.set_tag(parent, OUTCOME_TAG, ", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    client.set_terminated(parent, "FINISHED" if (table["outcome"] == "passed").all() else "FAILED")


def _watched() -> bool:
    """Whether somebody sees a progress bar: at a terminal or in JupyterLab, but not in a stored notebook."""
    in_lab = "JPY_SESSION_NAME" in os.environ and "IPYNB_FILE" not in os.environ
    return in_lab or sys.stderr.isatty()
