"""Execute lessons on a fresh store and store their outputs in them. Run by `make lessons`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat

from mlcourse.lessons import Lesson, lessons
from mlworkbench.notebooks.execute import execute
from mlworkbench.waiting import PATIENCE_VARIABLE

UNHURRIED = "30"
"""So that no output says on a busy machine what it waits for."""


def store_outputs(lesson: Lesson) -> None:
    """Replace the outputs of a lesson by those of a new execution with its default parameters."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, ".mlworkbench")
        executed = Path(folder, lesson.path.name)
        env = {"MLWORKBENCH_HOME": str(home), "MLFLOW_TRACKING_URI": "", PATIENCE_VARIABLE: UNHURRIED}
        execute(lesson.path, executed, env=env)
        outputs = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    notebook = nbformat.read(lesson.path, as_version=4)
    for cell, done in zip((c for c in notebook.cells if c.cell_type == "code"), outputs, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    nbformat.write(notebook, lesson.path)


if __name__ == "__main__":
    for each in lessons(sys.argv[1:]):
        store_outputs(each)
        print("stored", each.id)  # noqa: T201
