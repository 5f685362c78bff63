"""Steps of a workflow: an entry point of a project is run, unless a finished run has done the very same."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError
from mlworkbench.mlflow_internals import create_project_run
from mlworkbench.projects.fingerprint import fingerprint
from mlworkbench.projects.mlproject_file import entry_point_of
from mlworkbench.projects.run import adopted, command_line, failed, run_project

if TYPE_CHECKING:
    from mlflow.entities import Run

STEP_TAG = "mlworkbench.step"
"""On a finished step: the fingerprint of all that its result depends on."""


def run_step(
    project: str | os.PathLike[str],
    entry_point: str,
    *,
    env_manager: str | None = None,
    experiment: str | None = None,
    reuse: bool = True,
    in_process: bool = False,
    **parameters: Any,
) -> Run:
    """Run one step of a workflow, or find the finished run that did the same and give that back.

    The same means: same entry point and command, same parameters (defaults included), same code (see
    `fingerprint`), same inputs. A step receives its inputs as parameters, as ``runs:/…`` or ``models:/…`` of the step
    before; so a step that has to run anew makes those after it run anew too.

    Parameters
    ----------
    project : path
        Folder with an ``MLproject``.
    entry_point : str
        Which of its entry points.
    env_manager, experiment
        As `run_project` takes them. Only runs of that experiment are reused.
    reuse : bool, default True
        False runs the step in any case.
    in_process : bool, default False
        True runs the entry point's Python script in this process, below the active run: a workflow of many steps
        imports MLflow once. For scripts of the same project that begin with ``mlflow.start_run(nested=True)``.
    **parameters
        Values for the parameters of the entry point.

    Returns
    -------
    mlflow.entities.Run
        The finished run, new or reused. The active run, if any, receives a tag ``step.<entry point>`` with ``ran`` or
        ``reused`` and the run's id.

    Raises
    ------
    ProjectError
        As `run_project`; and for a step in this process without an active run.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/projects/#building-multistep-workflows

    Examples
    --------
    >>> raw = run_step("wine", "load", rows=100)  # doctest: +SKIP
    >>> model = run_step("wine", "train", data=f"runs:/{raw.info.run_id}/wine.csv")  # doctest: +SKIP
    """
    import mlflow
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

    key = fingerprint(project, entry_point, parameters)
    run = _finished(key, experiment) if reuse else None
    outcome = "reused" if run else "ran"
    if run is None:
        if in_process:
            run = _in_this_process(project, entry_point, parameters)
        else:
            run = run_project(
                project, entry_point=entry_point, env_manager=env_manager, experiment=experiment, **parameters
            )
        run = _marked(run.info.run_id, {STEP_TAG: key, MLFLOW_RUN_NAME: entry_point})
    print(f"{entry_point}: {outcome} {run.info.run_id}", flush=True)  # noqa: T201
    if mlflow.active_run():
        mlflow.set_tag(f"step.{entry_point}", f"{outcome} {run.info.run_id}")
    return run


def _in_this_process(project: str | os.PathLike[str], entry_point: str, parameters: Mapping[str, Any]) -> Run:
    """Run the script of an entry point here, as a run like that of ``mlflow run``, below the active one."""
    import mlflow

    parent, folder = mlflow.active_run(), Path(project).resolve()
    if parent is None:
        raise ProjectError("no active run.", "one that the step belongs to.", "Call it in `with mlflow.start_run():`.")
    print(command_line(project, entry_point, "local", None, None, parameters), flush=True)  # noqa: T201
    experiment, text = parent.info.experiment_id, {name: str(value) for name, value in parameters.items()}
    run_id = create_project_run(folder, experiment, entry_point, text).info.run_id
    before = sys.argv
    _, *sys.argv = shlex.split(entry_point_of(folder, entry_point).compute_command(text, None))
    os.environ["MLFLOW_RUN_ID"] = run_id  # the script's start_run takes it up
    try:
        runpy.run_path(str(folder / sys.argv[0]), run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            print(ended.code, file=sys.stderr, flush=True)  # noqa: T201
            raise failed(entry_point, run_id) from ended
    finally:
        sys.argv = before
        os.environ.pop("MLFLOW_RUN_ID", None)
    return adopted(run_id, project, folder)


def _finished(key: str, experiment: str | None) -> Run | None:
    """The latest finished run with that fingerprint in the experiment; None if there is none."""
    import mlflow

    found: list[Run] = mlflow.search_runs(
        experiment_names=[experiment] if experiment else None,
        filter_string=f"tags.`{STEP_TAG}` = '{key}' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    return found[0] if found else None


def _marked(run_id: str, tags: Mapping[str, str]) -> Run:
    import mlflow

    client = mlflow.MlflowClient()
    for name, value in tags.items():
        client.set_tag(run_id, name, value)
    return client.get_run(run_id)
