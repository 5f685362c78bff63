"""Checks of the lessons 5.4 to 5.6: the pipeline, its operation and the sweep. Each returns a sentence, or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench.checks import look, look_projects
from mlworkbench.checks.answers import number
from mlworkbench.checks.feedback import NotYetError, Task

if TYPE_CHECKING:
    import pandas as pd

WINDOW = "28"
_BEFORE = ("load", "validate")
_SWEPT = ("window", "model", "threshold", "return_a_year", "hold_a_year")


def piloted(run: Any) -> str:
    """Lesson 5.4: the pipeline with another window, which reuses the steps before the features."""
    pipeline = look_projects.project_run(run, "run", "main")
    steps = look_projects.steps(pipeline, "run")
    if not {*_BEFORE, "features", "register"} <= set(steps):
        raise NotYetError(f"run has the steps {', '.join(steps)}.", "Run the project of this lesson, `project`.")
    window = steps["features"].run.data.params.get("window")
    if window != WINDOW:
        raise NotYetError(f"The window has {window} days.", f"Run it with window={WINDOW}.")
    if anew := [name for name in _BEFORE if steps[name].outcome == "ran"]:
        raise NotYetError(
            f"{' and '.join(anew)} ran anew, so more than the window was changed.",
            "Give until, holdout and name as for `first`.",
        )
    right, decision = pipeline.data.metrics["accuracy"], pipeline.data.tags["decision"]
    return f"load and validate were reused. Right on {right:.3f} of the held-out days; the version was {decision}."


def watched(run: Any) -> str:
    """Lesson 5.5: another year under the monitor, a step a month, with the alert that its numbers call for."""
    found = look.finished_run(run, "run")
    steps = [point.step for point in look.metric_history(found, "drift_share", 12)]
    years = sorted({step // 100 for step in steps})
    if len(years) > 1 or sorted(set(steps)) != [years[0] * 100 + month for month in range(1, 13)]:
        raise NotYetError(f"The steps go from {steps[0]} to {steps[-1]}.", "Watch the twelve months of one year.")
    if years == [2008]:
        raise NotYetError("These are the months of 2008.", "Watch another year.")
    look.artifact(found, "report.html", "`monitor.log`")
    alert = found.data.tags.get("alert")
    if alert is None:
        raise NotYetError("The run has no tag 'alert'.", "Log with `monitor.log(reference, days, months)`.")
    return f"Twelve months of {years[0]} are in the run. Alert: {alert}."


def swept(table: Any, better: Any) -> str:
    """Lesson 5.6: a sweep over windows and thresholds, and in how many settings the model was worth its keep."""
    rows = _sweep_table(table)
    for name in ("window", "threshold"):
        if (values := rows[name].nunique()) < 2:  # noqa: PLR2004
            raise NotYetError(f"The table has {values} value(s) of {name}.", "Sweep at least 2.")
    settings = rows[["window", "model", "threshold"]].drop_duplicates()
    every = rows["window"].nunique() * rows["model"].nunique() * rows["threshold"].nunique()
    if len(settings) != every:
        raise NotYetError(f"The table has {len(settings)} of {every} combinations.", "Let one call sweep all of them.")
    told, right = number(better, "better"), int((rows["return_a_year"] > rows["hold_a_year"]).sum())
    if told != right:
        raise NotYetError(
            f"You count {told:g} of {len(rows)} settings.", "Count the rows whose return_a_year is above hold_a_year."
        )
    return f"{right} of {len(rows)} settings earned more than holding. How many would luck have given?"


def _sweep_table(table: Any) -> pd.DataFrame:
    missing = [name for name in _SWEPT if name not in getattr(table, "columns", ())]
    if missing:
        raise NotYetError(f"The table has no column {', '.join(missing)}.", "Give what `sweep.sweep` returns.")
    found: pd.DataFrame = table
    return found


TASKS = {
    "5.4": Task(
        piloted,
        (
            "The section 'Change a parameter', with another parameter. Which step takes `window`?",
            "wb.run_project(project, until=until, holdout=held_out, name=model_name, window=28). Give what it returns.",
        ),
    ),
    "5.5": Task(
        watched,
        (
            'The days of a year are days["2018":"2018"]; the rest is as in the sections on watching and alerts.',
            "months = monitor.by_month(reference, days['2018':'2018']); then, inside of `with mlflow.start_run() as "
            "my_run:`, monitor.log(reference, days['2018':'2018'], months).",
        ),
    ),
    "5.6": Task(
        swept,
        (
            "One call of sweep.sweep, with at least two lengths and two thresholds. The table has all that is needed.",
            "my_table = sweep.sweep([5, 10], ['logistic'], [0.5, 0.55]); the number is the sum of "
            "my_table['return_a_year'] > my_table['hold_a_year'].",
        ),
    ),
}
