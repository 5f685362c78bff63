"""What checks look at in the runs of projects: where they came from, commits, steps, each gap with a message."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcourse import logged_runs
from mlcourse.answers import shown
from mlworkbench.errors import WorkbenchError
from mlworkbench.projects.fingerprint import fingerprint
from mlworkbench.projects.steps import STEP_TAG
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run

_STEP = "step."


class Step(NamedTuple):
    """A step of a workflow: whether it ``ran`` or was ``reused``, and its run."""

    outcome: str
    run: Run


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
    made_by_a_project(run, what)
    if entry_point is not None and found != entry_point:
        raise NotYetError(f"{what} is a run of the entry point {found!r}.", f"Run {entry_point!r}.")
    return run


def made_by_a_project(run: Run, what: str) -> None:
    """MLflow tells of a project's run more than its entry point, and starts it itself."""
    tags = run.data.tags
    if tags.get("mlflow.source.type") != "PROJECT" or not {"mlflow.project.backend", STEP_TAG} & set(tags):
        raise NotYetError(
            f"{what} has the tag of an entry point, but no project was run: its source is of the type "
            f"{shown(tags.get('mlflow.source.type'))}.",
            "Let `wb.run_project` or `mlflow.projects.run` make the run.",
        )


def sources_of(run: Run) -> set[str]:
    """Where the project of a run came from: the folder, and the repository of which it is a clone."""
    named = (run.data.tags.get(f"mlflow.source.{name}") for name in ("name", "git.repoURL"))
    # MLflow takes file:///a for a path and writes down <working directory>/file:/a
    return {re.sub(r".*file:/+", "/", source).partition("#")[0].rstrip("/") for source in named if source}


def as_it_is(run: Run) -> bool:
    """Whether the step of a run would be reused now: its project and its inputs have not changed since."""
    entry_point = str(run.data.tags.get("mlflow.project.entryPoint"))
    for folder in sources_of(run):
        try:
            if fingerprint(folder, entry_point, run.data.params) == run.data.tags.get(STEP_TAG):
                return True
        except WorkbenchError:  # it lies there no longer, or has other parameters by now
            continue
    return False


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
    for what, commit in zip(("old", "new"), commits, strict=True):
        if not any(_may_hold(folder, commit) for folder in sources):
            raise NotYetError(
                f"{what} names the commit {shown(commit)}, which the repository does not have.", "Run it."
            )
    if any(_comes_after(*commits, folder) for folder in sources):
        raise NotYetError("old executed the later commit.", "Swap old and new.")
    return commits


def _may_hold(folder: str, commit: str) -> bool:
    """Whether the repository has this commit; nobody knows of one that is not here, or no longer."""
    if not Path(folder).is_dir():
        return True
    if not re.fullmatch("[0-9a-f]{40}", commit):
        return False
    command = ["git", "-C", folder, "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


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


def one_change(first: Run, second: Run, wanted: str) -> str:
    """The steps of two workflows differ in one parameter, beside the runs that are handed on; returns its new value."""
    before, now = steps(first, "first"), steps(second, "second")
    changed = {
        name: now[step].run.data.params.get(name)
        for step in before
        for name, value in before[step].run.data.params.items()
        if (other := now[step].run.data.params.get(name)) != value and not (_handed_on(value) and _handed_on(other))
    }
    if set(changed) != {wanted}:
        told = ", ".join(f"{name}={value}" for name, value in changed.items()) or "nothing"
        raise NotYetError(f"Other than in first: {told}.", f"Change {wanted}, and nothing else.")
    return str(changed[wanted])


def _handed_on(value: Any) -> bool:
    return bool(re.search(r"[0-9a-f]{32}", str(value)))


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


def handed_on(steps: dict[str, Step], what: str, *inputs: tuple[str, str, str]) -> None:
    """Each of these steps got, as this parameter, the result of that step."""
    for later, name, earlier in inputs:
        if steps[earlier].run.info.run_id not in logged_runs.parameter(steps[later].run, name):
            raise NotYetError(
                f"In {what}, {later} did not get the result of {earlier}.",
                f"Give it {name}=f'runs:/{{run_id}}/…' with the id of that run.",
            )


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
