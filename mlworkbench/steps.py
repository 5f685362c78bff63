"""Steps of a workflow: an entry point of a project is run, unless a finished run has done the very same."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shlex
import sys
from collections.abc import Iterator, Mapping
from modulefinder import ModuleFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import ProjectError
from mlworkbench.mlproject import check_parameters, entry_point_of
from mlworkbench.projects import adopted, command_line, failed, run_project

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.projects._project_spec import EntryPoint

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
    from mlflow.projects.utils import _create_run

    parent, folder = mlflow.active_run(), Path(project).resolve()
    if parent is None:
        raise ProjectError("no active run.", "one that the step belongs to.", "Call it in `with mlflow.start_run():`.")
    print(command_line(project, entry_point, "local", None, None, parameters), flush=True)  # noqa: T201
    experiment, text = parent.info.experiment_id, {name: str(value) for name, value in parameters.items()}
    run_id = _create_run(str(folder), experiment, str(folder), None, entry_point, text).info.run_id
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


def fingerprint(project: str | os.PathLike[str], entry_point: str, parameters: Mapping[str, Any]) -> str:
    """What the result of a step depends on, as one hash: entry point, parameters, code, inputs.

    The code of a step is its command and every file of the project, apart from documentation and from Python files
    that its script does not import. A parameter of type ``path`` that names a file here counts by its content.

    Raises
    ------
    ProjectError
        For an unknown entry point or parameter, or a missing or wrong value.
    """
    folder = Path(project).resolve()
    point = entry_point_of(folder, entry_point)
    check_parameters(point, parameters)
    values = {name: _value(p.type, parameters.get(name, p.default)) for name, p in point.parameters.items()}
    facts = {
        "entry_point": entry_point,
        "command": point.command,
        "parameters": values,
        "code": {path.relative_to(folder).as_posix(): _digest(path) for path in _code(folder, point)},
        "inputs": {
            name: _digest(Path(str(values[name])))
            for name, p in point.parameters.items()
            if p.type == "path" and Path(str(values[name])).is_file()
        },
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _value(kind: str, value: Any) -> Any:
    """The value as the step receives it; 1 and 1.0 are the same for a float."""
    return {"float": float, "int": int}.get(kind, str)(value)


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


def _code(folder: Path, point: EntryPoint) -> Iterator[Path]:
    """The files that decide what a step does, in order."""
    scripts = [folder / word for word in point.command.split() if word.endswith(".py") and (folder / word).is_file()]
    imported = _imported(folder, scripts)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or name.suffix in (".md", ".ipynb", ".pyc") or name.as_posix() == "MLproject":
            continue
        if any(part.startswith((".", "mlflow.db")) or part in ("mlruns", "mlartifacts") for part in name.parts):
            continue
        if path.suffix != ".py" or not scripts or path in imported:
            yield path


def _imported(folder: Path, scripts: list[Path]) -> set[Path]:
    """The scripts and the modules of the project that they import, directly or not."""
    files = set(scripts)
    for script in scripts:
        finder = ModuleFinder([str(script.parent), str(folder)])
        finder.run_script(str(script))
        named = (getattr(module, "__file__", None) for module in finder.modules.values())
        files |= {Path(name).resolve() for name in named if name}
    return files


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
