"""Worked solutions of a course, shown to whoever has tried the task. The course holds their texts."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from mlworkbench.errors import WorkbenchError
from mlworkbench.tasks import find_task, tried


@dataclass(frozen=True)
class Solution:
    """A worked solution: code to read, and why it is written like this.

    Attributes
    ----------
    task : str
        Name of the task.
    code : str
        What could stand in the cell of the exercise.
    why : str
        Two sentences, with names between backticks.
    """

    task: str
    code: str
    why: str

    def __repr__(self) -> str:
        return f"{self._headline}\n\n{self.code}\n\n{self.why}"

    def _repr_html_(self) -> str:
        why = re.sub("`(.+?)`", r"<code>\1</code>", html.escape(self.why))
        return f"<strong>{html.escape(self._headline)}</strong>{_highlighted(self.code)}<p>{why}</p>"

    @property
    def _headline(self) -> str:
        return f"One way to solve task {self.task}:"


def _highlighted(code: str) -> str:
    """Python as HTML, escaped, in the colours of JupyterLab's theme."""
    from jupyterlab_pygments import JupyterStyle
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return str(highlight(code, PythonLexer(), HtmlFormatter(style=JupyterStyle, noclasses=True)))


def solution(task: str) -> Solution:
    """The worked solution of a lesson's task, once you have tried it: after a check with your answers for the dots.

    Parameters
    ----------
    task : str
        Name of the task, as the notebook gives it; the number of a lesson counts as its name.

    Returns
    -------
    Solution
        Shows itself in a notebook, as code to read and two sentences why.

    Raises
    ------
    WorkbenchError
        For a task that does not exist, that belongs to an assignment or that was not tried yet, and in a copy of the
        workbook that holds no solutions.

    Examples
    --------
    >>> wb.check("0", run_id="a guess").status
    'Not yet'
    >>> worked = wb.solution("0")
    """
    name, found = find_task(task)
    if found.solution is None:
        raise WorkbenchError(
            f"task {name} belongs to an assignment.",
            "a task of a lesson: only those have a worked solution.",
            f"Try it; wb.hint({name!r}) helps.",
        )
    if not tried(name):
        raise WorkbenchError(
            f"no try of task {name} so far.",
            "a check of this task that was run with your answers in place of the dots.",
            f"Try it and run its check, then ask again; wb.hint({name!r}) helps.",
        )
    return Solution(name, *found.solution())
