"""Values for the parameters of a notebook: checked before anything runs, read from text, spread out to a grid."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError, unknown_name

if TYPE_CHECKING:
    from mlworkbench.notebooks import Parameter

Point = dict[str, Any]
"""Values by the name of the parameter."""


def check_values(known: Sequence[Parameter], values: Mapping[str, Any]) -> Point:
    """Refuse values that the notebook cannot take, and give back plain ones (papermill alone only warns).

    Raises
    ------
    NotebookError
        For a name that is not in the parameters cell (with the nearest one), a value of another type than the default,
        or a parameter that another one is computed from.
    """
    if values and not known:
        raise NotebookError(
            f"no parameters cell, but values for {', '.join(values)}.",
            "a cell with the tag `parameters` that gives each parameter a default.",
            "Tag that cell in JupyterLab (property inspector, Common Tools), or leave the values out.",
        )
    by_name = {parameter.name: parameter for parameter in known}
    for name in values:
        if name not in by_name:
            raise unknown_name("parameter", name, by_name, NotebookError)
    taken = {name: _fitting(by_name[name], _plain(name, value)) for name, value in values.items()}
    _refuse_stale(known, taken)
    return taken


def _plain(name: str, value: Any) -> Any:
    """Numbers of numpy as Python's, tuples as lists: papermill would write both into the notebook as text."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(name, each) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(name, each) for key, each in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NotebookError(
        f"{name} = {value!r}, a {type(value).__name__}.",
        "a number, a text, True, False, None, or a list or dict of these.",
        "Give a plain value, and build the object from it in the notebook.",
    )


def _fitting(parameter: Parameter, value: Any) -> Any:
    """The value, if it has the type of the default; a whole number does for a float, anything does for None."""
    kind = "list" if parameter.type == "tuple" else parameter.type
    if kind == "float" and type(value) is int:
        return float(value)
    if kind in ("expression", "NoneType") or type(value).__name__ == kind:
        return value
    raise NotebookError(
        f"{parameter.name} = {value!r}, a {type(value).__name__}.",
        f"a value of type {kind}, like the default {parameter.default!r}.",
        "Correct the value.",
    )


def _refuse_stale(known: Sequence[Parameter], values: Mapping[str, Any]) -> None:
    """A parameter that is computed from another one in the parameters cell would keep its old value."""
    for parameter in known:
        if parameter.type != "expression" or parameter.name in values:
            continue
        used = {node.id for node in ast.walk(ast.parse(parameter.default)) if isinstance(node, ast.Name)}
        for name in sorted(used & set(values)):
            raise NotebookError(
                f"a value for {name!r}, from which the parameters cell computes {parameter.name!r}: it would keep "
                "the value that belongs to the old one.",
                "parameters that do not depend on each other.",
                f"Give {parameter.name!r} too, or compute it in a cell below.",
            )


def from_text(known: Sequence[Parameter], name: str, text: str) -> Any:
    """Read a value as the parameter's default suggests: ``5`` is a number where the default is one.

    Raises
    ------
    NotebookError
        For an unknown parameter, or a text that is no value of its type.
    """
    parameter = next((each for each in known if each.name == name), None)
    if parameter is None:
        check_values(known, {name: text})
    elif parameter.type != "str":
        literal = {"true": "True", "false": "False"}.get(text.lower(), text)
        try:
            return ast.literal_eval(literal)
        except (ValueError, SyntaxError):
            if parameter.type not in ("NoneType", "expression"):
                check_values(known, {name: text})
    return text


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
