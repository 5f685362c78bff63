"""Grids of values for the parameters of a notebook: read from text, and spread out to points."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mlworkbench.errors import NotebookError, shown
from mlworkbench.notebooks.parameters import Parameter, Point, from_text

LIMIT_VARIABLE = "MLWORKBENCH_MAX_POINTS"
"""Environment variable with the most points that a grid may have; without it 10,000."""


def grid_from_text(
    known: Sequence[Parameter], fixed: Sequence[tuple[str, str]], swept: Sequence[str]
) -> dict[str, list[Any]]:
    """Read a grid from the command line: ``("trees", "5")`` is one value, ``"depth=2,4"`` are several."""
    grid: dict[str, list[Any]] = {}
    texts = [(name, [text]) for name, text in fixed]
    for name, equals, text in (each.partition("=") for each in swept):
        texts.append((name, _split(text) if equals else []))
    for name, parts in texts:
        if name in grid:
            raise NotebookError(
                f"the parameter {name!r} twice.", "one -p or one --grid for each parameter.", "Drop one of them."
            )
        grid[name] = [from_text(known, name, part.strip()) for part in parts]
    return grid


def _split(text: str) -> list[str]:
    """Split at the commas, but at none inside of brackets; at every one where brackets are just letters."""
    commas, depth = [-1], 0
    for place, letter in enumerate(text):
        depth += (letter in "[({") - (letter in "])}")
        if depth < 0:
            break
        if letter == "," and not depth:
            commas.append(place)
    if depth:
        return text.split(",")
    return [text[begin + 1 : end] for begin, end in itertools.pairwise([*commas, len(text)])]


def expand(grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]) -> list[Point]:
    """Every combination of a grid, the last parameter changing fastest; a list of points as it is.

    The first parameter of scikit-learn's `ParameterGrid` is the first by the alphabet, here the first of the grid.
    """
    if isinstance(grid, Mapping):
        _refuse_many(math.prod(_count(name, values) for name, values in grid.items()))
        points = [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*grid.values())]
    elif isinstance(grid, Sequence) and all(isinstance(point, Mapping) for point in grid):
        _refuse_many(len(grid))
        points = [dict(point) for point in grid]
    else:
        raise NotebookError(
            f"a grid {shown(grid)}.", "values by parameter, or a list of points.", 'Write, say, {"trees": [10, 100]}.'
        )
    if not grid or not points:
        raise NotebookError(
            f"an empty grid: {shown(grid)}.",
            "at least one point.",
            'Write, say, {"trees": [10, 100], "depth": [2, 4]}.',
        )
    seen: set[str] = set()
    for point in points:
        if (key := _key(point)) in seen:
            raise NotebookError(f"the point {shown(point)} twice.", "each point once.", "Leave the second one out.")
        seen.add(key)
    return points


def _count(name: str, values: Any) -> int:
    if not isinstance(values, (str, bytes, Mapping)) and hasattr(values, "__len__"):
        try:
            return len(values)
        except (TypeError, OverflowError) as error:  # an array without dimensions, a range that is too long
            found = f"{name}: {shown(values)} ({error})."
            raise NotebookError(found, "a list of values for each parameter.", "Write a shorter list.") from error
    found, do = f"{name}: {shown(values)}, a single value.", f"Write [{shown(values)}]."
    raise NotebookError(found, "a list of values for each parameter.", do)


def _refuse_many(points: int) -> None:
    limit = os.environ.get(LIMIT_VARIABLE) or "10000"
    if not limit.isdecimal():
        raise NotebookError(f"{LIMIT_VARIABLE}={limit!r}.", "a whole number.", "Correct it, or unset it for 10,000.")
    if points > int(limit):
        raise NotebookError(
            f"a grid of {points:,} points.",
            f"at most {int(limit):,}: each is a kernel that starts and a run that is recorded.",
            f"Leave values out, or set the environment variable {LIMIT_VARIABLE} to a larger number.",
        )


def _key(point: Point) -> str:
    """What two points that are the same have in common, in whatever order their values stand."""
    try:
        return repr(sorted(point.items(), key=str))
    except Exception:  # a repr of somebody else's: `check_values` will refuse that value
        return str(id(point))
