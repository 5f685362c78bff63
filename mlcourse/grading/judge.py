"""Judges what a submission left: a fresh process, with checks from the installed files, that loads nothing of it.

Each check has a process of its own again, forked from this one, so that none of them can touch the next.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mlcourse.grading.answers import handed_over, store_copy
from mlcourse.grading.confinement import confine, end_with_parent, limit
from mlcourse.untrusted import JUDGE_VARIABLE

SECONDS_A_CHECK = 120  # a check needs 5, the slow ones 20; a busy machine is slower
_MOST_SAID = 100_000
_OF_ALL_CHECKS = (  # imported once: each check, and each question to a stored model, is a process that has them
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "skops.io",
)


def _check(task: str, answers: Path, home: Path) -> dict[str, str]:
    """What the check of a task says of the answers in a folder."""
    import mlflow

    import mlworkbench as wb

    home.mkdir()
    os.environ["MLWORKBENCH_HOME"] = str(home)
    try:
        given, autologging = handed_over(answers)
    except Exception:
        return {"status": "Not yet", "message": "The check got no answers: a cell above it stopped with an error."}
    mlflow.set_tracking_uri(f"sqlite:///{store_copy(answers, home / 'mlflow.db')}")
    if autologging:  # as it was in the learner's process
        mlflow.sklearn.autolog(silent=True)
    feedback = wb.check(task, **given)
    return {"status": feedback.status, "message": feedback.message}


def _in_child(job: dict[str, Any], cell: str, task: str) -> dict[str, str]:
    """The same in a forked process, with a limit on its time."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        try:
            home = Path(job["home"], cell)
            confine(job["read"], job["write_in_checks"])  # once more: it reaches no process outside of itself
            said = _check(task, Path(job["answers"], cell), home)
            os.write(writer, json.dumps(said).encode()[:_MOST_SAID])
        finally:
            os._exit(0)
    os.close(writer)
    text = _read(reader, time.monotonic() + SECONDS_A_CHECK)
    os.close(reader)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        said = json.loads(text)
        return {"status": str(said["status"]), "message": str(said["message"])}
    except (ValueError, KeyError, TypeError):
        return {"status": "Not yet", "message": "The check came to no end with these answers."}


def _read(reader: int, until: float) -> bytes:
    """What a child writes before it ends, or before its time is over."""
    text = b""
    while len(text) < _MOST_SAID and select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        if not (part := os.read(reader, _MOST_SAID)):
            break
        text += part
    return text


def main() -> None:
    """Judge the answers of the job and write the verdicts, by cell, to its file."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    end_with_parent()
    limit(job["memory"], job["file_size"])
    confine(job["read"], job["write"])
    os.environ[JUDGE_VARIABLE] = "1"
    for module in _OF_ALL_CHECKS:
        importlib.import_module(module)

    from mlworkbench.tasks import known_tasks

    known_tasks()
    verdicts = {cell: _in_child(job, cell, task) for cell, task in job["tasks"].items()}
    Path(job["verdicts"]).write_text(json.dumps(verdicts), encoding="utf-8")
    print(json.dumps(""))  # noqa: T201


if __name__ == "__main__":
    main()
