"""nbgrader's step of executing and grading, replaced: the submission runs apart, and a second process judges it.

The rest of nbgrader (release, gradebook, points, feedback) stays as it is. See ``notebooks/nbgrader_config.py``.
"""

from __future__ import annotations

import ast
import copy
import re
from typing import Any, ClassVar

from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from mlcourse.grading.limits import Limits
from mlcourse.grading.sandbox import Outcome, grade
from mlworkbench.workbook import workbook_root

_MOST_CHARACTERS = 20_000  # of one output, in the feedback
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SAFE = ("text/plain", "image/png")  # a page of feedback runs no script of a learner


class RunAndJudge(NbGraderPreprocessor):  # type: ignore[misc]
    """Runs a submission apart, and gives each cell with a check the verdict of the judge as its only output."""

    limits: ClassVar[Limits] = Limits()
    container: ClassVar[bool] = False
    happened: ClassVar[str] = ""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Run, judge, and write outputs and verdicts into the notebook."""
        part = resources["nbgrader"]["assignment"]
        outcome = grade(copy.deepcopy(nb), checks(nb), part, workbook_root(), self.limits, self.container)
        type(self).happened = outcome.happened
        _write(nb, outcome)
        return nb, resources


def checks(notebook: Any) -> dict[str, tuple[str, str]]:
    """For each cell of the teacher with a check, its task and the arguments of the call."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and utils.is_grade(cell):
            calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
            call = next(call for call in calls if ast.unparse(call.func) == "wb.check")
            arguments = ", ".join(f"{each.arg}={ast.unparse(each.value)}" for each in call.keywords)
            found[cell.metadata.nbgrader.grade_id] = (str(ast.literal_eval(call.args[0])), arguments)
    return found


def _write(notebook: Any, outcome: Outcome) -> None:
    """Outputs of the learner's cells, as text and pictures, and verdicts in the others."""
    executed = list(outcome.notebook.cells)
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            if not utils.is_locked(cell):  # nbgrader's pages show a learner's HTML as it is
                cell.source = _TAG.sub("&lt;", cell.source)
            continue
        if utils.is_grade(cell):
            cell.outputs = [_verdict(outcome.verdicts.get(cell.metadata.nbgrader.grade_id, {}))]
        elif number < len(executed):
            cell.outputs = [kept for output in executed[number].get("outputs", []) if (kept := _safe(output))]


def _verdict(found: dict[str, str]) -> Any:
    status, message = found.get("status", "Not yet"), found.get("message", "There is no verdict.")
    if status == "Passed":
        return new_output("display_data", {"text/plain": f"{status}: {message}"})
    return new_output("error", ename=status, evalue=message, traceback=[f"{status}: {message}"])


def _safe(output: Any) -> Any:
    kind = output.get("output_type")
    if kind == "stream":
        return new_output("stream", name="stdout", text=str(output.get("text", ""))[:_MOST_CHARACTERS])
    if kind == "error":
        told = f"{output.get('ename')}: {output.get('evalue')}"[:_MOST_CHARACTERS]
        return new_output("error", ename=str(output.get("ename"))[:100], evalue=told, traceback=[told])
    data = {form: str(text) for form, text in dict(output.get("data", {})).items() if form in _SAFE}
    if "text/plain" in data:
        data["text/plain"] = data["text/plain"][:_MOST_CHARACTERS]
    return new_output("display_data", data) if data else None
