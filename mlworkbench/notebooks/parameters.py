"""Parameters of a notebook: read from its cell, and values for them checked before anything runs."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.errors import NotebookError, unknown_name

if TYPE_CHECKING:
    from nbformat import NotebookNode


class Parameter(NamedTuple):
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


def read_notebook(notebook: str | os.PathLike[str]) -> NotebookNode:
    """Read a notebook file; a `NotebookError` tells when there is none, or it is not a notebook."""
    import nbformat

    path = Path(notebook)
    if not path.is_file():
        raise NotebookError(f"no file {path}.", "the path of a notebook.", "Correct the path.")
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-any-return, no-untyped-call]
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise NotebookError(
            f"{path} is not a notebook ({type(error).__name__}).", "a Jupyter notebook (.ipynb).", "Name a notebook."
        ) from error


def parameters(notebook: str | os.PathLike[str]) -> list[Parameter]:
    """The parameters of a notebook: the plain assignments in its cell tagged ``parameters``.

    `papermill.inspect_notebook` reads it with a regular expression, which fails on a line with two ``=``.

    Returns
    -------
    list of Parameter
        Name, type, default and help (the comment behind it) in the order of the cell; empty without such a cell.

    Raises
    ------
    NotebookError
        When the file is missing, is not a notebook, or its parameters cell is not Python.

    See Also
    --------
    https://papermill.readthedocs.io/en/latest/usage-parameterize.html
    """
    return parameters_of(read_notebook(notebook), notebook)


def parameters_of(node: NotebookNode, notebook: str | os.PathLike[str]) -> list[Parameter]:
    """The parameters of a notebook that has been read."""
    tagged = [cell.source for cell in node.cells if "parameters" in cell.metadata.get("tags", [])]
    if not tagged:
        return []
    try:
        tree = ast.parse(tagged[0])
        comments = _comments(tagged[0])
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookError(
            f"the parameters cell of {notebook} cannot be read ({error}).",
            "one plain assignment a line, as in `trees = 100  # how many`.",
            "Correct that cell.",
        ) from error
    return [parameter for line in tree.body if (parameter := _parameter(line, comments))]


def _parameter(line: ast.stmt, comments: dict[int, str]) -> Parameter | None:
    target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
    value = getattr(line, "value", None)
    if not isinstance(target, ast.Name) or value is None:
        return None
    comment = comments.get(value.end_lineno, "")
    try:
        default = ast.literal_eval(value)
    except ValueError:  # computed from something else: shown as it is written
        return Parameter(target.id, "expression", ast.unparse(value), comment)
    return Parameter(target.id, type(default).__name__, default, comment)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


Point = dict[str, Any]
"""Values by the name of the parameter."""


def check_values(known: Sequence[Parameter], values: Mapping[str, Any]) -> Point:
    """Refuse values that the notebook cannot take, and give back plain ones (papermill alone only warns)."""
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
    """Read a value as the default suggests (``5`` is a number where it is one), or raise `NotebookError`."""
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
