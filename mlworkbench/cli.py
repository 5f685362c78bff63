"""The command line: ``mlworkbench rerun | lab | doctor | add``, and the verbs of the course that is installed."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from mlworkbench.errors import WorkbenchError, no_place


class _Group(click.Group):
    """Tells a mistake in three sentences and exit status 2 instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever reads has enough, as `head` does; click ends this in silence
            raise
        except (WorkbenchError, OSError) as error:
            click.echo(str(error if isinstance(error, WorkbenchError) else no_place(error)), err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)


@click.group(cls=_Group)
@click.version_option(package_name="mlworkbench")
def main() -> None:
    """The MLflow workbook: execute its lessons, open it in JupyterLab."""


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="A value for a parameter.")
@click.option("--grid", multiple=True, metavar="NAME=V1,V2", help="Several values; every combination is a point.")
@click.option("--jobs", "-j", "n_jobs", type=int, help="How many points at once (default: one a core).")
@click.option("--backend", help="Who does the work: threading (default), loky or ray.")
@click.option("--ray-address", help="Address of a Ray cluster (default: RAY_ADDRESS, or one on this machine).")
@click.option("--timeout", type=float, help="The most seconds that a cell may take.")
@click.option("-k", "--kernel", help="Name of an installed kernel (default: the one that the notebook names).")
@click.option("--experiment", help="Where the runs go (default: one with the name of the notebook).")
@click.option("--resume/--no-resume", default=None, help="Keep or repeat points that an earlier sweep has finished.")
@click.option("--dry-run", is_flag=True, help="Check everything and list the points, but run nothing.")
def rerun(
    notebook: Path,
    given: tuple[tuple[str, str], ...],
    grid: tuple[str, ...],
    experiment: str | None,
    timeout: float | None,
    kernel: str | None,
    dry_run: bool,
    **of_a_sweep: Any,
) -> None:
    """Execute a NOTEBOOK with other parameters, once or over a grid; each time is one MLflow run."""
    from mlworkbench.notebooks.grid import expand, grid_from_text
    from mlworkbench.notebooks.parameters import check_values, parameters
    from mlworkbench.notebooks.rerun import run_once
    from mlworkbench.notebooks.sweep import sweep
    from mlworkbench.notebooks.workers import check_workers
    from mlworkbench.orphans import outcome_of

    options = {name: value for name, value in of_a_sweep.items() if value is not None}
    check_workers(options.get("n_jobs", -1), options.get("backend", "threading"), options.get("ray_address"))
    if options and not grid:
        found = ", ".join(f"{name}={value}" for name, value in options.items())
        raise WorkbenchError(f"{found} without a grid.", "several points.", "Add --grid NAME=V1,V2, or leave it out.")
    known = parameters(notebook)
    spread = grid_from_text(known, given, grid)
    points = [check_values(known, point) for point in (expand(spread) if spread else [{}])]
    if dry_run:
        lines = [", ".join(f"{name}={value!r}" for name, value in point.items()) or "defaults" for point in points]
        click.echo("\n".join([*lines, f"{len(points)} point(s); nothing has been run"]))
        return
    if grid:
        table = sweep(notebook, points, experiment=experiment, timeout=timeout, kernel=kernel, **options)
        click.echo(table.to_string(index=False))
        sys.exit(0 if (table["outcome"] == "passed").all() else 1)
    run = run_once(notebook, points[0], experiment=experiment, timeout=timeout, kernel=kernel)
    took = f"{run.data.metrics['seconds']:.1f} s, " if "seconds" in run.data.metrics else ""  # or no room for it
    click.echo(f"{outcome_of(run)}, {took}run {run.info.run_id}")
    sys.exit(0 if run.info.status == "FINISHED" else 1)


@main.command()
def doctor() -> None:
    """Say what is wrong with this set-up and what to do; exit status 1 when there is a problem."""
    from mlworkbench.doctor_checks.report import doctor as examine

    report = examine()
    click.echo(report)
    sys.exit(0 if report.ok else 1)


@main.command()
@click.argument("groups", nargs=-1, required=True, metavar="GROUP...")
def add(groups: tuple[str, ...]) -> None:
    """Install a GROUP of packages (deep, scale, market, live, course) at the versions of the lock."""
    from mlworkbench.groups import add_groups

    sys.exit(add_groups(groups))


@main.command()
@click.option("--port", type=int, help="Port to use (default: 8888 or the next that is free).")
@click.option("--ip", default="127.0.0.1", help="Address to listen on (default: this machine only).")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(port: int | None, ip: str, no_browser: bool, jupyter_options: tuple[str, ...]) -> None:
    """Open JupyterLab in the notebooks folder, with a token.

    What stands behind `--` goes to JupyterLab as it is, for example `-- --allow-root`.
    """
    from mlworkbench.lab.launch import launch

    launch(port=port, ip=ip, browser=not no_browser, options=jupyter_options)


for _verb in entry_points(group="mlworkbench.commands"):
    main.add_command(_verb.load())
