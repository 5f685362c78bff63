"""The last outcome of each task, kept in the workbench home for `mlworkbench progress`."""

from __future__ import annotations

import json
from pathlib import Path

from mlworkbench.checks.feedback import Feedback
from mlworkbench.errors import WorkbenchError
from mlworkbench.store import workbook_home


def record(feedback: Feedback) -> None:
    """Keep the outcome of a check; outside of a workbook there is nowhere to keep it, and none is kept."""
    from filelock import FileLock

    try:
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            content = {**outcomes(), feedback.task: feedback.status}
            new = path.with_suffix(".new")
            new.write_text(json.dumps(content, indent=1), encoding="utf-8")
            new.replace(path)
    except (OSError, WorkbenchError):
        return


def outcomes() -> dict[str, str]:
    """Last status by task; empty when no check has been run."""
    try:
        return dict(json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _file() -> Path:
    return workbook_home() / "progress.json"
