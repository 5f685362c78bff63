"""Values for the parameters of a notebook: checked before anything runs, read from text, spread out to a grid."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError
from mlworkbench.notebooks.parameters import Point, from_text

if TYPE_CHECKING:
    from mlworkbench.notebooks.parameters import Parameter


def grid_from_text(
    known: Sequence[Parameter], fixed: Sequence[tuple[str, str]], swept: Sequence[str]
) -> dict[str, list[Any]]:
    """Read a grid from the command line: ``("trees", "5")`` is one value, ``"depth=2,4"`` are several.

    Commas inside of brackets belong to the value.

    Raises
    ------
    NotebookError
        For a value that cannot be read, or a parameter that is given twice.
    """
    grid: dict[str, list[Any]] = {}
    texts = [(name, [text]) for name, text in fixed]
    for name, equals, text in (each.partition("=") for each in swept):
        texts.append((name, re.split(r",(?![^\[({]*[\])}])", text) if equals else []))
    for name, parts in texts:
        if name in grid:
            raise NotebookError(
                f"the parameter {name!r} twice.", "one -p or one --grid for each parameter.", "Drop one of them."
            )
        grid[name] = [from_text(known, name, part.strip()) for part in parts]
    return grid


def expand(grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> list[Point]:
    """Every combination of a grid, the last parameter changing fastest; a list of points as it is.

    Raises
    ------
    NotebookError
        When it is no grid, there is no point in it, or the same one twice.
    """
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            _require_several(name, values)
        points = [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*grid.values())]
    elif isinstance(grid, Sequence) and all(isinstance(point, Mapping) for point in grid):
        points = [dict(point) for point in grid]
    else:
        raise NotebookError(
            f"a grid {grid!r}.", "values by parameter, or a list of points.", 'Write, say, {"trees": [10, 100]}.'
        )
    if not grid or not points:
        raise NotebookError(
            f"an empty grid: {grid!r}.", "at least one point.", 'Write, say, {"trees": [10, 100], "depth": [2, 4]}.'
        )
    for number, point in enumerate(points):
        if point in points[:number]:
            raise NotebookError(f"the point {point} twice.", "each point once.", "Leave the second one out.")
    return points


def _require_several(name: str, values: Any) -> None:
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        raise NotebookError(
            f"{name}: {values!r}, a single value.", "a list of values for each parameter.", f"Write [{values!r}]."
        )
