"""The check of task 9 of part 4: a step that was reused, although what it reads had changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import run_id_of, same, sequence, shown
from mlcourse.projects import drill, mlproject, project_runs
from mlcourse.projects.notebook_jobs import EXPERIMENT
from mlworkbench.projects.steps import STEP_TAG
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run

    from mlcourse.projects.project_runs import Step

NEXT = {"first": 8, "second": 9, "third": 9}
"""The deliveries of the days after that week."""


def mended_cache(project: Any, week: Any, stale: Any, first: Any, second: Any, third: Any) -> str:
    """Task 9: which days of a week were counted from another day's file, and a project to which this cannot happen.

    Recomputed: the takings of each day, from what the till delivered; the fingerprint of the step, from the project and
    the file as they are now.
    Cross-examined: the days that are named, against the takings of the step that each day used; the steps of the three
    runs, which ran and which was used again, and what tells them apart.
    Not checked: how the project was mended. A name of the project.
    """
    wrong = _counted_from_another(logged_runs.run_in(EXPERIMENT, week, "week"))
    _named(wrong, stale)
    steps = {
        what: _counted(logged_runs.run_in(EXPERIMENT, run, what), what)
        for what, run in (("first", first), ("second", second), ("third", third))
    }
    keys = [step.run.data.tags[STEP_TAG] for step in steps.values()]
    if keys[0] == keys[1]:
        raise NotYetError(
            "In first and second the step has the same fingerprint, although the file was another one.",
            "Let the MLproject say of which kind the parameter is: of a path the content counts. reuse=False mends "
            "one call, not the project.",
        )
    if steps["third"].outcome != "reused" or steps["third"].run.info.run_id != steps["second"].run.info.run_id:
        raise NotYetError("third did not use the step of second.", "Run it once more with the same file.")
    _as_it_is(project, steps["second"].run)
    return f"{', '.join(wrong.values())} had the takings of another day. Now a new file is counted, and only a new one."


def _counted_from_another(week: Run) -> dict[str, str]:
    """Ids and names of the days of a week on which the step was reused, and the file had changed."""
    logged_runs.named(week, drill.WEEK)
    days = {run.info.run_name: run for run in logged_runs.children(week)}
    if list(drill.DAYS) != [name for name in drill.DAYS if name in days]:
        raise NotYetError(f"Below the week are {len(days)} days.", "Run the cell of the week again.")
    found = {}
    for number, name in enumerate(drill.DAYS, start=1):
        delivered = run_files.text(days[name], drill.FILE)
        if delivered not in (drill.delivery(1), drill.delivery(number)):
            raise NotYetError(f"{drill.FILE} of {name} is not what the till delivered.", "Run the cell again.")
        counted = project_runs.steps(days[name], name)[drill.STEP].run
        if not same(logged_runs.metric(counted, drill.TAKINGS), drill.takings(delivered)):
            found[days[name].info.run_id] = name
    if not found:
        raise NotYetError("On each day of that week the step counted the file of the day.", "Run the cell again.")
    return found


def _named(wrong: dict[str, str], answer: Any) -> None:
    named = {run_id_of(each, "A day of stale") for each in sequence(answer, "stale")}
    if others := named - set(wrong):
        raise NotYetError(
            f"{len(others)} of the {len(named)} runs in stale had the right takings, or are no day of that week.",
            f"Add up the amounts in the {drill.FILE} of a day. A step that was reused may be right.",
        )
    if missing := set(wrong) - named:
        raise NotYetError(
            f"stale names {len(named)} of {len(named | missing)} days.",
            f"Compare the metric of the step that a day used with the sum of its own {drill.FILE}.",
        )


def _counted(run: Run, what: str) -> Step:
    """The step of a run, which has the takings of its day."""
    steps = project_runs.steps(run, what)
    if drill.STEP not in steps:
        raise NotYetError(f"{what} has the steps {', '.join(steps)}.", f"Call wb.run_step(…, {drill.STEP!r}, …) in it.")
    expected = drill.takings(drill.delivery(NEXT[what]))
    do = f"Write drill.delivery({NEXT[what]}) into the file before you call the step."
    logged_runs.agree(steps[drill.STEP].run, {drill.TAKINGS: expected}, do)
    return steps[drill.STEP]


def _as_it_is(project: Any, run: Run) -> None:
    """The project and the file give the fingerprint that the step has."""
    mlproject.entry_points(project, drill.STEP)
    folder = mlproject.folder_of(project)
    if str(folder) not in project_runs.sources_of(run):
        raise NotYetError("The step is of another project.", "Mend the project of this task.")
    if not project_runs.as_it_is(run):
        raise NotYetError(
            f"The project or the file has changed since second ran it with {shown(run.data.params)}.",
            "Run first, second and third again, and leave both as they are then.",
        )
