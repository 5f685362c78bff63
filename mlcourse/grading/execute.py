"""Runs a submission in a process of its own, with a kernel of its own. Started by `mlcourse.grading.sandbox`.

In place of each check stands a call that hands over the answers; the learner's own check counts for nothing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from mlcourse.grading.confinement import confine, end_with_parent, limit

MOST_SHOWN = 2_000_000  # characters of output of a whole submission, for the feedback
_OUTPUTS = ("stream", "display_data", "execute_result", "error", "update_display_data")


class _Client(NotebookClient):  # type: ignore[misc]
    """Takes no more output than a teacher might look at."""

    shown = 0

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in _OUTPUTS:
            self.shown += len(json.dumps(msg["content"], default=str))
            if self.shown > MOST_SHOWN:
                return None
        return super().process_message(msg, cell, cell_index)


def _execute(job: dict[str, Any]) -> str:
    """Execute the cells; returns what came in between, if anything."""
    notebook, begun = nbformat.read(job["notebook"], as_version=4), time.monotonic()
    for cell in notebook.cells:
        if given := job["checks"].get(cell.metadata.get("nbgrader", {}).get("grade_id")):
            cell.source = given
    client = _Client(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        interrupt_on_timeout=False,
        timeout_func=lambda _: max(1, int(job["seconds"] - (time.monotonic() - begun))),
        shutdown_kernel="immediate",  # what is in temporary folders stays until it has been judged
        resources={"metadata": {"path": str(Path.cwd())}},
    )
    try:
        client.execute()
    except CellTimeoutError:
        return f"stopped after {job['seconds']:.0f} s"
    except DeadKernelError:
        return "ended its own kernel"
    finally:
        nbformat.write(notebook, job["executed"])
    return ""


def main() -> None:
    """Execute the submission that the file of the job names, shut in."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    end_with_parent()
    limit(job["memory"], job["file_size"])
    confine(job["read"], job["write"])
    print(json.dumps(_execute(job)))  # noqa: T201 (the one who started it reads this)


if __name__ == "__main__":
    main()
