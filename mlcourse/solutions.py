"""Worked solutions of the lessons' tasks: files of plain Python in ``solutions/lessons``, one a task.

They lie outside of the packages and of the folder of the notebooks, so that neither JupyterLab nor what a student gets
shows them.
"""

from __future__ import annotations

from mlworkbench.errors import WorkbenchError
from mlworkbench.workbook import workbook_root


def worked(task: str) -> tuple[str, str]:
    """Code and reasons of a solution: its file begins with the reasons, in triple quotes, and the code follows.

    Raises
    ------
    WorkbenchError
        When this copy of the workbook holds no solutions.
    """
    path = workbook_root() / "solutions" / "lessons" / f"{task}.py"
    if not path.exists():
        raise WorkbenchError(
            f"no worked solutions in this copy of the workbook ({path} is not there).",
            "a clone of the whole workbook.",
            "Call this in a notebook of the clone, or ask whoever teaches the course.",
        )
    _, why, code = path.read_text(encoding="utf-8").split('"""', 2)
    return code.strip(), " ".join(why.split())
