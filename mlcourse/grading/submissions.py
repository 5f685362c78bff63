"""What learners handed in, made fit for nbgrader: read as data, with every cell of the teacher in its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

MOST_BYTES = 50_000_000
PATTERNS = "[]*?"
"""nbgrader takes a name with one of these for a pattern, and finds nothing."""

_ALIKE = 0.9


class UnreadableError(Exception):
    """A sentence on why there is nothing to grade."""


def read(folder: Path, name: str) -> tuple[Any, list[str]]:
    """The notebook of a submission and what is odd about it; raises `UnreadableError` where there is none."""
    path, odd = folder / f"{name}.ipynb", []
    if set(PATTERNS) & set(folder.parent.name):
        raise UnreadableError(f"nbgrader knows no learner with one of {PATTERNS} in the name; rename the folder")
    if not path.exists() and not path.is_symlink():
        others = sorted(folder.glob("*.ipynb"))
        if len(others) != 1:
            told = ", ".join(other.name for other in others[:5]) or "no notebook"
            raise UnreadableError(f"{path.name} is missing; there is {told}")
        path, odd = others[0], [f"was called {others[0].name}"]
    if path.is_symlink() or not path.is_file():
        raise UnreadableError(f"{path.name} is no file")
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableError(f"{path.name} has {path.stat().st_size / 1e6:,.0f} MB")
    if not path.stat().st_size:
        raise UnreadableError(f"{path.name} is empty")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except RecursionError:
        raise UnreadableError(f"{path.name} is nested too deep") from None
    except Exception as error:  # whatever lies there is no notebook
        told = (str(error).splitlines() or [""])[0][:100]
        raise UnreadableError(f"{path.name} is no notebook ({type(error).__name__}: {told})") from None
    return notebook, odd


def tidy(notebook: Any, pristine: Any) -> list[str]:
    """Give the teacher's cells back what makes them theirs, each once and in its place; returns what was odd."""
    theirs = {cell.metadata.nbgrader.grade_id: cell for cell in pristine.cells if "nbgrader" in cell.metadata}
    odd, seen = [], set[str]()
    for cell in notebook.cells:
        found = cell.metadata.pop("nbgrader", None)
        name = found.get("grade_id") if isinstance(found, dict) else None
        if name in seen:
            odd.append(f"{name} was there twice; the first counts")
        elif isinstance(name, str) and name in theirs:
            seen.add(name)
            _restore(cell, theirs[name])
    order = list(theirs)
    for place, name in enumerate(order):
        if name in seen:
            continue
        odd.append(f"{name} was missing")
        before = set(order[:place])
        at = max((i + 1 for i, cell in enumerate(notebook.cells) if _name(cell) in before), default=0)
        notebook.cells.insert(at, nbformat.from_dict(theirs[name]))
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "nbgrader"})
    notebook.metadata = nbformat.from_dict(pristine.metadata)
    nbformat.validator.normalize(notebook)
    return odd


def _name(cell: Any) -> str | None:
    return str(cell.metadata["nbgrader"]["grade_id"]) if "nbgrader" in cell.metadata else None


def _restore(cell: Any, original: Any) -> None:
    """The kind and the marks of the teacher's cell, and its source where a learner should not have changed it."""
    if cell.cell_type != original.cell_type:
        for key in ("outputs", "execution_count", "attachments"):
            cell.pop(key, None)
        cell.cell_type = original.cell_type
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    cell.metadata["nbgrader"] = dict(original.metadata.nbgrader)
    if not original.metadata.nbgrader.solution:
        cell.source = original.source


def written(notebook: Any, pristine: Any) -> str:
    """What a learner wrote: the lines of the notebook that are not the teacher's."""
    given = {line.strip() for cell in pristine.cells for line in cell.source.splitlines()}
    lines = [line.strip() for cell in notebook.cells for line in cell.source.splitlines()]
    return "\n".join(line for line in lines if line not in given and not line.startswith("#"))


def alike(texts: dict[str, str]) -> dict[str, list[str]]:
    """For each learner those whose work is nearly the same, for a teacher to look at."""
    names = [name for name, text in texts.items() if text]
    near: dict[str, list[str]] = {name: [] for name in texts}
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            match = difflib.SequenceMatcher(None, texts[first].splitlines(), texts[second].splitlines(), False)
            if match.quick_ratio() >= _ALIKE and match.ratio() >= _ALIKE:
                near[first].append(second)
                near[second].append(first)
    return near


def save(notebook: Any, target: Path, extra: Iterable[Path] = ()) -> None:
    """Write a notebook where nbgrader looks for it, with the time at which it was handed in."""
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    for file in extra:
        if file.is_file() and not file.is_symlink():
            (target.parent / file.name).write_bytes(file.read_bytes()[:100])
