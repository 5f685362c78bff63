"""Values for the parameters of a notebook: checked before anything runs, read from text, spread out to a grid."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlworkbench.errors import NotebookError
from mlworkbench.notebooks.parameters import Parameter, Point, from_text


def grid_from_text(
    known: Sequence[Parameter], fixed: Sequence[tuple[str, str]], swept: Sequence[str]
) -> dict[str, list[Any]]:
    """Read a grid from the command line: ``("trees", "5")`` is one value, ``"depth=2,4"`` are several."""
    grid: dict[str, list[Any]] = {}
    texts = [(name, [text]) for name, text in fixed]
    for name, equals, text in (each.partition("=") for each in swept):
        # commas inside of brackets belong to the value
        texts.append((name, re.split(r",(?![^\[({]*[\])}])", text) if equals else []))
    for name, parts in texts:
        if name in grid:
            raise NotebookError(
                f"the parameter {name!r} twice.", "one -p or one --grid for each parameter.", "Drop one of them."
            )
        grid[name] = [from_text(known, name, part.strip()) for part in parts]
    return grid


def expand(grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> list[Point]:
    """Every combination of a grid, the last parameter changing fastest; a list of points as it is."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
                found, do = f"{name}: {values!r}, a single value.", f"Write [{values!r}]."
                raise NotebookError(found, "a list of values for each parameter.", do)
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
