"""Parameters of a notebook: read from its cell, and values for them checked before anything runs."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.errors import NotebookError, shown, unknown_name
from mlworkbench.notebooks.literals import NO_LITERAL, literal
from mlworkbench.notebooks.notebook_file import language_of, read_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

ANYTHING = ("NoneType", "expression")
"""Types of defaults that say nothing of the values that may take their place."""

_BLOCKS = (ast.If, ast.Try, ast.With)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)
_ASSIGNMENT = re.compile(
    r"^\s*(?:[\w<>\[\]-]+\s+)*\$?(?P<name>[^\W\d]\w*)(?:\s*:\s*[\w\[\]]+)?\s*(?:<-|=(?!=))\s*"
    r"(?P<value>.*?);?\s*(?:(?:#|//)\s*(?P<help>.*))?$"
)
"""``export n=1``, ``n <- 1``, ``val n: Int = 1``, ``$n = 1``, ``var n = 1;``: a line in a language but Python."""


class Parameter(NamedTuple):
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


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
        When the file is missing, is not a notebook, or its parameters cell cannot be read.

    References
    ----------
    https://papermill.readthedocs.io/en/latest/usage-parameterize.html

    Examples
    --------
    >>> [each.name for each in wb.parameters("notebooks/projects/wine/how_deep.ipynb")]
    ['depth', 'folds', 'seed']
    """
    return parameters_of(read_notebook(notebook), notebook)


def parameters_of(node: NotebookNode, notebook: str | os.PathLike[str]) -> list[Parameter]:
    """The parameters of a notebook that has been read."""
    tagged = [cell.source for cell in node.cells if "parameters" in cell.metadata["tags"]]
    if not tagged:
        return []
    if "py" not in language_of(node):
        found = [_ASSIGNMENT.match(line) for line in tagged[0].splitlines()]
        return [Parameter(line["name"], "NoneType", line["value"], line["help"] or "") for line in found if line]
    try:
        source, tree = _as_python(tagged[0])
        comments = _comments(source)
    except (*NO_LITERAL, tokenize.TokenError) as error:
        raise NotebookError(
            f"the parameters cell of {notebook} cannot be read ({error}).",
            "one plain assignment a line, as in `trees = 100  # how many`.",
            "Correct that cell.",
        ) from error
    given = [parameter for line in tree.body for parameter in _given_by(line, comments)]
    return list({parameter.name: parameter for parameter in given}.values())  # the last value is the one that holds


def _as_python(source: str) -> tuple[str, ast.Module]:
    """A cell as IPython hands it to Python: lines that begin with ``%`` or ``!`` are calls there."""
    try:
        return source, ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        first, _, rest = source.lstrip().partition("\n")
        if not first.startswith("%%"):
            plain = TransformerManager().transform_cell(source)
            return plain, ast.parse(plain)
        try:
            return rest, ast.parse(rest)  # under %%time or %%capture it is Python still
        except SyntaxError:
            return "", ast.Module([], [])


def _given_by(line: ast.stmt, comments: dict[int, str]) -> Iterator[Parameter]:
    """Each name that a statement gives a value to; below an `if`, `try` or `with` the value depends on all of it."""
    if isinstance(line, (*_BLOCKS, *_ASSIGNMENTS, ast.Expr)):  # a bare `(n := 5)` is an expression
        whole, comment = (line, "") if isinstance(line, _BLOCKS) else (None, comments.get(line.end_lineno or 0, ""))
        given = [each for each in ast.walk(line) if isinstance(each, _ASSIGNMENTS)]
        yield from (_parameter(name, whole or value, comment) for each in given for name, value in _targets(each))


def _targets(line: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) -> Iterator[tuple[str, ast.AST]]:
    """The names of an assignment, each with its value, or with the whole line where that is more than a value."""
    for target in line.targets if isinstance(line, ast.Assign) else [line.target]:
        pairs: Iterable[tuple[ast.expr, ast.AST | None]] = [(target, line.value)]
        if isinstance(line, ast.AugAssign):
            pairs = [(target, line)]
        elif isinstance(target, ast.Tuple) and isinstance(line.value, ast.Tuple):
            pairs = zip(target.elts, line.value.elts, strict=False)
        elif isinstance(target, ast.Tuple):
            pairs = [(each, line) for each in target.elts]
        yield from ((each.id, value) for each, value in pairs if isinstance(each, ast.Name) and value is not None)


