"""A class that hands in part 1: right, half right and broken under names from everywhere, or what a test wants."""

from __future__ import annotations

import textwrap
from pathlib import Path

import nbformat

from tests.paths import ROOT

PART, NAME = "01_tracking", "tracking"
SOLUTION = ROOT / "notebooks" / "solutions" / PART / f"{NAME}.ipynb"
EXERCISE = ROOT / "notebooks" / "exercises" / PART / f"{NAME}.ipynb"
HALF = ("t1", "t2", "t3", "t5", "t6")
POINTS = (24.0, 8.0, 0.0)
NAMES = """Zoë Müller, 李小龍, محمد الفارسي, Łukasz Żółć, Ngô Bảo Châu, Øyvind Ås, Ἀλέξανδρος, Ольга Петрова,
סבטלנה כהן, 김민준, さくら 田中, José Ñúñez, Çağla Şahin, Ærøskøbing, Þórdís Sigurðardóttir, Nguyễn Thị Ánh, अनन्या शर्मा,
สมชาย ใจดี, Đorđe Đurić, Iñaki Etxeberria, Siân O'Neill, Ștefan Țuțu, Ğazi Öztürk, Ülo Õnnepalu, Jürgen (Gast),
Renée d'Été, Ľubica Ťažká, Ādam Bērziņš, ბექა, Անի""".replace("\n", " ").split(", ")


def half_right() -> str:
    """The exercise with half of its tasks solved."""
    solved = {cell.metadata.nbgrader.grade_id: cell.source for cell in nbformat.read(SOLUTION, as_version=4).cells}
    notebook = nbformat.read(EXERCISE, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.grade_id in HALF:
            cell.source = solved[cell.metadata.nbgrader.grade_id]
    return nbformat.writes(notebook)


def hand_in_class(folder: Path, number: int = len(NAMES)) -> None:
    """Write ``NAME/tracking.ipynb`` for so many learners."""
    works = (SOLUTION.read_text(encoding="utf-8"), half_right(), '{"cells": [')
    for index, name in enumerate(NAMES[:number]):
        place = folder / name / f"{NAME}.ipynb"
        place.parent.mkdir(parents=True)
        place.write_text(works[index % len(works)], encoding="utf-8")


def hand_in(clone: Path, student: str, content: bytes, name: str = f"{NAME}.ipynb") -> Path:
    folder = clone / ".mlworkbench" / "course" / "submitted" / student / PART
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def with_code(code: str, cell: str = "t1", path: Path = EXERCISE) -> bytes:
    """A notebook with this code in a cell of the learner."""
    notebook = nbformat.read(path, as_version=4)
    found = next(each for each in notebook.cells if each.metadata.nbgrader.grade_id == cell)
    found.source = textwrap.dedent(code)
    return nbformat.writes(notebook).encode()


def autograded(clone: Path, student: str) -> Path:
    return clone / ".mlworkbench" / "course" / "autograded" / student / PART / f"{NAME}.ipynb"
