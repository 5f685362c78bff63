"""Notebook files, as they are found in the wild, read into a form that everything here can rely on."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError, StoreError, shown, told
from mlworkbench.locations import is_there
from mlworkbench.workbook import workbook_home, write_private

if TYPE_CHECKING:
    from nbformat import NotebookNode


def notebook_path(notebook: object) -> Path:
    """The absolute path of a notebook's file, which must be there."""
    if not isinstance(notebook, (str, os.PathLike)):
        raise NotebookError(f"{shown(notebook)} for a notebook.", "the path of a notebook.", "Give its path as a text.")
    path = Path(notebook)
    if "\0" in str(path) or not is_there(path) or not path.is_file():
        found = "no file" if "\0" in str(path) or not is_there(path) else "no file, but something else, at"
        raise NotebookError(f"{found} {shown(str(path))}.", "the path of a notebook.", "Correct the path.")
    return path.absolute()


def read_notebook(notebook: str | os.PathLike[str]) -> NotebookNode:
    """Read a notebook file; a `NotebookError` tells when there is none, or it is not a notebook."""
    return parse_notebook(notebook_text(notebook_path(notebook)), notebook)


def notebook_text(path: Path) -> str:
    """What a notebook's file holds."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors put a mark in front
    except (OSError, ValueError) as error:
        raise _no_notebook(path, error) from error


def parse_notebook(text: str, notebook: str | os.PathLike[str]) -> NotebookNode:
    """A notebook from its text, upgraded to version 4 of the format; ``notebook`` is its name in an error."""
    import nbformat

    try:
        read = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        node: NotebookNode = nbformat.from_dict(read)  # type: ignore[no-untyped-call] # of version 3 it is none yet
        _make_reliable(node)
    except Exception as error:  # whatever a broken file makes nbformat trip over
        raise _no_notebook(notebook, error) from error
    return node


def _no_notebook(notebook: str | os.PathLike[str], error: Exception) -> NotebookError:
    return NotebookError(
        f"{str(notebook)!r} is not a notebook ({type(error).__name__}: {shown(str(error))}).",
        "a Jupyter notebook (.ipynb).",
        "Name a notebook; if it is one, open it in JupyterLab and save it.",
    )


def write_notebook(node: NotebookNode, output: Path) -> None:
    """Write an executed notebook; where that cannot be, keep it in another folder, and raise an error that names it."""
    import nbformat

    text = nbformat.writes(node)  # type: ignore[no-untyped-call]
    try:
        write_private(output, text)
    except OSError as error:
        raise NotebookError(
            f"the executed notebook cannot be written ({told(error, 120)}); {_kept(text, output.name)}.",
            "a folder that is there and has room.",
            "Make room in the folder for temporary files, or set TMPDIR to another one.",
        ) from error


def _kept(text: str, name: str) -> str:
    """Keep a text for its user alone in the first folder that takes it, and tell where."""
    for folder in (workbook_home, Path.cwd):
        with contextlib.suppress(OSError, StoreError):
            kept = folder() / f"kept-{uuid.uuid4().hex[:8]}-{name}"
            write_private(kept, text)
            return f"it is kept as {kept}"
    return "it is lost"


def _make_reliable(node: NotebookNode) -> None:
    """Put in what the format wants and old tools left out; raise an error where nobody can know what was meant."""
    for section in ("kernelspec", "language_info", "mlworkbench", "papermill", "widgets"):
        if not (found := node.metadata.get(section)) or not isinstance(found, dict):
            node.metadata.pop(section, None)  # an empty one says no more, and there is no HTML with it
    if spec := node.metadata.get("kernelspec"):
        spec.setdefault("display_name", str(spec.get("name")))  # or there is no HTML of it
    for cell in node.cells:
        cell.metadata = cell.get("metadata") or {}
        tags = cell.metadata.get("tags") or []
        cell.metadata["tags"] = [tags] if isinstance(tags, str) else list(tags)
        cell.setdefault("source", "").encode()  # raises an error where it cannot be written again
        if cell.setdefault("cell_type", "raw") == "code":
            cell.setdefault("outputs", [])


def language_of(node: NotebookNode) -> str:
    """The language that a notebook says it is in, in small letters; ``python`` if it says none."""
    info: dict[str, Any] = node.metadata.get("language_info", {})
    spec: dict[str, Any] = node.metadata.get("kernelspec", {})
    return str(info.get("name") or spec.get("language") or "python").lower()
