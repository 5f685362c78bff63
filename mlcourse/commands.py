"""The course's verbs of the command ``mlworkbench`` (entry-point group ``mlworkbench.commands``)."""

from __future__ import annotations

import sys

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
    click.echo(table.to_string(index=False))
    if (table.outcome == "interrupted").any():
        sys.exit(130)
    sys.exit(0 if (table.outcome == "passed").all() else 1)


@click.command()
def lessons() -> None:
    """List the lessons."""
    from mlcourse.lessons import lessons as every

    for lesson in every():
        click.echo(f"{lesson.id:<5}{lesson.title}")


@click.command()
def progress() -> None:
    """Show the tasks of all assignments with their last outcome."""
    from mlcourse.tasks import TASKS
    from mlworkbench.tasks import outcomes

    last = outcomes()
    assigned = [task for task in TASKS if not task[0].isdigit()]
    for task in assigned:
        click.echo(f"{task:<14}{last.get(task, 'Not attempted')}")
    click.echo(f"{sum(last.get(task) == 'Passed' for task in assigned)} of {len(assigned)} tasks passed")


@click.command()
@click.argument("exercise")
def reset(exercise: str) -> None:
    """Put a pristine copy of an EXERCISE in place and keep your work under a dated name."""
    from mlcourse.exercises import reset as put_back

    place, kept = put_back(exercise)
    if kept:
        click.echo(f"Your work is kept as {kept.name}.")
    click.echo(f"{place.name} is as new.")
