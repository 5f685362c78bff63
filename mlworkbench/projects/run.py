"""Read and run MLflow projects: folders with an ``MLproject`` file, here or in a Git repository."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError, told, unknown_name
from mlworkbench.projects.git import fetched, is_remote
from mlworkbench.projects.mlproject_file import check_parameters, entry_point_of
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
    **parameters: Any,
) -> Run:
    """Run an entry point of a project as one MLflow run, and print the ``mlflow run`` line that does the same.

    Inside of another project's run, or of a rerun notebook, the new run becomes a child of it.

    Parameters
    ----------
    path, version
        The project, as in `describe_project`. A version of a folder here is checked out beside it: ``mlflow run``
        itself would change what lies in your folder.
    entry_point : str, default "main"
        Which of its entry points.
    env_manager : {"local", "uv", "virtualenv", "conda"}, optional
        What makes the environment. By default that of the surrounding project run, else "local": this Python.
    experiment : str, optional
        Name of the experiment; the active one when left out.
    **parameters
        Values for the parameters of the entry point.

    Returns
    -------
    mlflow.entities.Run
        The finished run. Its tag ``mlflow.source.git.dirty`` tells that the code was not quite that of the commit in
        ``mlflow.source.git.commit``: the folder has changes without a commit.

    Raises
    ------
    ProjectError
        For an unknown entry point or parameter, a missing or wrong value, a repository that does not answer (nothing
        has run then); or when the entry point fails: its own output tells why.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/projects/#running-projects
    """
    import mlflow
    from mlflow.utils.process import ShellCommandException

    with fetched(path, version) as folder, tempfile.TemporaryDirectory(prefix="project-") as downloads:
        check_parameters(entry_point_of(folder, entry_point), parameters)
        manager = _env_manager(env_manager)
        print(command_line(path, entry_point, manager, experiment, version, parameters), flush=True)  # noqa: T201
        _put_this_python_first()
        try:
            submitted = mlflow.projects.run(
                str(folder),
                entry_point,
                parameters=parameters,
                experiment_name=experiment,
                env_manager=manager,
                storage_dir=downloads,  # MLflow's own choice would stay behind
            )
        except (mlflow.MlflowException, ShellCommandException, OSError) as error:
            raise _failure(entry_point, folder, error) from error
        return adopted(submitted.run_id, path, folder)


def _env_manager(chosen: str | None) -> str:
    """What was chosen, else that of the nearest project run around this one, else this Python."""
    import mlflow
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_PROJECT_ENV

    if chosen is not None:
        if chosen not in ENV_MANAGERS:
            raise unknown_name("environment manager", chosen, ENV_MANAGERS, ProjectError)
        return chosen
    run_id = _surrounding_run()
    while run_id:
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
    path: str | os.PathLike[str],
    entry_point: str,
    manager: str,
    experiment: str | None,
    version: str | None,
    parameters: Mapping[str, Any],
) -> str:
    """The line that does the same in a terminal."""
    words = ["mlflow", "run", _as_typed(path), "-e", entry_point, "--env-manager", manager]
    words += ["--version", version] if version else []
    words += ["--experiment-name", experiment] if experiment else []
    for name, value in parameters.items():
        words += ["-P", f"{name}={value}"]
    return shlex.join(words)


def _as_typed(path: str | os.PathLike[str]) -> str:
    """A folder as one would type it from here, where that is shorter; a URI as it is."""
    text = str(path)
    return min(os.path.relpath(text), text, key=len) if Path(text).is_dir() else text


def adopted(run_id: str, path: str | os.PathLike[str], folder: Path) -> Run:
    """The run with the tags that MLflow leaves out: its parent, where no run was active, and where it came from."""
    import mlflow
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_DIRTY, MLFLOW_PARENT_RUN_ID, MLFLOW_SOURCE_NAME

    client, parent = mlflow.MlflowClient(), _surrounding_run()
    if parent:
        client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, parent)
    if is_remote(str(path)):
        client.set_tag(run_id, MLFLOW_SOURCE_NAME, str(path))
    if _has_uncommitted_changes(folder):
        client.set_tag(run_id, MLFLOW_GIT_DIRTY, "true")
    return client.get_run(run_id)


def _has_uncommitted_changes(folder: Path) -> bool:
    command = ["git", "-C", str(folder), "status", "--porcelain", "--", ".", ":!*.pyc"]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True).stdout)
    except (OSError, subprocess.SubprocessError):  # no Git, or no repository
        return False


def _failure(entry_point: str, folder: Path, error: Exception) -> ProjectError:
    """Tell which run failed; why is in what the entry point itself has printed."""
    if found := re.search(r"Run \(ID '(\w+)'\) failed", str(error)):
        adopted(found[1], folder, folder)
        return failed(entry_point, found[1])
    return ProjectError(
        f"MLflow could not start {entry_point!r} ({told(error)}).",
        "an environment that can be made on this machine: virtualenv needs pyenv, conda needs conda.",
        'Correct what the message in brackets names, or use env_manager="local".',
    )


def failed(entry_point: str, run_id: str) -> ProjectError:
    """Build the error for an entry point that ended with an error; why is in what it has printed."""
    return ProjectError(
        f"the entry point {entry_point!r} ended with an error (run {run_id}).",
        "a command that ends with status 0.",
        "Read what it printed above; the line `mlflow run …` repeats it.",
    )
