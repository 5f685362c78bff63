"""Values are checked against the parameters cell before anything runs, read from text, and spread out to points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mlworkbench as wb
from mlworkbench.notebooks.grid import expand, grid_from_text
from mlworkbench.notebooks.parameters import Parameter, check_values, from_text

KNOWN = [
    Parameter("trees", "int", 100, "how many"),
    Parameter("rate", "float", 0.1, ""),
    Parameter("kind", "str", "forest", ""),
    Parameter("quick", "bool", False, ""),
    Parameter("layers", "list", [8], ""),
    Parameter("limit", "NoneType", None, ""),
    Parameter("half", "expression", "trees // 2", ""),
]


def test_values_of_the_right_type_pass_as_plain_ones() -> None:
    """Numpy's numbers and tuples would reach the notebook as text."""
    given = {"trees": np.int64(5), "rate": 1, "layers": (4, np.int64(2)), "limit": "any", "half": 2}
    taken = check_values(KNOWN, given)
    assert taken == {"trees": 5, "rate": 1.0, "layers": [4, 2], "limit": "any", "half": 2}
    assert [type(taken[name]) for name in ("trees", "rate")] == [int, float]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tres": 5}, "Did you mean 'trees'"),
        ({"trees": "5"}, "a value of type int"),
        ({"trees": 2.5}, "a value of type int"),
        ({"trees": True}, "a value of type int"),
        ({"quick": 1}, "a value of type bool"),
        ({"kind": None}, "a value of type str"),
        ({"limit": object()}, "Give a plain value"),
        ({"limit": {1: 2}}, "Give a plain value"),
        ({"trees": 5}, "it would keep the value that belongs to the old one"),
    ],
)
def test_what_the_notebook_cannot_take_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(wb.NotebookError, match=message):
        check_values(KNOWN, values)


def test_values_without_a_parameters_cell() -> None:
    with pytest.raises(wb.NotebookError, match="Tag that cell"):
        check_values([], {"trees": 5})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("trees", "5", 5),
        ("rate", "1e-3", 1e-3),
        ("kind", "5", "5"),
        ("quick", "true", True),
        ("layers", "[1, 2]", [1, 2]),
        ("limit", "None", None),
        ("limit", "ten", "ten"),
        ("half", "3", 3),
    ],
)
def test_text_is_read_as_the_default_suggests(name: str, text: str, value: Any) -> None:
    assert from_text(KNOWN, name, text) == value


@pytest.mark.parametrize(("name", "text"), [("trees", "many"), ("quick", "yes"), ("tres", "5")])
def test_text_that_is_no_value(name: str, text: str) -> None:
    with pytest.raises(wb.NotebookError, match=f"{name}|Did you mean 'trees'"):
        from_text(KNOWN, name, text)


def test_a_grid_from_the_command_line() -> None:
    grid = grid_from_text(KNOWN, [("kind", "a,b")], ["trees=1, 2", "layers=[1,2],[3]"])
    assert grid == {"kind": ["a,b"], "trees": [1, 2], "layers": [[1, 2], [3]]}
    with pytest.raises(wb.NotebookError, match="'trees' twice"):
        grid_from_text(KNOWN, [("trees", "1")], ["trees=1,2"])


def test_a_grid_becomes_points_in_order() -> None:
    assert expand({"a": [1, 2], "b": ["x", ""][:1]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    assert expand(({"a": 1}, {"b": 2})) == [{"a": 1}, {"b": 2}]
    assert len(expand({"a": range(3), "b": np.linspace(0, 1, 4)})) == 12


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "empty grid"),
        ([], "empty grid"),
        ({"a": []}, "empty grid"),
        ({"a": "abc"}, "Write \\['abc'\\]"),
        ({"a": 5}, "Write \\[5\\]"),
        (3, "a grid 3"),
        ("a=3", "a grid 'a=3'"),
        ([1, 2], "a list of points"),
        ([{"a": 1}, {"a": 2}, {"a": 1}], "twice"),
        ({"a": [1, 1]}, "twice"),
    ],
)
def test_a_grid_that_says_nothing_or_too_much(grid: Any, message: str) -> None:
    with pytest.raises(wb.NotebookError, match=message):
        expand(grid)
