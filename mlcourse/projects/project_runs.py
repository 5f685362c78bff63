"""What checks look at in projects and their runs: MLproject files, commits, steps, each gap with a message."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcourse import logged_runs
from mlcourse.answers import shown
from mlworkbench import mlflow_internals
from mlworkbench.errors import ProjectError
from mlworkbench.projects.mlproject_file import read_project
from mlworkbench.projects.steps import STEP_TAG
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.projects._project_spec import EntryPoint

NUMBER = ("float", "int")
TEXT = ("string",)
FILE = ("path",)
_STEP = "step."
_NOT_A_MAPPING = (
    "Look for a line with nothing behind or below its colon, and for a parameter that is a bare value: "
    "it is a type, or {type: …, default: …}."
)


class Step(NamedTuple):
    """A step of a workflow: whether it ``ran`` or was ``reused``, and its run."""

    outcome: str
    run: Run


def folder_of(answer: Any) -> Path:
    """The folder of a project that the learner names."""
    if not isinstance(answer, (str, os.PathLike)):
        raise NotYetError(f"project is of type {type(answer).__name__}.", "Give the folder in which MLproject lies.")
    return Path(answer).resolve()


def entry_points(answer: Any, *names: str) -> list[EntryPoint]:
    """The entry points of these names in a project's MLproject, which must be one that MLflow can read."""
    folder = folder_of(answer)
    try:
        points = mlflow_internals.entry_points(read_project(folder))
    except ProjectError as error:
        there = ", ".join(sorted(path.name for path in folder.glob("*"))[:6])
        told = f" It has: {there}." if there and "no MLproject" in error.found else ""
        do = _NOT_A_MAPPING if "AttributeError" in error.found else error.do
        raise NotYetError(f"{error.found[0].upper()}{error.found[1:]}{told}", do) from error
    for name in names:
        if name not in points:
            raise NotYetError(f"The entry points are: {', '.join(points) or 'none'}.", f"Add one called {name!r}.")
        _uses_its_parameters(points[name])
    return [points[name] for name in names]


def _uses_its_parameters(point: EntryPoint) -> None:
    """The command must have every parameter in braces; that it has nothing else there, the reader has seen to."""
    if unused := [name for name in point.parameters if f"{{{name}}}" not in point.command]:
        raise NotYetError(
            f"The command of {point.name} does not use its parameter {unused[0]}.", f"Write {{{unused[0]}}} into it."
        )


def python_environment(answer: Any) -> None:
    """The project must name a file with a Python and its packages."""
    import yaml

    project = read_project(folder_of(answer))
    if project.env_type != "python_env" or project.env_config_path is None:
        raise NotYetError("The project names no Python environment.", "Add the line `python_env: python_env.yaml`.")
    settings = yaml.safe_load(Path(project.env_config_path).read_text()) or {}
    if missing := [name for name in ("python", "dependencies") if not settings.get(name)]:
        raise NotYetError(
            f"{Path(project.env_config_path).name} has no {missing[0]}.", "Write it as the project wine does."
        )


def default_of(point: EntryPoint, name: str, kinds: tuple[str, ...]) -> Any:
    """Default of a parameter, which must have one of these types; None without one."""
    if name not in point.parameters:
        found = f"the parameters {', '.join(point.parameters)}" if point.parameters else "no parameters"
        raise NotYetError(f"The entry point {point.name} has {found}.", f"Give it one called {name!r}.")
    parameter = point.parameters[name]
    if parameter.type not in kinds:
        raise NotYetError(
            f"The parameter {name} of {point.name} has the type {shown(parameter.type)}.", f"Make it a {kinds[0]}."
        )
    return parameter.default


def optional(point: EntryPoint, name: str, kinds: tuple[str, ...], wanted: Any = None) -> None:
    """A parameter with a default, that of the task where it names one."""
    default = default_of(point, name, kinds)
    if default is None:
        raise NotYetError(
            f"The parameter {name} of {point.name} has no default.", f"Write {{type: {kinds[0]}, default: …}}."
        )
    value = default
    if kinds is NUMBER:
        try:
            value = float(default)
        except (TypeError, ValueError) as error:
            raise NotYetError(f"The default of {name} is {shown(default)}.", "Make it a number.") from error
    if wanted is not None and value != wanted:
        raise NotYetError(f"The default of {name} is {shown(default)}.", f"Make it {wanted}.")


def required(point: EntryPoint, name: str, kinds: tuple[str, ...]) -> None:
    """A parameter without a default."""
    if (default := default_of(point, name, kinds)) is not None:
        raise NotYetError(
            f"The parameter {name} of {point.name} has the default {shown(default)}.",
            f"Take it away, so that a value must be given: `{name}: {kinds[0]}` suffices.",
        )


def starts(point: EntryPoint, *words: str) -> None:
    """The command must be these words, with every parameter in its place."""
    found = point.command.split()
    if found != list(words):
        raise NotYetError(
            f"The command of {point.name} is {shown(point.command)}.",
            f"Begin with {' '.join(words[:2])}, and put the parameters behind it, in the order of the task.",
        )


