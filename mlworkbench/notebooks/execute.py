"""Execute a notebook with papermill, in its own folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import NotebookError
from mlworkbench.notebooks.parameters import check_values, parameters_of, read_notebook
from mlworkbench.notebooks.stopping import Group

if TYPE_CHECKING:
    from nbformat import NotebookNode


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
    content : str, optional
        The notebook as text, where its file may not be at hand or have changed meanwhile.
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
    papermill.PapermillExecutionError, nbclient.exceptions.CellTimeoutError, nbclient.exceptions.DeadKernelError
        When a cell fails or takes too long, or the kernel's process ends.
    """
    import nbformat
    import papermill

    node = read_notebook(notebook) if content is None else nbformat.reads(content, as_version=4)  # type: ignore[no-untyped-call]
    given = check_values(parameters_of(node, notebook), values or {})
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
    """Name of the kernel that a notebook asks for, ``python3`` if it names none; it must be installed."""
    from jupyter_client.kernelspec import NoSuchKernel

    from mlworkbench.notebooks.kernels import kernel_specs

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
