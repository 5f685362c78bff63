"""Execute a notebook with papermill, in its own folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.notebooks.kernels import require_kernel
from mlworkbench.notebooks.notebook_file import parse_notebook, read_notebook, write_notebook
from mlworkbench.notebooks.parameters import check_values, parameters_of
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
    kernel: str | None = None,
) -> None:
    """Execute a notebook with papermill in its own folder and write the executed copy, also when a cell fails.

    ``content`` is the notebook as text, where its file may have changed; ``env`` is added to the kernel's environment
    (None takes a variable out); ``timeout`` is in seconds a cell; a ``group`` can be stopped from another thread. A
    NotebookError tells a value or a kernel that cannot be; errors of papermill and nbclient, how a cell ended.
    """
    import papermill

    from mlworkbench.notebooks.papermill_engine import PYTHON

    node = read_notebook(notebook) if content is None else parse_notebook(content, notebook)
    given = check_values(parameters_of(node, notebook), values or {})
    found = require_kernel(node, kernel)
    folder = notebook.absolute().parent
    with _written(notebook, output) as executed:
        papermill.execute_notebook(
            node,
            None,  # papermill would write the whole notebook after each cell
            parameters=given,
            engine_name="mlworkbench",
            kernel_name=found.name,
            language=PYTHON if found.language == "python" else found.language,
            progress_bar=False,
            kernel_cwd=str(folder if folder.is_dir() else output.absolute().parent),
            kernel_env={"IPYNB_FILE": str(notebook.absolute()), **(env or {})},
            execution_timeout=timeout,
            group=group,
            executed=executed,
        )


@contextlib.contextmanager
def _written(notebook: Path, output: Path) -> Iterator[list[NotebookNode]]:
    """A list for the notebook that is executed in the block; it is written at the end, however that comes.

    papermill notes its input in the copy, which here would be the whole notebook instead of its path.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    executed: list[NotebookNode] = []
    try:
        yield executed
    finally:
        for node in executed:
            node.metadata.papermill["input_path"] = str(notebook)
            write_notebook(node, output)
