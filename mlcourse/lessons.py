"""Which lessons there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import unknown_name
from mlworkbench.notebooks.notebook_file import read_notebook
from mlworkbench.workbook import lesson_id, workbook_root

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Lesson:
    """A lesson's notebook: its number in the workbook, its file, and what its metadata says."""

    id: str
    path: Path

    @property
    def title(self) -> str:
        """The first heading of the notebook."""
        return str(read_notebook(self.path).cells[0].source.splitlines()[0].lstrip("# "))

    @property
    def fast(self) -> dict[str, Any]:
        """Parameters with which the lesson ends sooner, from ``metadata.mlworkbench.fast``."""
        return dict(read_notebook(self.path).metadata.get("mlworkbench", {}).get("fast", {}))


def lessons(wanted: Iterable[str] = (), *, root: Path | None = None) -> list[Lesson]:
    """The lessons of the workbook in order, found by their file names.

    Parameters
    ----------
    wanted : iterable of str
        Numbers of lessons (``1.2``) or of parts (``1``, ``A``), or names of notebooks; everything when empty.

    Raises
    ------
    WorkbenchError
        For a name that is none of these, with the nearest one that is.
    """
    folder = (root or workbook_root()) / "notebooks"
    files = sorted([*folder.glob("00_*.ipynb"), *folder.glob("*/[0-9][0-9]_*.ipynb")])
    every = [Lesson(number, path) for path in files if (number := lesson_id(path))]
    chosen: list[Lesson] = []
    for name in wanted:
        matches = [lesson for lesson in every if name in (lesson.id, lesson.id.split(".")[0], lesson.path.stem)]
        if not matches:
            raise unknown_name("lesson", name, [lesson.id for lesson in every] + [lesson.path.stem for lesson in every])
        chosen += [lesson for lesson in matches if lesson not in chosen]
    return chosen or every
