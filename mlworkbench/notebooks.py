"""Notebooks as functions: read their parameters, execute them with papermill."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.errors import NotebookError
from mlworkbench.values import check_values

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from mlworkbench.group import Group


class Parameter(NamedTuple):
    """One line of a notebook's parameters cell."""

    name: str
    type: str
    default: Any
    help: str


def read_notebook(notebook: str | os.PathLike[str]) -> NotebookNode:
    """Read a notebook file.

    Raises
    ------
    NotebookError
        When there is no such file, or it is not a notebook.
    """
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

    Parameters
    ----------
    notebook : path
        Any notebook, not only a lesson.

    Returns
    -------
    list of Parameter
        Name, type, default and help (the comment behind it) in the order of the cell; empty without such a cell.

    Raises
    ------
    NotebookError
        When the file is missing, is not a notebook, or its parameters cell is not Python.

    Notes
    -----
    `papermill.inspect_notebook` reads the same cell with a regular expression, which fails on a line with two ``=``.
    See https://papermill.readthedocs.io/en/latest/usage-parameterize.html
    """
    return _parameters_of(read_notebook(notebook), notebook)


def _parameters_of(node: NotebookNode, notebook: str | os.PathLike[str]) -> list[Parameter]:
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
    return [_parameter(*pair, comments) for node in tree.body if (pair := _assignment(node))]


def _assignment(node: ast.stmt) -> tuple[ast.Name, ast.expr] | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    value = getattr(node, "value", None)
    return (target, value) if isinstance(target, ast.Name) and value is not None else None


def _parameter(target: ast.Name, value: ast.expr, comments: dict[int, str]) -> Parameter:
    try:
        default = ast.literal_eval(value)
    except ValueError:  # computed from something else: shown as it is written
        return Parameter(target.id, "expression", ast.unparse(value), comments.get(value.end_lineno or 0, ""))
    return Parameter(target.id, type(default).__name__, default, comments.get(value.end_lineno or 0, ""))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}


def execute(
    notebook: Path,
    output: Path,
    *,
    content: str | None = None,
    values: Mapping[str, Any] | None = None,
    env: Mapping[str, str | None] | None = None,
    timeout: float | None = None,
    group: Group | None = None,
) -> None:
    """Execute a notebook with papermill in its own folder and write the executed copy, also when a cell fails.

    Parameters
    ----------
    notebook, output : Path
        What to execute, and where the executed copy goes.
    content : str, optional
        The notebook as text, where its file may not be at hand or have changed meanwhile.
    values : mapping, optional
        Parameters by name. Names that the notebook does not have are refused (papermill alone only warns).
    env : mapping, optional
        Variables added to the kernel's environment, or taken out of it (None).
    timeout : float, optional
        The most seconds that a cell may take.
    group : Group, optional
        Makes it possible to stop the execution from another thread.

    Raises
    ------
    NotebookError
        For a value that the notebook cannot take, or a kernel that is not installed.
    papermill.PapermillExecutionError
        When a cell fails: names the cell and the error.
    nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError
        When a cell takes too long, or the kernel's process ends.
    """
    import nbformat
    import papermill

    node = read_notebook(notebook) if content is None else nbformat.reads(content, as_version=4)  # type: ignore[no-untyped-call]
    given = check_values(_parameters_of(node, notebook), values or {})
    kernel = require_kernel(node)
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = notebook.absolute().parent
    papermill.execute_notebook(
        node,
        str(output.absolute()).replace("{", "{{").replace("}", "}}"),  # papermill fills braces with parameters
        parameters=given,
        engine_name="mlworkbench",
        kernel_name=kernel,
        language="python",
        progress_bar=False,
        kernel_cwd=str(folder if folder.is_dir() else output.absolute().parent),
        kernel_env={"IPYNB_FILE": str(notebook.absolute()), **(env or {})},
        execution_timeout=timeout,
        group=group,
    )


def require_kernel(node: NotebookNode) -> str:
    """Name of the kernel that a notebook asks for; ``python3`` if it names none.

    Raises
    ------
    NotebookError
        When it is not installed.
    """
    from jupyter_client.kernelspec import NoSuchKernel

    from mlworkbench.kernels import kernel_specs

    name = str(node.metadata.get("kernelspec", {}).get("name") or "python3")
    specs = kernel_specs()
    try:
        specs.get_kernel_spec(name)  # type: ignore[no-untyped-call]
    except NoSuchKernel as error:
        there = ", ".join(sorted(specs.find_kernel_specs()))  # type: ignore[no-untyped-call]
        raise NotebookError(
            f"no kernel is called {name!r}.",
            f"the kernel that the notebook's metadata names; there are: {there or 'none'}.",
            "Run `make setup`, or choose another kernel in JupyterLab; `jupyter kernelspec list` shows what is there.",
        ) from error
    return name
