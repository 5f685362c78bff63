"""The command line: ``mlworkbench run | rerun | lab | doctor | lessons | progress | reset``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from mlworkbench.errors import WorkbenchError


class _Group(click.Group):
    """Tells a mistake in three sentences and exit status 2 instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except WorkbenchError as error:
            click.echo(str(error), err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


@click.group(cls=_Group)
@click.version_option(package_name="mlworkbench")
def main() -> None:
    """The MLflow workbook: execute its lessons, open it in JupyterLab."""


@main.command()
@click.argument("wanted", nargs=-1, metavar="[LESSON]...")
@click.option("--jobs", "-j", type=int, help="How many lessons at once (default: one a core).")
@click.option("--fast", is_flag=True, help="Use each lesson's fast parameters.")
@click.option("--keep-going", is_flag=True, help="Start the remaining lessons although one has failed.")
def run(wanted: tuple[str, ...], jobs: int | None, fast: bool, keep_going: bool) -> None:
    """Execute lessons (1.2), parts (1) or the whole workbook, and log their runs to the store."""
    from mlworkbench.workbook import run_workbook

    table = run_workbook(wanted, jobs=jobs, fast=fast, keep_going=keep_going)
    click.echo(table.to_string(index=False))
    if (table.outcome == "interrupted").any():
        sys.exit(130)
    sys.exit(0 if (table.outcome == "passed").all() else 1)


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="A value for a parameter.")
@click.option("--grid", multiple=True, metavar="NAME=V1,V2", help="Several values; every combination is a point.")
@click.option("--jobs", "-j", type=int, default=-1, help="How many points at once (default: one a core).")
@click.option("--backend", default="threading", help="What joblib hands the points to: threading, loky or ray.")
@click.option("--ray-address", help="Address of a Ray cluster (default: RAY_ADDRESS, or one on this machine).")
@click.option("--timeout", type=float, help="The most seconds that a cell may take.")
@click.option("--experiment", help="Where the runs go (default: one with the name of the notebook).")
@click.option("--resume/--no-resume", default=True, help="Keep or repeat points that an earlier sweep has finished.")
@click.option("--dry-run", is_flag=True, help="Check everything and list the points, but run nothing.")
def rerun(
    notebook: Path,
    given: tuple[tuple[str, str], ...],
    grid: tuple[str, ...],
    jobs: int,
    backend: str,
    ray_address: str | None,
    resume: bool,
    dry_run: bool,
    **where: Any,
) -> None:
    """Execute a NOTEBOOK with other parameters, once or over a grid; each time is one MLflow run."""
    from mlworkbench.notebooks import parameters
    from mlworkbench.reruns import run_once
    from mlworkbench.sweeps import sweep
    from mlworkbench.values import check_values, expand, grid_from_text

    known = parameters(notebook)
    spread = grid_from_text(known, given, grid)
    points = [check_values(known, point) for point in (expand(spread) if spread else [{}])]
    if dry_run:
        lines = [", ".join(f"{name}={value!r}" for name, value in point.items()) or "defaults" for point in points]
        click.echo("\n".join([*lines, f"{len(points)} point(s); nothing has been run"]))
        return
    if grid:
        table = sweep(notebook, points, n_jobs=jobs, backend=backend, ray_address=ray_address, resume=resume, **where)
        click.echo(table.to_string(index=False))
        sys.exit(0 if (table["outcome"] == "passed").all() else 1)
    run = run_once(notebook, points[0], **where)
    click.echo(f"{run.data.tags['outcome']}, {run.data.metrics['seconds']:.1f} s, run {run.info.run_id}")
    sys.exit(0 if run.info.status == "FINISHED" else 1)


@main.command()
def lessons() -> None:
    """List the lessons."""
    from mlworkbench.workbook import lessons as every

    for lesson in every():
        click.echo(f"{lesson.id:<5}{lesson.title}")


@main.command()
def progress() -> None:
    """Show the tasks of all assignments with their last outcome."""
    from mlworkbench.checks import TASKS
    from mlworkbench.checks.progress import outcomes

    last = outcomes()
    assigned = [task for task in TASKS if not task[0].isdigit()]
    for task in assigned:
        click.echo(f"{task:<14}{last.get(task, 'Not attempted')}")
    click.echo(f"{sum(last.get(task) == 'Passed' for task in assigned)} of {len(assigned)} tasks passed")


@main.command()
def doctor() -> None:
    """Say what is wrong with this set-up and what to do; exit status 1 when there is a problem."""
    from mlworkbench.checkup import doctor as examine

    report = examine()
    click.echo(report)
    sys.exit(0 if report.ok else 1)


@main.command()
@click.argument("exercise")
def reset(exercise: str) -> None:
    """Put a pristine copy of an EXERCISE in place and keep your work under a dated name."""
    from mlworkbench.course import reset as put_back

    place, kept = put_back(exercise)
    if kept:
        click.echo(f"Your work is kept as {kept.name}.")
    click.echo(f"{place.name} is as new.")


@main.command()
@click.option("--port", type=int, help="Port to use (default: 8888 or the next that is free).")
@click.option("--ip", default="127.0.0.1", help="Address to listen on (default: this machine only).")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(port: int | None, ip: str, no_browser: bool, jupyter_options: tuple[str, ...]) -> None:
    """Open JupyterLab in the notebooks folder, with a token.

    What stands behind `--` goes to JupyterLab as it is, for example `-- --allow-root`.
    """
    from mlworkbench.kernels import JUPYTER_DATA, keep_warm
    from mlworkbench.ports import require_free
    from mlworkbench.store import open_store, workbook_root

    open_store()
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.ip={ip}"]
    command.append(f"--ServerApp.root_dir={workbook_root() / 'notebooks'}")
    if port is not None:
        require_free(port)
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if no_browser:
        command.append("--no-browser")
    command += jupyter_options
    # Switches off what a learner does not need: nbgrader's panels for instructors, Jupyter's news.
    _put_first("JUPYTER_CONFIG_PATH", Path(__file__).with_name("lab_config"))
    _put_first("JUPYTER_PATH", JUPYTER_DATA)  # the kernel "Python (workbench)"
    keep_warm()
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(sys.executable, command)  # noqa: S606 (becomes JupyterLab, so that a signal ends it and nothing is left)


def _put_first(variable: str, folder: Path) -> None:
    os.environ[variable] = os.pathsep.join(filter(None, [str(folder), os.environ.get(variable, "")]))
