"""Runs whose process ended without a word, by SIGKILL or a power failure: the next call ends them.

A rerun says in a tag which process works at it. Only a process of this machine can be known to have ended.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PROCESS_TAG = "mlworkbench.process"
"""Machine and process that work at a run, and when the process began."""

OUTCOME_TAG = "outcome"
"""How a rerun ended, in a line."""


def this_process() -> str:
    """What the tag says of this process."""
    return f"{_machine()} {os.getpid()} {_begun(os.getpid())}"


def is_alive(run: Run) -> bool:
    """Whether a process of this machine is known to work at a run."""
    machine, pid, begun = _process(run)
    return machine == _machine() and _begun(int(pid)) == begun


def is_dead(run: Run) -> bool:
    """Whether the process of a run is known to have ended."""
    return _process(run)[0] == _machine() and not is_alive(run)


def end_orphans(client: MlflowClient) -> int:
    """End every run that is left from a process of this machine, with its children; tell how many there were."""
    where = f"attributes.status = 'RUNNING' and tags.`{PROCESS_TAG}` LIKE '{_machine()} %'"
    left = [run for run in _search(client, where) if is_dead(run)]
    below = "attributes.status = 'RUNNING' and tags.mlflow.parentRunId LIKE '%'"
    left += [run for run in _search(client, below) if _has_outlived_its_parent(client, run)]
    for run in left:
        end_run(client, run.info.run_id)
    return len(left)


def end_run(client: MlflowClient, run_id: str, status: str = "KILLED", outcome: str = "interrupted") -> None:
    """End a run that nobody works at any more: first what runs under it, so that nothing is left when this is cut."""
    family = [run_id]
    for member in family:  # grows meanwhile; who is there already is the child of its own child
        children = [child.info.run_id for child in running_children(client, member)]
        family += [child for child in children if child not in family]
    for member in reversed(family[1:]):
        _end(client, member, "KILLED", "interrupted")
    _end(client, run_id, status, outcome)


def _end(client: MlflowClient, run_id: str, status: str, outcome: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.set_tag(run_id, OUTCOME_TAG, outcome)
    except MlflowException:  # another process has made the tag at this moment
        client.set_tag(run_id, OUTCOME_TAG, outcome)
    client.set_terminated(run_id, status)


def outcome_of(run: Run) -> str:
    """How a rerun ended, in a line; its status says it where the line was not written, or somebody took it out."""
    return str(run.data.tags.get(OUTCOME_TAG) or {"FINISHED": "passed"}.get(run.info.status, "failed"))


def running_children(client: MlflowClient, run_id: str) -> list[Run]:
    """The runs under a run that have not ended."""
    return _search(client, f"attributes.status = 'RUNNING' and tags.mlflow.parentRunId = '{run_id}'")


def _has_outlived_its_parent(client: MlflowClient, run: Run) -> bool:
    """Whether a run was begun in the moment in which the rerun that it belongs to was ended, with its kernel."""
    from mlflow.exceptions import MlflowException

    try:
        parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    except MlflowException:  # it was deleted
        return False
    return parent.info.status != "RUNNING" and _process(parent)[0] == _machine()


def _search(client: MlflowClient, where: str) -> list[Run]:
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(everywhere, where, max_results=5000))


def _process(run: Run) -> tuple[str, str, str]:
    machine, _, process = run.data.tags.get(PROCESS_TAG, "").partition(" ")
    pid, _, begun = process.partition(" ")
    return (machine, pid, begun) if re.fullmatch(r"[0-9]{1,9}", pid) else ("", "0", "")


def _begun(pid: int) -> str:
    """When a process began, in seconds since the machine did, which no change of the clock moves; empty: it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{process.create_time() - psutil.boot_time():.0f}"
    except psutil.Error:
        return ""


@functools.cache
def _machine() -> str:
    """Its name and network card, and the container's own numbering of processes, where there is one."""
    numbering = Path("/proc/self/ns/pid")
    inside = numbering.readlink().name.strip("pid:[]") if numbering.is_symlink() else ""
    return "-".join(["".join(platform.node().split()), f"{uuid.getnode():x}", inside])
