"""What a lesson imports is of the core, or of a group that the course says it needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.utils import canonicalize_name

from mlcourse.lessons import lessons
from mlcourse.needs import NEEDS
from tests.paths import ROOT
from tests.test_environment import GROUPS

FOR_LEARNERS = ("deep", "scale", "market", "live", "course")  # tools of dev and site are dependencies of others too
NOTEBOOKS = [lesson.path for lesson in lessons(root=ROOT)] + sorted(ROOT.glob("notebooks/solutions/*/*.ipynb"))


def cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def experiments(path: Path) -> set[str]:
    return set(re.findall(r'wb\.start\("([^"]+)"', "\n".join(cells(path))))


def imported(source: str) -> Iterator[str]:
    """Top packages that a cell imports; cells of commands and magics are no Python."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def groups_of(path: Path) -> set[str]:
    made_by = packages_distributions()
    names = {name for source in cells(path) for name in imported(source)}
    distributions = {canonicalize_name(made) for name in names for made in made_by.get(name, ())}
    return {group for group in FOR_LEARNERS if distributions & (GROUPS[group] - GROUPS["core"])}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_is_named_in_its_needs(path: Path) -> None:
    needed = {group for experiment in experiments(path) for group in NEEDS.get(experiment, ())}
    assert groups_of(path) <= needed


def test_needs_name_experiments_of_lessons_and_groups_that_there_are() -> None:
    assert set(NEEDS) <= set().union(*map(experiments, NOTEBOOKS))
    assert set().union(*NEEDS.values()) <= set(GROUPS)
