"""A lesson with the worked solution in place of its exercise."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from mlcourse.solutions import worked
from tests.paths import ROOT


def exercises(notebook: nbformat.NotebookNode) -> dict[str, int]:
    """Places of the cells with dots by their tasks: each stands right before its check."""
    checks = {
        found[1]: place
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and (found := re.match(r'wb\.check\("(.+?)"', cell.source))
    }
    places = {task: place - 1 for task, place in checks.items()}
    assert all("= ..." in notebook.cells[place].source for place in places.values()), "an exercise without dots"
    return places


def solved(lesson: Path, store: str, copy: str) -> str:
    """The notebook with its solutions as text, and a cell before the first of them that copies the store.

    Nothing but exercises and their checks may follow that cell, so that the copy holds all that the lesson leaves.
    """
    notebook = nbformat.read(lesson, as_version=4)
    places = exercises(notebook)
    first = min(places.values())
    after = [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code" and place >= first]
    assert after == sorted([*places.values(), *(place + 1 for place in places.values())]), "code after the exercise"
    for task, place in places.items():
        notebook.cells[place].source, _ = worked(task)
    keep = [
        f"import sys\nsys.path.append({str(ROOT)!r})",
        f"from tests.lessons.stores import copy_store\ncopy_store({store!r}, {copy!r})",
    ]
    notebook.cells.insert(first, new_code_cell("\n".join(keep)))
    return nbformat.writes(notebook)


def answers(executed: Path) -> list[str]:
    """What the checks of an executed notebook said."""
    cells = nbformat.read(executed, as_version=4).cells
    return [cell.outputs[0].data["text/plain"] for cell in cells if cell.source.startswith("wb.check(")]
