"""The course's verbs of the command ``mlworkbench`` (entry-point group ``mlworkbench.commands``)."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("wanted", nargs=-1, metavar="[LESSON]...")
@click.option("--jobs", "-j", type=int, help="How many lessons at once (default: one a core).")
@click.option("--fast", is_flag=True, help="Use each lesson's fast parameters.")
@click.option("--keep-going", is_flag=True, help="Start the remaining lessons although one has failed.")
def run(wanted: tuple[str, ...], jobs: int | None, fast: bool, keep_going: bool) -> None:
    """Execute lessons (1.2), parts (1) or the whole workbook, and log their runs to the store."""
    from mlcourse.run import run_workbook

    table = run_workbook(wanted, jobs=jobs, fast=fast, keep_going=keep_going)
    width = max(map(len, table.outcome), default=0)
    told = table[["lesson", "seconds", "runs", "where", "outcome"]]  # what may be long stands last, and begins in line
    lines = told.to_string(index=False, justify="left", formatters={"outcome": f"{{:<{width}}}".format}).splitlines()
    click.echo("\n".join(line.rstrip() for line in lines))
    if (table.outcome == "interrupted").any():
        sys.exit(130)
    sys.exit(0 if table.outcome.str.match("passed|skipped: ").all() else 1)


@click.command()
def lessons() -> None:
    """List the lessons."""
    from mlcourse.lessons import lessons as every

    for lesson in every():
        click.echo(f"{lesson.id:<5}{lesson.title}")


@click.command()
def progress() -> None:
    """Show the tasks of all lessons and assignments, with their points and what became of them."""
    from mlcourse.exercises import points_of, task_titles
    from mlcourse.tasks import TASKS
    from mlworkbench.errors import WorkbenchError
    from mlworkbench.tasks import outcomes
    from mlworkbench.workbook import require_writable, workbook_home

    last, titles = outcomes(), task_titles()
    for task in TASKS:
        click.echo(f"{task:<14}{last.get(task, 'Not attempted'):<30}{titles.get(task, '')}".rstrip())
    in_lessons = [task for task in TASKS if not task[0].islower()]
    assigned = [task for task in TASKS if task not in in_lessons]
    for what, names in (("lessons", in_lessons), ("assignments", assigned)):
        passed = [task for task in names if last.get(task, "").startswith("Passed")]
        told = f"{len(passed)} of {len(names)} tasks of the {what} passed"
        got, most = (sum(points_of(titles.get(task, "")) for task in some) for some in (passed, names))
        click.echo(f"{told}: {got} of {most} points" if most else told)
    try:
        require_writable(workbook_home())
    except WorkbenchError as error:
        click.echo(f"New outcomes are not kept: {error.found}", err=True)


@click.command()
@click.argument("exercise")
def reset(exercise: str) -> None:
    """Put a pristine copy of an EXERCISE in place and keep your work under a dated name."""
    from mlcourse.exercises import reset as put_back

    place, kept = put_back(exercise)
    if kept:
        click.echo(f"Your work is kept as {kept.name}.")
    click.echo(f"{place.name} is as new.")


@click.group()
def course() -> None:
    """For teachers: give out the workbook, collect what a class hands in, grade and export it."""


@course.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="DIR|ZIP")
def package(target: Path) -> None:
    """Write what learners get: the workbook without solutions, hidden tests and worked solutions."""
    from mlcourse.student_archive import package as write

    click.echo(f"{write(target)} has no solutions in it.")


@course.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def collect(folder: Path) -> None:
    """Copy what lies in a FOLDER as NAME/tracking.ipynb or NAME_tracking.ipynb to where it is graded."""
    from mlcourse.grading.collect import collect as put

    click.echo(put(folder).to_string(index=False))


@course.command()
@click.argument("assignment", required=False)
@click.option("--jobs", "-j", type=int, help="How many submissions at once (default: one a core).")
@click.option("--seconds", type=float, help="The most that a whole submission may take (default: 420).")
@click.option("--container", is_flag=True, help="Run each submission in a container without a network (needs Docker).")
def grade(assignment: str | None, jobs: int | None, seconds: float | None, container: bool) -> None:
    """Grade the submissions of an ASSIGNMENT (01_tracking), or of every one that was handed in, and show a table."""
    from mlcourse.grading.classroom import grade_class, handed_in, remains

    if not container and (told := remains()):
        click.echo(told, err=True)
    for part in [assignment] if assignment else handed_in():
        table = grade_class(part, jobs=jobs, seconds=seconds, container=container)
        click.echo(f"{part}\n{table.to_string(index=False)}\n")


@course.command()
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Folder of the two CSV files.")
def export(to: Path | None) -> None:
    """Write grades.csv, progress.csv, and everybody's feedback as HTML."""
    from mlworkbench.groups import missing_groups

    try:
        from mlcourse.grading.export import export as write
    except ImportError as error:
        raise missing_groups("nbgrader", ["course"]) from error
    for path in write(to):
        click.echo(path)
