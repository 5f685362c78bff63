"""Steps of a workflow: an entry point of a project is run, unless a finished run has done the very same."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError
from mlworkbench.experiments import check_experiment_name
from mlworkbench.projects.fingerprint import fingerprint
from mlworkbench.projects.git import Fetched, fetched, is_remote
from mlworkbench.projects.guard import guarded
from mlworkbench.projects.mlproject_file import entry_point_of
from mlworkbench.projects.parameter_values import gathered
from mlworkbench.projects.run import begun, command_line, failed, run_project, without_secrets
from mlworkbench.store_watch import using_store

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
    parameters: Mapping[str, Any] | None = None,
    **named: Any,
) -> Run:
    """Run one step of a workflow, or find the finished run with the same command, parameters, code and inputs.

    Parameters
    ----------
    project, entry_point, env_manager, experiment, parameters, **named
        As `run_project` takes them, but a folder here. Only runs of the experiment are reused.
    reuse, in_process : bool
        Whether a finished run will do; whether the Python script runs in this process, below the active run, where it
        has to begin with ``mlflow.start_run(nested=True)``.

    Returns
    -------
    mlflow.entities.Run
        The finished run, named in the active run's tag ``step.<entry point>``, a second in ``step.<entry point>.2``.

    Raises
    ------
    ProjectError
        As `run_project`; and for a step in this process without an active run: start one.
    """
    here, options = _here(project, experiment), {"env_manager": env_manager, "experiment": experiment}
    given = {**options, "reuse": None if reuse else False}
    values = gathered(entry_point_of(here.folder, entry_point), parameters, named, given)
    key = fingerprint(here.folder, entry_point, values)
    with using_store():
        if run := _finished(key, experiment) if reuse else None:
            return _told(entry_point, "reused", run)
        done = _in_this_process(here, entry_point, values) if in_process else _alone(here, entry_point, values, options)
        return _told(entry_point, "ran", _marked(done.info.run_id, key, entry_point))


def _alone(project: Fetched, entry_point: str, values: dict[str, str], options: dict[str, str | None]) -> Run:
    return run_project(project.address, entry_point=entry_point, parameters=values, **options)  # type: ignore[arg-type]


def _here(project: str | os.PathLike[str], experiment: str | None) -> Fetched:
    if experiment is not None:
        check_experiment_name(experiment, ProjectError)
    with fetched(project) as here:
        if is_remote(here.address):
            raise ProjectError(f"the address {here.address}.", "a folder here.", "Clone it, and give that folder.")
        return here


def _told(entry_point: str, outcome: str, run: Run) -> Run:
    """Print the step, and name it in a tag of the active run, where a second must not take the place of the first."""
    import mlflow

    print(f"{entry_point}: {outcome} {run.info.run_id}", flush=True)  # noqa: T201
    if active := mlflow.active_run():
        there, name, count = mlflow.get_run(active.info.run_id).data.tags, f"step.{entry_point}", 2
        while name in there:
            name, count = f"step.{entry_point}.{count}", count + 1
        mlflow.set_tag(name, f"{outcome} {run.info.run_id}")
    return run


def _in_this_process(project: Fetched, entry_point: str, values: dict[str, str]) -> Run:
    """Run the script of an entry point here, as a run like that of ``mlflow run``, below the active one."""
    import mlflow

    parent, before = mlflow.active_run(), sys.argv
    if parent is None:
        raise ProjectError("no active run.", "one that the step belongs to.", "Call it in `with mlflow.start_run():`.")
    print(command_line(project, entry_point, "local", None, values), flush=True)  # noqa: T201
    run_id = begun(project, parent.info.experiment_id, entry_point, values).info.run_id
    _, *sys.argv = shlex.split(entry_point_of(project.folder, entry_point).compute_command(values, None))
    os.environ["MLFLOW_RUN_ID"] = run_id  # the script's start_run takes it up
    try:
        with guarded(run_id):
            _run_script(str(project.folder / sys.argv[0]), failed(entry_point, run_id))
    finally:
        sys.argv = before
        os.environ.pop("MLFLOW_RUN_ID", None)
    return without_secrets(run_id)


def _run_script(path: str, failure: ProjectError) -> None:
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            print(ended.code, file=sys.stderr, flush=True)  # noqa: T201
            raise failure from ended


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


def _marked(run_id: str, key: str, name: str) -> Run:
    from mlflow import MlflowClient
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

    MlflowClient().set_tag(run_id, STEP_TAG, key)
    MlflowClient().set_tag(run_id, MLFLOW_RUN_NAME, name)
    return MlflowClient().get_run(run_id)