def _parameter(name: str, value: ast.AST, comment: str) -> Parameter:
    if isinstance(value, ast.expr):
        with contextlib.suppress(*NO_LITERAL):
            default = literal(value)
            return Parameter(name, type(default).__name__, default, comment)
    return Parameter(name, "expression", ast.unparse(value), comment)  # computed: shown as it is written


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


Point = dict[str, Any]
"""Values by the name of the parameter."""

_FLOAT_BITS, _MOST_BITS = 1024, 14_000
"""What a float can hold, and what Python writes as a number."""


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
    try:
        taken = {name: _fitting(by_name[name], _plain(name, value)) for name, value in values.items()}
    except RecursionError as error:
        raise NotebookError("a value nested too deep.", "a plain value.", "Build it in the notebook.") from error
    _refuse_stale(known, taken)
    return taken


def _plain(name: str, value: Any) -> Any:
    """Numbers of numpy as Python's, which papermill would write into the notebook as text."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(_plain(name, each) for each in value)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {_plain(name, key): _plain(name, each) for key, each in value.items()}
    if isinstance(value, str):
        return _storable(name, value)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise NotebookError(f"{name}: a number of {value.bit_length()} bits.", "a smaller one.", "Give it as a text.")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise NotebookError(
        f"{name} = {shown(value)}, a {type(value).__name__}.",
        "a number, a text, True, False, None, or a list, tuple or dict of these.",
        "Give a plain value, and build the object from it in the notebook.",
    )


def _storable(name: str, text: str) -> str:
    """A text that a notebook and a database can hold."""
    if "\0" in text or text.encode(errors="ignore").decode() != text:
        found = f"{name} = {shown(text)}, with a NUL or half of a surrogate pair in it."
        raise NotebookError(found, "a text that can be stored.", "Leave those characters out.")
    return text


def _fitting(parameter: Parameter, value: Any) -> Any:
    """The value, if it has the type of the default; a whole number does for a float, a list for a tuple."""
    kind = parameter.type
    if kind == "tuple" and isinstance(value, list):
        return tuple(value)
    if kind == "list" and isinstance(value, tuple):
        return list(value)
    if kind == "float" and type(value) is int and value.bit_length() < _FLOAT_BITS:
        return float(value)
    if kind in ANYTHING or type(value).__name__ == kind:
        return value
    raise NotebookError(
        f"{parameter.name} = {shown(value)}, a {type(value).__name__}.",
        f"a value of type {kind}, like the default {shown(parameter.default)}.",
        "Correct the value.",
    )


def _refuse_stale(known: Sequence[Parameter], values: Mapping[str, Any]) -> None:
    """A parameter that is computed from another one in the parameters cell would keep its old value."""
    for parameter in known:
        if parameter.type != "expression" or parameter.name in values:
            continue
        for name in sorted(_used(ast.parse(parameter.default)) & set(values)):
            raise NotebookError(
                f"a value for {name!r}, from which the parameters cell computes {parameter.name!r}: it would keep "
                "the value that belongs to the old one.",
                "parameters that do not depend on each other.",
                f"Give {parameter.name!r} too, or compute it in a cell below.",
            )


def _used(node: ast.AST) -> set[str]:
    """The names from which something is computed; what a function uses, it looks up when it is called."""
    if isinstance(node, ast.Lambda):
        return _used(node.args)
    below = set().union(*map(_used, ast.iter_child_nodes(node)))
    if isinstance(node, ast.NamedExpr):
        return below | {node.target.id}
    return below | {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else below


def from_text(known: Sequence[Parameter], name: str, text: str) -> Any:
    """Read a value as the default suggests (``5`` is a number where it is one), or raise `NotebookError`."""
    parameter = next((each for each in known if each.name == name), None)
    if parameter is None:
        check_values(known, {name: text})
    elif parameter.type != "str":
        try:
            return literal(text.lower() if text.lower() in ("true", "false") else text)
        except NO_LITERAL:
            return _fitting(parameter, text)
    return text
