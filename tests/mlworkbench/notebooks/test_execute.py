"""Parameters are read as a person reads them, and a notebook is executed in its own folder and environment."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from papermill import PapermillExecutionError

import mlworkbench as wb
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.parameters import Parameter
from tests.notebooks import notebook

pytestmark = pytest.mark.processes


def test_parameters_are_read_with_type_default_and_help(tmp_path: Path) -> None:
    lines = ['where = "a=b"  # a text with an equals sign = twice', "rate: float = 0.5", "n = 3  # how many"]
    lines += ["x, y = 1, 2", "both = n * 2", "import os"]
    path = notebook(tmp_path / "a.ipynb", "\n".join(lines), parameters=True)
    assert wb.parameters(path) == [
        Parameter("where", "str", "a=b", "a text with an equals sign = twice"),
        Parameter("rate", "float", 0.5, ""),
        Parameter("n", "int", 3, "how many"),
        Parameter("x", "int", 1, ""),
        Parameter("y", "int", 2, ""),
        Parameter("both", "expression", "n * 2", ""),
    ]


def test_a_notebook_without_parameters(tmp_path: Path) -> None:
    assert wb.parameters(notebook(tmp_path / "a.ipynb", "a = 1")) == []


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(wb.NotebookError, match="no file"):
        wb.parameters(tmp_path / "missing.ipynb")
    (tmp_path / "text.ipynb").write_text("hello")
    with pytest.raises(wb.NotebookError, match="is not a notebook"):
        wb.parameters(tmp_path / "text.ipynb")
    (tmp_path / "list.ipynb").write_text("[1, 2]")
    with pytest.raises(wb.NotebookError, match="is not a notebook"):
        wb.parameters(tmp_path / "list.ipynb")
    with pytest.raises(wb.NotebookError, match="cannot be read"):
        wb.parameters(notebook(tmp_path / "b.ipynb", "a = = 1", parameters=True))


def test_execution_has_its_own_folder_and_environment(tmp_path: Path) -> None:
    source = "import os\nprint(n, os.getcwd(), os.environ['WORD'], os.environ['IPYNB_FILE'])"
    path = notebook(tmp_path / "deep" / "a.ipynb", "n = 1", source, parameters=True)
    out = tmp_path / "out" / "a.ipynb"
    before = Path.cwd()
    execute(path, out, values={"n": 5}, env={"WORD": "hello"})
    executed = nbformat.read(out, as_version=4)
    assert executed.cells[-1].outputs[0].text.split() == ["5", str(path.parent), "hello", str(path)]
    assert executed.metadata.papermill.input_path == str(path), "as papermill's own command notes it"
    assert Path.cwd() == before


def test_a_failing_cell_leaves_the_copy_with_the_error(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "a = 1", "1 / 0", "never = True")
    with pytest.raises(PapermillExecutionError) as caught:
        execute(path, tmp_path / "out.ipynb")
    assert caught.value.ename == "ZeroDivisionError"
    kept = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert any(o.output_type == "error" for cell in kept.cells for o in cell.get("outputs", []))


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "trees = 1", parameters=True)
    with pytest.raises(wb.NotebookError, match="Did you mean 'trees'"):
        execute(path, tmp_path / "out.ipynb", values={"tres": 2})
    assert not (tmp_path / "out.ipynb").exists()


def test_a_missing_kernel(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "a = 1", kernel="fortran")
    with pytest.raises(wb.NotebookError, match="no kernel is called 'fortran'"):
        execute(path, tmp_path / "out.ipynb")
