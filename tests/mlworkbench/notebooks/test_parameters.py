"""Parameters and values as people write them: infinite, tuples, JSON, other languages, broken files."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

import mlworkbench as wb
from mlworkbench.notebooks.grid import expand, grid_from_text
from mlworkbench.notebooks.parameters import Parameter, check_values, from_text
from tests.notebooks import notebook


def kinds(path: Path) -> list[tuple[str, str, Any]]:
    return [(parameter.name, parameter.type, parameter.default) for parameter in wb.parameters(path)]


@pytest.mark.parametrize("text", ["float('inf')", 'float("-inf")', "math.inf", "-np.inf", "numpy.inf", "inf", "1e999"])
def test_an_infinite_default_is_a_float(tmp_path: Path, text: str) -> None:
    ((_, kind, default),) = kinds(notebook(tmp_path / "a.ipynb", f"b = {text}", parameters=True))
    assert (kind, math.isinf(default)) == ("float", True)


@pytest.mark.parametrize("default", ["float('inf')", "0.5", "None", "math.inf", "float('nan')", "len('abc') * 1.5"])
@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "Infinity", "float('inf')", "float('-inf')", "float('nan')", "math.inf"]
)
def test_infinite_text_is_a_float_for_every_default_that_may_be_one(tmp_path: Path, default: str, text: str) -> None:
    known = wb.parameters(notebook(tmp_path / "a.ipynb", f"b = {default}", parameters=True))
    (value,) = check_values(known, {"b": from_text(known, "b", text)}).values()
    assert isinstance(value, float)
    assert not math.isfinite(value)


def test_infinite_text_stays_text_for_a_text() -> None:
    assert from_text([Parameter("word", "str", "a", "")], "word", "inf") == "inf"


@pytest.mark.parametrize("value", [(3, 4), [3, 4]])
def test_a_tuple_stays_a_tuple(value: Any) -> None:
    known = [Parameter("shape", "tuple", (1, 2), ""), Parameter("any", "NoneType", None, "")]
    assert check_values(known, {"shape": value}) == {"shape": (3, 4)}
    assert check_values(known, {"any": value}) == {"any": value}
    assert check_values(known, {"shape": from_text(known, "shape", "(3, 4)")}) == {"shape": (3, 4)}


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ("{'a': 1}", '{"a": true, "b": null, "c": [false, 1.5]}', {"a": True, "b": None, "c": [False, 1.5]}),
        ("[1]", "[1, Infinity]", [1, math.inf]),
        ("True", "FALSE", False),
    ],
)
def test_json_is_read(tmp_path: Path, default: str, text: str, value: Any) -> None:
    known = wb.parameters(notebook(tmp_path / "a.ipynb", f"a = {default}", parameters=True))
    assert check_values(known, {"a": from_text(known, "a", text)}) == {"a": value}


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("%matplotlib inline\nn = 1  # how many", ["n"]),
        ("!echo 'a b' c\nn = 1\n%env A=5", ["n"]),
        ("n = 1\nfiles = !ls\nwhere = %pwd", ["n", "files", "where"]),
        ("%%time\nn = 1", ["n"]),
        ("%%bash\nexport n=1; [ -z ]", []),
        ("text = '''\n%matplotlib\n!ls\n'''\nn = 1", ["text", "n"]),
    ],
)
def test_magics_in_the_parameters_cell(tmp_path: Path, cell: str, names: list[str]) -> None:
    found = wb.parameters(notebook(tmp_path / "a.ipynb", cell, parameters=True))
    assert [parameter.name for parameter in found] == names
    assert [parameter.help for parameter in found if parameter.help] == ["how many"] * ("# how many" in cell)


@pytest.mark.parametrize(
    ("cell", "defaults"),
    [
        ("a, b = 1, 'x'  # both", {"a": 1, "b": "x"}),
        ("a = b = 1", {"a": 1, "b": 1}),
        ("(a := 1)\n(b := 'x')", {"a": 1, "b": "x"}),
        ("b = (a := 1)", {"b": "(a := 1)", "a": 1}),
        ("print(a := 1)", {"a": 1}),
        ("a, b = load()", {"a": "a, b = load()", "b": "a, b = load()"}),
        ("n = 1\nn += 1", {"n": "n += 1"}),
        ("n = 1\nn = 2", {"n": 2}),
        ("try:\n    import colab\n    there = True\nexcept ImportError:\n    there = False", {"there": ...}),
        ("debug = True\nif debug:\n    n = 1\nelse:\n    n, m = 2, 3", {"debug": True, "n": ..., "m": ...}),
        ("conf.a = 1\nconf['b'] = 2\nn: int\nfor i in 'ab':\n    pass", {}),
    ],
)
def test_every_way_to_assign_gives_a_parameter(tmp_path: Path, cell: str, defaults: dict[str, Any]) -> None:
    """papermill takes a value for any name; what a default is computed to be is not known, and shown as it stands."""
    found = wb.parameters(notebook(tmp_path / "a.ipynb", cell, parameters=True))
    assert {each.name: each.default if defaults[each.name] is not ... else ... for each in found} == defaults
    assert len(found) == len(defaults)
    if "n" in defaults:
        assert check_values(found, {"n": 9}) == {"n": 9}


def test_what_is_named_on_the_way_takes_a_value_unless_another_would_keep_the_old_one(tmp_path: Path) -> None:
    known = wb.parameters(notebook(tmp_path / "a.ipynb", "(a := 1)  # how many", parameters=True))
    assert (known[0].help, check_values(known, {"a": 2})) == ("how many", {"a": 2})
    known = wb.parameters(notebook(tmp_path / "b.ipynb", "b = (a := 1) + 1", parameters=True))
    with pytest.raises(wb.NotebookError, match="a value for 'a', from which the parameters cell computes 'b'"):
        check_values(known, {"a": 2})


def test_what_is_computed_when_it_is_needed_is_not_stale(tmp_path: Path) -> None:
    cell = "n = 1\nmore = lambda x: x + n\nif n > 1:\n    many = True"
    found = wb.parameters(notebook(tmp_path / "a.ipynb", cell, parameters=True))
    assert check_values(found, {"n": 2, "many": True}) == {"n": 2, "many": True}
    with pytest.raises(wb.NotebookError, match="computes 'many'"):
        check_values(found, {"n": 2})


@pytest.mark.parametrize(
    ("language", "cell", "names"),
    [
        ("bash", "export n=1  # how many\nword='a b'\ndeclare -i m=3\necho $n", ["n", "word", "m"]),
        ("R", "n <- 1\nword = 'a'\nif (n == 1) print(n)", ["n", "word"]),
        ("scala", 'val n: Int = 1\nvar word = "a"', ["n", "word"]),
        ("csharp", "var n = 1; // how many\nint m = 2;", ["n", "m"]),
        ("powershell", "$n = 1", ["n"]),
        ("julia", "n = 1\nf(x) = x + 1", ["n"]),
    ],
)
def test_parameters_of_other_languages(tmp_path: Path, language: str, cell: str, names: list[str]) -> None:
    found = wb.parameters(written(tmp_path, {"language_info": {"name": language}}, cell))
    assert [parameter.name for parameter in found] == names
    assert check_values(found, {"n": 5}) == {"n": 5}
    assert from_text(found, "n", "5") == 5
    assert from_text(found, "n", "five") == "five"


def written(folder: Path, metadata: dict[str, Any], cell: str = "n = 1", tags: Any = ("parameters",)) -> Path:
    """A notebook as other tools may write it: without anything that checks it."""
    code = {"cell_type": "code", "metadata": {"tags": tags}, "source": cell, "outputs": [], "execution_count": None}
    path = folder / "a.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": [code]}))
    return path


@pytest.mark.parametrize(
    "metadata", [{}, {"kernelspec": None, "language_info": [], "papermill": None, "mlworkbench": 5}]
)
@pytest.mark.parametrize(("tags", "names"), [(None, []), ("parameters", ["n"]), (["parameters"], ["n"])])
def test_what_old_tools_left_out(tmp_path: Path, metadata: dict[str, Any], tags: Any, names: list[str]) -> None:
    assert [parameter.name for parameter in wb.parameters(written(tmp_path, metadata, tags=tags))] == names


def test_notebooks_of_version_3(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "language": "python", "input": ["n = 1\n", "m = 2"], "outputs": [], "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [cell]}]}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert wb.parameters(tmp_path / "old.ipynb") == []


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "[]",
        '{"nbformat": 4}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": null}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [null]}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": []}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "metadata": []}, 5]}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": null}]}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": "\\ud800"}]}',
        f'{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{"a": {DEEP}}}, "cells": []}}',
        DEEP,
    ],
)
def test_a_broken_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.ipynb").write_text(content)
    with pytest.raises(wb.NotebookError, match="is not a notebook"):
        wb.parameters(tmp_path / "a.ipynb")


@pytest.mark.parametrize("path", [None, 5, b"a.ipynb", ["a.ipynb"], "a\0.ipynb", "\ud800.ipynb", "", Path()])
def test_what_is_no_path(path: Any) -> None:
    with pytest.raises(wb.NotebookError, match=r"no file|the path of a notebook"):
        wb.parameters(path)


class Unreadable:
    def __repr__(self) -> str:
        raise AttributeError


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    "value",
    ["a\0b", "\ud800", ["\ud800"], {"\0": 1}, [10**5000], Path("a"), ITSELF, b"a", {1, 2}, object, 1j, Unreadable()],
    ids=range(12),
)
def test_values_that_no_notebook_can_take(value: Any) -> None:
    with pytest.raises(wb.NotebookError):
        check_values([Parameter("a", "NoneType", None, "")], {"a": value})


def test_a_number_that_no_float_can_be() -> None:
    with pytest.raises(wb.NotebookError, match="a value of type float"):
        check_values([Parameter("a", "float", 0.5, "")], {"a": 10**400})


def test_a_name_that_is_no_text() -> None:
    with pytest.raises(wb.NotebookError, match="no parameter is called '5'"):
        check_values([Parameter("a", "int", 5, "")], {5: 5})  # type: ignore[dict-item]


def test_commas_inside_of_brackets_belong_to_the_value() -> None:
    known = [Parameter("layers", "list", [8], ""), Parameter("word", "str", "a", "")]
    grid = grid_from_text(known, [], ["layers=[[1,2],[3,4]],[[5,6]]", "word=:(,b)"])
    assert grid == {"layers": [[[1, 2], [3, 4]], [[5, 6]]], "word": [":(,b)"]}
    assert grid_from_text(known, [], ["word=:),b"]) == {"word": [":)", "b"]}


def test_a_large_grid_is_expanded_in_seconds_and_its_number_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was quadratic took minutes at 10^5 points."""
    grid = {"a": range(1000), "b": range(100)}
    with pytest.raises(wb.NotebookError, match="a grid of 100,000 points") as caught:
        expand(grid)
    assert "MLWORKBENCH_MAX_POINTS" in caught.value.do
    monkeypatch.setenv("MLWORKBENCH_MAX_POINTS", "200000")
    begun = time.monotonic()
    points = expand(grid)
    assert expand(points) == points
    assert (len(points), points[-1]) == (100_000, {"a": 999, "b": 99})
    assert time.monotonic() - begun < 60
    with pytest.raises(wb.NotebookError, match="points"):
        expand({"a": range(10**9), "b": range(10**9)})
    monkeypatch.setenv("MLWORKBENCH_MAX_POINTS", "many")
    with pytest.raises(wb.NotebookError, match="unset it"):
        expand({"a": [1]})


@pytest.mark.parametrize("grid", [None, 5, Path("a"), {"a": None}, {"a": range(10**30)}, {5: 5}, b"a=1"])
def test_what_is_no_grid(grid: Any) -> None:
    with pytest.raises(wb.NotebookError):
        expand(grid)
