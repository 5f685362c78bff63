"""Run an entry point of an MLflow project as one run, here or from a Git repository."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError, is_among, told, unknown_name, without_password
from mlworkbench.experiments import check_experiment_name
from mlworkbench.mlflow_internals import active_experiment_id, create_project_run, run_project_as
from mlworkbench.orphans import PROCESS_TAG, this_process
from mlworkbench.projects.git import Fetched, fetched, is_remote
from mlworkbench.projects.guard import guarded
from mlworkbench.projects.mlproject_file import entry_point_of
from mlworkbench.projects.parameter_values import gathered
from mlworkbench.store_watch import using_store
from mlworkbench.temporary import temporary_folder
from mlworkbench.workbook import PARENT_VARIABLE

if TYPE_CHECKING:
    from mlflow.entities import Run

ENV_MANAGERS = ("local", "uv", "virtualenv", "conda")


def run_project(
    path: str | os.PathLike[str],
    *,
    entry_point: str = "main",
    env_manager: str | None = None,
    experiment: str | None = None,
    version: str | None = None,
    build_image: bool = False,
    parameters: Mapping[str, Any] | None = None,
    **named: Any,
) -> Run:
    """Run an entry point of a project as one MLflow run, and print the ``mlflow run`` line that does the same.

    Parameters
    ----------
    path, version, entry_point, experiment
        The project, as in `describe_project`; its entry point, "main" or the path of a script in it; the experiment.
    env_manager : {"local", "uv", "virtualenv", "conda"}, default that of a surrounding project run, else "local"
    build_image, parameters, **named
        Whether to put the project on top of its Docker image; the entry point's values, as a dict, by name, or both.

    Returns
    -------
    mlflow.entities.Run
        The finished run, a child of a surrounding one. Its tag ``mlflow.source.git.dirty`` tells of changed files.

    Raises
    ------
    ProjectError
        For what is unknown, missing or does not answer (nothing has run then); or when the entry point fails.
    """
    options = {"version": version, "experiment": experiment, "env_manager": env_manager, "entry_point": entry_point}
    image: dict[str, Any] = {"build_image": True} if build_image else {}
    with using_store(), fetched(path, version) as project, temporary_folder() as downloads:
        values = gathered(entry_point_of(project.folder, entry_point), parameters, named, options | image)
        manager, experiment_id = _env_manager(env_manager), _experiment_id(experiment)
        print(command_line(project, entry_point, manager, experiment, values, image), flush=True)  # noqa: T201
        more = {"env_manager": manager, "storage_dir": str(downloads)}
        return _run(project, experiment_id, entry_point, values, image | more)


def _run(
    project: Fetched, experiment_id: str, entry_point: str, values: dict[str, str], options: Mapping[str, Any]
) -> Run:
    run = begun(project, experiment_id, entry_point, values)
    with guarded(run.info.run_id), _explained(run.info.run_id, entry_point):
        _put_this_python_first()
        run_project_as(run, project.folder, entry_point, values, **options)
    return without_secrets(run.info.run_id)


@contextlib.contextmanager
def _explained(run_id: str, entry_point: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of MLflow, or of Docker's client
        if f"(ID '{run_id}') failed" in str(error):
            raise failed(entry_point, run_id) from error
        raise ProjectError(
            f"MLflow could not start {entry_point!r} ({told(error)}).",
            "files and models that its parameters name, and an environment: virtualenv needs pyenv, conda conda, "
            "Docker an engine.",
            'Correct what the message in brackets names; for an environment, env_manager="local" takes this one.',
        ) from error


def _experiment_id(name: str | None) -> str:
    import mlflow

    if name is None:
        return active_experiment_id()
    check_experiment_name(name, ProjectError)
    found = mlflow.get_experiment_by_name(name)
    if found and found.lifecycle_stage == "deleted":
        raise ProjectError(
            f"the experiment {name!r} was deleted.", "one that is there.", "Restore it, or take another."
        )
    return str(found.experiment_id if found else mlflow.create_experiment(name))


def _env_manager(chosen: str | None) -> str:
    """What was chosen, else that of the nearest project run around this one, else this Python."""
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_PROJECT_ENV

    if chosen is not None:
        if not is_among(chosen, ENV_MANAGERS):
            raise unknown_name("environment manager", chosen, ENV_MANAGERS, ProjectError)
        return chosen
    run_id, seen = _surrounding_run(), set[str]()
    with contextlib.suppress(MlflowException):  # a parent that was deleted, or never was
        while run_id and run_id not in seen:
            seen.add(run_id)
            tags = mlflow.get_run(run_id).data.tags
            if tags.get(MLFLOW_PROJECT_ENV) in ENV_MANAGERS:
                return str(tags[MLFLOW_PROJECT_ENV])
            run_id = tags.get(MLFLOW_PARENT_RUN_ID)
    return "local"


def _surrounding_run() -> str | None:
    """Id of the run that this code belongs to: the active one, the project's, or that of the rerun notebook."""
    import mlflow

    if run := mlflow.active_run():
        return str(run.info.run_id)
    return os.environ.get("MLFLOW_RUN_ID") or os.environ.get(PARENT_VARIABLE)


