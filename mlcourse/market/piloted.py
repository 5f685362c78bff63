"""The check of lesson 5.4: the pipeline with another window, and stopped by prices that are broken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import shown
from mlcourse.market import recomputed
from mlcourse.projects import project_runs
from mlworkbench.errors import WorkbenchError
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run

WINDOW = 28  # days
STEPS = ("load", "validate", "features", "train", "evaluate", "register")
BROKEN = ("day twice", "price that is not positive")
"""What is wrong with the prices of the lesson."""

LET_IT = "Let the pipeline log what it measures, and add nothing by hand."


def piloted(run: Any, first: Any, failed: Any) -> str:
    """Lesson 5.4: the pipeline with another window and nothing else changed; and stopped by bad prices.

    Recomputed: how often the model of the pipeline and the rule always_up are right on the days held out, and what
    the gate says of it; what is wrong with the prices that the step load has handed on.
    Cross-examined: parameters, steps and outcome of both pipelines, and that a project was run.
    Not checked: until and name, as long as both pipelines have the same, and other parameters of their steps, which
    decide what is measured; other metrics. Of the report of the failed run, all but what was found (report.csv).
    Whether the prices of a second index are broken (other files).
    """
    mine, theirs = (project_runs.project_run(each, name, "main") for each, name in ((run, "run"), (first, "first")))
    params, known = mine.data.params, theirs.data.params
    changed = [f"{name}={params.get(name)}" for name in known if params.get(name) != known[name]]
    if changed != [f"window={WINDOW}"]:
        raise NotYetError(
            f"Other than in first: {', '.join(changed) or 'nothing'}.", f"Change window to {WINDOW}, and nothing else."
        )
    _measured(theirs, "first")
    decision = _measured(mine, "run")
    kept = ", ".join(name for name, step in project_runs.steps(mine, "run").items() if step.outcome == "reused")
    found = _stopped(logged_runs.known_run(failed, "failed"))
    right, always_up = (logged_runs.metric(mine, name) for name in ("accuracy", "heuristic_always_up"))
    return (
        f"Reused: {kept}. Right on {right:.3f} of the held-out days, always_up on {always_up:.3f}: {decision}. "
        f"The broken prices were stopped ({found}), and the champion stays."
    )


def _measured(run: Run, what: str) -> str:
    """The pipeline has all steps, and measured what its model reaches; returns what the gate says of that."""
    steps, params = project_runs.steps(run, what), run.data.params
    if missing := [name for name in STEPS if name not in steps]:
        raise NotYetError(f"The steps are {', '.join(steps)}, without {missing[0]}.", "Run the pipeline as it is.")
    window = recomputed.whole(run, "window", 1, LET_IT)
    logged_runs.parameter(steps["features"].run, "window", window)
    held_out = params.get("holdout", "500")
    if not held_out.isdigit() or (model := params.get("model", "logistic")) not in recomputed.FITTED_AGAIN:
        told = ", ".join(f"{name}={shown(params.get(name, 'missing'))}" for name in ("holdout", "model"))
        raise NotYetError(f"The pipeline ran with {told}.", "Take what the lesson takes.")
    until = params.get("until", "")
    try:
        passed, expected = recomputed.held_out(until, window, model, int(held_out))
    except WorkbenchError as error:
        raise NotYetError(f"The pipeline ran until {shown(until)}, with {held_out} days held out.", LET_IT) from error
    logged_runs.agree(run, expected, LET_IT)
    wanted = "promoted" if passed else "refused"
    if (decision := run.data.tags.get("decision", "none")) != wanted:
        raise NotYetError(f"The decision is {shown(decision)}; from these numbers the gate says {wanted!r}.", LET_IT)
    return wanted


def _stopped(run: Run) -> str:
    """A run of the pipeline that ended in validate, for another reason than the lesson's; returns which."""
    if (state := run.info.status) != "FAILED" or run.data.tags.get("mlflow.project.entryPoint") != "main":
        raise NotYetError(
            f"failed is the run {shown(run.info.run_name)} with the status {state}.",
            "Give the run of the pipeline that the broken file has stopped: the newest that is FAILED.",
        )
    below = {child.data.tags.get("mlflow.project.entryPoint"): child for child in logged_runs.children(run)}
    if set(below) != {"load", "validate"}:
        raise NotYetError(
            f"Steps of the failed run: {', '.join(sorted(map(str, below))) or 'none'}.",
            "It should load your file and stop in validate. Look at the path, and read what was printed.",
        )
    for each in (run, below["load"]):
        project_runs.made_by_a_project(each, f"The run {shown(each.info.run_name)}")
    if below["validate"].data.tags.get("mlflow.source.type") != "PROJECT":  # a step that fails gets no mark of its own
        raise NotYetError("The step validate was not made by a project.", "Let the pipeline run it.")
    if (state := below["validate"].info.status) != "FAILED":
        raise NotYetError(f"Its step validate has the status {state}.", "Send prices that validate stops.")
    found = _reported(below["load"], below["validate"])
    if not (new := [each for each in found if each not in BROKEN]):
        raise NotYetError(f"Your prices have: {', '.join(found)}.", "Break them in another way than the lesson.")
    name = logged_runs.parameter(run, "name")
    known = logged_runs.client().search_registered_models(f"name = '{name}'") if "'" not in name else []
    if not known or "production" not in known[0].aliases:
        raise NotYetError(f"{shown(name)} has no champion.", "Run it with name=drill_name, whose champion must stay.")
    return ", ".join(new)


def _reported(load: Run, validate: Run) -> list[str]:
    """What the report says is wrong with the prices, and is wrong with those that were loaded."""
    import pandas as pd

    run_files.artifact(validate, "report.csv", "the step validate")
    client = logged_runs.client()
    try:
        report = pd.read_csv(client.download_artifacts(validate.info.run_id, "report.csv"))
        found = [str(each) for each in report["found"]]
    except (ValueError, KeyError) as error:
        raise NotYetError("report.csv of validate is no report.", "Let the pipeline write it.") from error
    if "prices" not in {path.partition("/")[0] for path in run_files.artifact_paths(load)}:
        raise NotYetError("The step load of the failed run has no prices.", "Let the pipeline load your file.")
    wrong = recomputed.problems(Path(client.download_artifacts(load.info.run_id, "prices")))
    if set(found) != wrong:
        raise NotYetError(
            f"The report says: {', '.join(found)}; the prices that were loaded have: "
            f"{', '.join(sorted(wrong)) or 'nothing'}.",
            "Let the pipeline write the report.",
        )
    return found
