"""Rerun a notebook with other parameters: papermill executes it, one MLflow run records what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlworkbench.notebooks.job import prepare
from mlworkbench.notebooks.parameters import check_values
from mlworkbench.notebooks.point import complete, create_run
from mlworkbench.notebooks.stopping import interruptible, wait_for
from mlworkbench.store_watch import watched

if TYPE_CHECKING:
    from mlflow.entities import Run


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

    It keeps the executed notebook, also as HTML. Runs of the notebook become its children; a metric that one of them
    logged, and no other, is copied to it. See https://papermill.readthedocs.io/en/latest/usage-execute.html

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
        Values of the types that the defaults have. One called like an argument above goes through `sweep`.

    Returns
    -------
    mlflow.entities.Run
        FINISHED, or FAILED with the error and the failing cell in its description, and the executed part kept.

    Raises
    ------
    NotebookError, StoreError
        Before anything runs: not a notebook, unknown parameter, value of another type, kernel not installed, no store.
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
        run_id = wait_for(lambda: complete(job, given, create_run(job, given)), job.stop)
    return mlflow.get_run(run_id)
