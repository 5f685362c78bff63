"""A class that hands in part 1, in turn right, half right and broken, under names from everywhere."""

from __future__ import annotations

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