def _put_this_python_first() -> None:
    """Do what activating this environment does: MLflow's shell takes the first ``python`` on PATH."""
    folder, path = str(Path(sys.executable).parent), os.environ.get("PATH", "")
    if path.split(os.pathsep)[0] != folder:
        os.environ["PATH"] = os.pathsep.join([folder, path])


def command_line(
    project: Fetched,
    entry_point: str,
    manager: str,
    experiment: str | None,
    values: Mapping[str, str],
    build_image: object = None,
) -> str:
    """The line that does the same in a terminal, without the credentials of the project's address."""
    words = ["mlflow", "run", _as_typed(project.address), "-e", entry_point, "--env-manager", manager]
    words += ["--version", project.version] if project.version else []
    words += ["--experiment-name", experiment] if experiment else []
    words += ["--build-image"] if build_image else []
    for name, value in values.items():
        words += ["-P", f"{name}={value}"]
    return shlex.join(words)


def _as_typed(address: str) -> str:
    """A folder as one would type it from here, where that is shorter; a URI as it is."""
    return min(os.path.relpath(address), address, key=len) if Path(address).is_dir() else address


def begun(project: Fetched, experiment_id: str, entry_point: str, values: Mapping[str, str]) -> Run:
    """Make the run of an entry point, with the tags that MLflow leaves out: where it came from, and its parent."""
    from mlflow import MlflowClient
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_DIRTY, MLFLOW_PARENT_RUN_ID, MLFLOW_SOURCE_NAME

    run_id = str(create_project_run(project.folder, experiment_id, entry_point, dict(values)).info.run_id)
    tags = {PROCESS_TAG: this_process(), MLFLOW_PARENT_RUN_ID: _surrounding_run()}
    if is_remote(project.address.partition("#")[0]):
        tags[MLFLOW_SOURCE_NAME] = project.address
    if _has_uncommitted_changes(project.folder):
        tags[MLFLOW_GIT_DIRTY] = "true"
    for name, value in tags.items():
        if value:
            MlflowClient().set_tag(run_id, name, value)
    return without_secrets(run_id)


def without_secrets(run_id: str) -> Run:
    """The run as it is now, without the credentials that MLflow writes down where a remote of the folder has some."""
    from mlflow import MlflowClient

    client = MlflowClient()
    told = {name: value for name, value in client.get_run(run_id).data.tags.items() if "@" in value or "?" in value}
    for name, value in told.items():
        if name.startswith("mlflow.") and (bare := without_password(value)) != value:
            client.set_tag(run_id, name, bare)
    return client.get_run(run_id)


def _has_uncommitted_changes(folder: Path) -> bool:
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "status", "--porcelain", "--", ".", ":!*.pyc"]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True).stdout)
    except (OSError, subprocess.SubprocessError):  # no Git, or no repository
        return False


def failed(entry_point: str, run_id: str) -> ProjectError:
    """Build the error for an entry point that ended with an error; why is in what it has printed."""
    return ProjectError(
        f"the entry point {entry_point!r} ended with an error (run {run_id}).",
        "a command that ends with status 0.",
        "Read what it printed above; the line `mlflow run …` repeats it.",
    )
