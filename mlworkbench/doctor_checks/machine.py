"""What `doctor` looks at on this machine and in this process. Each check gives (state, what was found, what to do)."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker

from mlworkbench.database import sqlite_path
from mlworkbench.doctor_checks.findings import Found, some
from mlworkbench.errors import WorkbenchError
from mlworkbench.waiting import patience
from mlworkbench.workbook import workbook_home, workbook_root

ENOUGH_DISK = 2.0
"""Free space below which logging models is likely to fail soon, in GB."""


def folder() -> Iterator[Found]:
    """Whether the working directory belongs to the workbook."""
    try:
        yield "ok", str(workbook_root()), ""
    except WorkbenchError as error:
        told = "hint" if os.environ.get("MLWORKBENCH_HOME") else "problem"
        yield told, error.found, error.do  # type: ignore[misc]


def versions() -> Iterator[Found]:
    """What is installed against the lock."""
    lock = workbook_root() / "requirements.lock"
    if not lock.exists():
        yield "hint", f"no {lock.name} in {lock.parent}, so versions were not compared.", ""
        return
    pins = _pins(lock.read_text(encoding="utf-8"))
    core = {re.split(r"[^\w.-]", line)[0] for line in metadata.requires("mlworkbench") or [] if "extra ==" not in line}
    wrong = []
    for name, pin in pins.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            if name in core:
                wrong.append(f"{name} is missing, {pin} is locked")
        else:
            if installed != pin:
                wrong.append(f"{name} is {installed}, {pin} is locked")
    if wrong:
        do = "Run `rm .venv/.complete`, then `make setup`; in a container, build its image again."
        yield "problem", f"{some(wrong)}.", do
    else:
        yield "ok", f"Python {sys.version.split()[0]}, MLflow {metadata.version('mlflow')}, all as locked", ""


def _pins(lock: str) -> dict[str, str]:
    """The versions of a lock that hold on this platform, by name."""
    lines = re.findall(r"(?m)^([\w.-]+)==([^ ;\\]+)(?: ; ([^\\]+))?", lock)
    return {name: pin for name, pin, marker in lines if not marker or Marker(marker).evaluate()}


def disk() -> Iterator[Found]:
    """Space where runs and artifacts of this machine go."""
    place = workbook_home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    if free < ENOUGH_DISK:
        yield "problem", f"{free:.1f} GB are free at {place}.", "Make room: `mlflow gc` removes deleted runs for good."
    else:
        yield "ok", f"{free:.0f} GB free", ""


def ports() -> Iterator[Found]:
    """Whether the ports that MLflow and JupyterLab take by default are free."""
    taken = [port for port in (5000, 8888) if _taken(port)]
    if taken:
        do = "Name another: `mlflow server --port 5050`, `mlworkbench lab --port 8890`."
        yield "hint", f"port {' and '.join(map(str, taken))} is in use.", do
    else:
        yield "ok", "5000 and 8888 are free", ""


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(patience(1))
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kernel() -> Iterator[Found]:
    """Whether notebooks run in this Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    if Path(program).is_absolute() and Path(program).absolute() != Path(sys.executable).absolute():
        do = f"Run `{sys.executable} -m ipykernel install --user`, or choose another kernel in JupyterLab."
        yield "problem", f"the kernel python3 is {program}, and the workbook is installed in {sys.executable}.", do
    else:
        yield "ok", f"python3 is {sys.executable}", ""


def other_stores() -> Iterator[Found]:
    """Stores that MLflow makes in a working directory, whose runs are then missed elsewhere."""
    home = workbook_home()
    root = home.parent if os.environ.get("MLWORKBENCH_HOME") else workbook_root()
    active = sqlite_path(os.environ.get("MLFLOW_TRACKING_URI", ""))
    places = {Path.cwd(), root, *root.glob("notebooks"), *root.glob("notebooks/*/")}
    lying = {place / name for place in places for name in ("mlflow.db", "mlruns") if (place / name).exists()}
    meant = {home / "mlflow.db"} | ({active} if active and not active.is_relative_to(root) else set())
    strays = sorted(str(path) + (" (in use)" if path == active else "") for path in lying - meant)
    if strays:
        do = "Call wb.start(…) before you log. Look into it with `mlflow server --backend-store-uri …`; move it away."
        yield "problem", f"another store lies at {some(strays)}; its runs show only where it is named.", do
    else:
        yield "ok", "none", ""


def environments() -> Iterator[Found]:
    """Whether `mlflow run` can make an environment for a project."""
    beside = str(Path(sys.executable).parent)
    found = [name for name in ("uv", "pyenv", "conda") if shutil.which(name)]
    if found:
        managers = [name.replace("pyenv", "virtualenv") for name in found]
        yield "ok", ", ".join(f"--env-manager {name}" for name in managers), ""
    elif shutil.which("uv", path=beside):
        yield "hint", f"uv is in {beside}, which is not on PATH.", "Activate the environment before `mlflow run`."
    else:
        do = "Install one (`pip install uv`), or run projects with --env-manager local."
        yield "problem", "neither uv, pyenv nor conda is on PATH: `mlflow run` cannot make an environment.", do


def open_run() -> Iterator[Found]:
    """A run that is still open in this process, or that every process is told to continue."""
    if named := os.environ.get("MLFLOW_RUN_ID"):
        yield "problem", f"MLFLOW_RUN_ID is set: every start_run() continues run {named}.", "Unset MLFLOW_RUN_ID."
    mlflow = sys.modules.get("mlflow")
    run = mlflow.active_run() if mlflow else None
    if run:
        yield (
            "problem",
            f"run {run.info.run_name!r} is still open: start_run() will say that a run is already active.",
            "Call mlflow.end_run(), and from now on write `with mlflow.start_run():`.",
        )
    elif not named:
        yield "ok", "none", ""


def autologging() -> Iterator[Found]:
    """Whether autologging writes where something has been written before."""
    on = []
    if "mlflow" in sys.modules:
        from mlworkbench.mlflow_internals import autologging_of

        on = sorted(name for name, chosen in autologging_of().items() if chosen and not chosen.get("disable", False))
    if not on:
        yield "ok", "off", ""
        return
    mlflow = sys.modules["mlflow"]
    run = mlflow.active_run()
    if run and (written := mlflow.get_run(run.info.run_id).data.params):
        yield (
            "problem",
            f"autologging of {', '.join(on)} writes into the open run {run.info.run_name!r}, which has "
            f"{len(written)} parameters: MLflow refuses to change one, and what a further fit logs is lost.",
            "Give each fit a run of its own, or call mlflow.autolog(disable=True) where you log by hand.",
        )
    else:
        yield "ok", f"on for {', '.join(on)}", ""


def settings() -> Iterator[Found]:
    """The variables that take a number: seconds for warm kernels, and the factor for every limit of time."""
    from mlworkbench.fork_server import warmup

    for read in (warmup, lambda: patience(1)):
        try:
            read()  # type: ignore[no-untyped-call]
        except WorkbenchError as error:
            yield "problem", error.found, f"{error.do} Expected is {error.expected}"
            return
    yield "ok", f"warm kernels wait {warmup().idle_seconds:g} s; limits of time are multiplied by {patience(1):g}", ""


CHECKS = {
    "folder": folder,
    "versions": versions,
    "disk": disk,
    "ports": ports,
    "kernel": kernel,
    "other stores": other_stores,
    "projects": environments,
    "open run": open_run,
    "settings": settings,
    "autologging": autologging,
}
