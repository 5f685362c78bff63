"""A submission from its cells to its verdicts: run apart, watched, ended with all that it started, and judged."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import nbformat

from mlcourse.grading import container as containers
from mlcourse.grading.answers import ANSWERS_VARIABLE
from mlcourse.grading.confinement import adopt_orphans
from mlcourse.grading.limits import Limits, end, started, watch
from mlworkbench.workbook import MARKER

PACKAGES = ("mlcourse", "mlworkbench", "warmkernel", "stock_market")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys", "/dev/urandom", "/dev/random", "/dev/zero")
SETTINGS = ("passwd", "group", "hosts", "resolv.conf", "nsswitch.conf", "ld.so.cache", "localtime", "ssl", "fonts")
DEVICES = ("/dev/null", "/dev/full", "/dev/shm")  # noqa: S108 (semaphores of processes are there)


@dataclass
class Outcome:
    """What became of a submission: its executed cells, the verdicts by cell, and what came in between."""

    notebook: Any
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)
    happened: str = ""


def grade(
    notebook: Any,
    checks: dict[str, tuple[str, str]],
    part: str,
    course: Path,
    limits: Limits,
    container: bool = False,
) -> Outcome:
    """Run a notebook apart and judge what it leaves.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The submission, with the cells of the teacher put back.
    checks : dict of str to tuple of str
        For each cell with a check, the task and the arguments of the call, as the teacher wrote them.
    part : str
        Folder of the assignment.
    course : Path
        Root of the workbook, of which the data projects are copied.
    limits : Limits
        What the submission may use.
    container : bool, default False
        Whether to run and judge it in containers.
    """
    adopt_orphans()
    with _folder() as place:
        work = _workbook(place, course, part)
        nbformat.write(notebook, work / "submission.ipynb")
        start = partial(_run, place=place, contained_by=course if container else None)
        happened = start("execute", _submission(place, work, checks, limits), limits=limits)
        outcome = Outcome(_executed(place / "learner" / "executed.ipynb", notebook), happened=happened)
        judged = Limits(seconds=1200, disk=1_000_000_000_000)  # what the submission has written lies there still
        troubled = start("judge", _judgement(place, checks), limits=judged)
        if not (place / "judge" / "verdicts.json").is_file():
            raise RuntimeError(f"The judge gave no verdicts: {troubled or 'it stopped with an error'}.")
        outcome.verdicts = json.loads((place / "judge" / "verdicts.json").read_text(encoding="utf-8"))
    return outcome


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A private folder: ``site`` has the installed packages, ``learner`` and ``judge`` are what each may change."""
    place = Path(tempfile.mkdtemp(prefix="grading-")).resolve()
    try:
        for name in ("site", "learner", "judge"):
            (place / name).mkdir()
        for name in PACKAGES:
            found = importlib.util.find_spec(name)
            if found and found.submodule_search_locations:
                shutil.copytree(found.submodule_search_locations[0], place / "site" / name)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _workbook(place: Path, course: Path, part: str) -> Path:
    """A folder that notebooks take for the workbook, without solutions; returns where the notebook goes."""
    root = place / "learner" / "workbook"
    work = root / "notebooks" / "exercises" / part
    work.mkdir(parents=True)
    shutil.copy(course / MARKER, root / MARKER)
    shutil.copytree(course / "notebooks" / "projects", root / "notebooks" / "projects")
    for name in ("home", "tmp", "answers"):
        (place / "learner" / name).mkdir()
    return work


def _reach(place: Path, own: str) -> dict[str, Any]:
    settings = [f"/etc/{name}" for name in SETTINGS]
    return {
        "read": [*SYSTEM, *settings, str(place / "site"), str(place / "learner")],
        "write": [*DEVICES, str(place / own)],
        "memory": 16_000_000_000,  # reserved, which libraries do with much more than they use
        "file_size": 200_000_000,
        "home": str(place / own / "home"),
    }


def _submission(place: Path, work: Path, checks: dict[str, tuple[str, str]], limits: Limits) -> dict[str, Any]:
    learner = place / "learner"
    calls = {
        cell: f"from mlcourse.grading.answers import hand_over\n\nhand_over({cell!r}, {arguments})"
        for cell, (_, arguments) in checks.items()
    }
    return {
        **_reach(place, "learner"),
        "cwd": str(work),
        "notebook": str(work / "submission.ipynb"),
        "executed": str(learner / "executed.ipynb"),
        "checks": calls,
        "seconds": limits.seconds,
    }


def _judgement(place: Path, checks: dict[str, tuple[str, str]]) -> dict[str, Any]:
    judge = place / "judge"
    for name in ("home", "tmp"):
        (judge / name).mkdir()
    return {
        **_reach(place, "judge"),
        "cwd": str(judge),
        "write": [*DEVICES, str(judge), str(place / "learner")],
        "write_in_checks": [*DEVICES, str(judge / "home"), str(judge / "tmp"), str(place / "learner")],
        "answers": str(place / "learner" / "answers"),
        "verdicts": str(judge / "verdicts.json"),
        "tasks": {cell: task for cell, (task, _) in checks.items()},
    }


def _environment(job: dict[str, Any], place: Path) -> dict[str, str]:
    """An environment with nothing of the teacher's in it."""
    own = Path(job["home"]).parent
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": job["home"],
        "TMPDIR": str(own / "tmp"),
        "MLWORKBENCH_HOME": str(own / "home" / ".mlworkbench"),
        ANSWERS_VARIABLE: str(place / "learner" / "answers"),
        "PYTHONPATH": str(place / "site"),
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",  # several submissions share the cores
        "GIT_CONFIG_NOSYSTEM": "1",
        "USER": "learner",
        "LOGNAME": "learner",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _run(module: str, job: dict[str, Any], place: Path, limits: Limits, contained_by: Path | None) -> str:
    """Run a module of this package apart; returns what came in between, if anything."""
    file = place / f"{module}.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    job["read"].append(str(file))
    file.write_text(json.dumps(job), encoding="utf-8")
    words, env = ["-P", "-m", f"mlcourse.grading.{module}", str(file)], _environment(job, place)
    command, name = [sys.executable, *words], f"{place.name}-{module}"
    if contained_by:
        watched = ["python", "-P", "-m", "mlcourse.grading.limits", json.dumps(asdict(limits)), str(place)]
        own = {"name": name, "folder": job["cwd"], "env": env, "mounts": containers.mounts_of(job, place)}
        command, env = containers.command(contained_by, [*watched, "python", *words], **own), dict(os.environ)
    before = started()
    with (place / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=job["cwd"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            happened = watch(process, before, place, limits)
        finally:
            if contained_by:
                containers.remove(name)
            end(before)
            process.wait()
    said = (place / f"{module}.log").read_bytes()[-100_000:].decode(errors="replace").strip().splitlines()
    return happened or _last(said, process.returncode)


def _last(said: list[str], status: int) -> str:
    if status == 0 and said:
        with contextlib.suppress(ValueError):
            return str(json.loads(said[-1]))
    return f"ended with status {status}: {said[-1][:200] if said else 'no word'}"


def _executed(file: Path, original: Any) -> Any:
    """The executed notebook, or the original one where there is none that can be read."""
    try:
        return nbformat.read(file, as_version=4) if not file.is_symlink() else original
    except Exception:  # whatever a submission has written there
        return original