def finished(answer: Any, what: str) -> Run:
    """A finished run, given as `logged_runs.finished_run` takes it, or as `mlflow.projects.run` returns it."""
    from mlflow.projects import SubmittedRun

    run_id = answer.run_id if isinstance(answer, SubmittedRun) else answer
    return logged_runs.finished_run(run_id, what, "Read what was printed, correct it, and run it again.")


def project_run(answer: Any, what: str, entry_point: str | None = None) -> Run:
    """A finished run of a project."""
    run = finished(answer, what)
    found = run.data.tags.get("mlflow.project.entryPoint")
    if found is None:
        raise NotYetError(f"{what} is not the run of a project.", "Give the run that `wb.run_project` returns.")
    if entry_point is not None and found != entry_point:
        raise NotYetError(f"{what} is a run of the entry point {found!r}.", f"Run {entry_point!r}.")
    return run


def sources_of(run: Run) -> set[str]:
    """Where the project of a run came from: the folder, and the repository of which it is a clone."""
    named = (run.data.tags.get(f"mlflow.source.{name}") for name in ("name", "git.repoURL"))
    # MLflow takes file:///a for a path and writes down <working directory>/file:/a
    return {re.sub(r".*file:/+", "/", source).partition("#")[0].rstrip("/") for source in named if source}


def commit_of(run: Run, what: str) -> str:
    """The commit of the code that a run executed."""
    commit = run.data.tags.get("mlflow.source.git.commit")
    if commit is None:
        raise NotYetError(f"{what} knows no commit.", "Run a project that lies in a Git repository.")
    return str(commit)


def two_commits(old: Run, new: Run) -> tuple[str, str]:
    """The commits of two runs of one repository, which must differ."""
    sources = sources_of(old) & sources_of(new)
    if not sources:
        raise NotYetError("The two runs are of different projects.", "Run the same one twice.")
    commits = commit_of(old, "old"), commit_of(new, "new")
    if commits[0] == commits[1]:
        raise NotYetError(
            f"Both runs executed the commit {commits[0][:7]}.",
            "Run one with `version=`. (Plain MLflow changes your folder then; `git switch -` changes it back.)",
        )
    if any(_comes_after(*commits, folder) for folder in sources):
        raise NotYetError("old executed the later commit.", "Swap old and new.")
    return commits


def _comes_after(first: str, second: str, folder: str) -> bool:
    if not all(re.fullmatch("[0-9a-f]{40}", commit) for commit in (first, second)):
        return False  # a tag that was set by hand: no option of Git may come from there
    command = ["git", "-C", folder, "merge-base", "--is-ancestor", second, first]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def same_parameters(old: Run, new: Run) -> None:
    """Two runs that differ in their code alone can be compared."""
    for name, value in old.data.params.items():
        if (other := new.data.params.get(name)) != value:
            raise NotYetError(f"{name} is {shown(value)} in old and {shown(other)} in new.", "Use one value in both.")


def steps(run: Run, what: str) -> dict[str, Step]:
    """The steps that a workflow's run names in its tags, in the order in which they were made."""
    tags = {key.removeprefix(_STEP): text for key, text in run.data.tags.items() if key.startswith(_STEP)}
    if not tags:
        raise NotYetError(
            f"{what} names no steps.", "Call `wb.run_step` inside of `with mlflow.start_run()`, and give that run."
        )
    found = {name: _step(name, text, run) for name, text in tags.items()}
    return dict(sorted(found.items(), key=lambda item: (item[1].run.info.start_time, item[0])))


def _step(name: str, text: str, workflow: Run) -> Step:
    outcome, _, run_id = text.partition(" ")
    run = project_run(run_id, f"The step {name}", name)
    mine = run.data.tags.get("mlflow.parentRunId") == workflow.info.run_id
    if STEP_TAG not in run.data.tags or (outcome == "ran" and not mine):
        raise NotYetError(f"The step {name} was not made by `wb.run_step`.", "Let it set the tags of its steps.")
    return Step(outcome, run)


def reused(first: Run, second: Run) -> dict[str, Step]:
    """The steps of the second run of a workflow, of which some were reused and all from one on ran anew."""
    before, now = steps(first, "first"), steps(second, "second")
    if set(before) != set(now):
        raise NotYetError(
            f"first has the steps {', '.join(before)}, second {', '.join(now)}.", "Run the same workflow."
        )
    if first.info.start_time > second.info.start_time:
        raise NotYetError("first began after second.", "Swap the two.")
    outcomes = [now[name].outcome for name in before]
    if "ran" not in outcomes:
        raise NotYetError("The second time every step was reused.", "Change a parameter of one step.")
    if "reused" not in outcomes:
        raise NotYetError(
            "The second time every step ran.",
            "Change a parameter of a later step, and hand on the run of the step before as its input.",
        )
    begin = outcomes.index("ran")
    for name, outcome in list(zip(before, outcomes, strict=True))[begin:]:
        if outcome == "reused":
            raise NotYetError(
                f"{name} was reused, although {list(before)[begin]} before it ran anew.",
                "Its input must be the run of the step before: `runs:/…` with that run's id.",
            )
    return now
