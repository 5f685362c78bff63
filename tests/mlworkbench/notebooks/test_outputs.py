"""Large outputs cost what they are worth, every end of a cell has its reason, and a page of HTML is a courtesy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook, new_output

import mlworkbench as wb
from mlworkbench.cli import main
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.outputs import exit_reason, join_streams
from mlworkbench.notebooks.page import as_page
from tests.notebooks import notebook

pytestmark = pytest.mark.processes


def artifacts(run: mlflow.entities.Run) -> set[str]:
    return {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}


def streams(*texts: str, name: str = "stdout") -> list[nbformat.NotebookNode]:
    return [new_output("stream", name=name, text=text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("a\n", "b\n"), "a\nb\n"),
        (("1%\r2%", "\r100%\n", "done\n"), "100%\ndone\n"),
        (("windows\r\nline\r\n",), "windows\r\nline\r\n"),
        (("a\rb\rc\r\n", "x\r"), "c\r\nx\r"),
    ],
)
def test_streams_are_joined_as_a_terminal_shows_them(texts: tuple[str, ...], joined: str) -> None:
    """As nbclient does it, which is compared."""
    cell = new_code_cell(outputs=streams(*texts))
    join_streams(cell)
    assert [output.text for output in cell.outputs] == [joined]
    assert re.sub(r".*\r(?=[^\n])", "", "".join(texts)) == joined


def test_other_outputs_stay_in_their_order() -> None:
    shown = [new_output("display_data", data={"text/plain": text}) for text in "xy"]
    cell = new_code_cell(outputs=[shown[0], *streams("late", name="stderr"), *streams("a"), shown[1], *streams("b")])
    join_streams(cell)
    assert [output.get("text", output.get("data")) for output in cell.outputs] == [
        {"text/plain": "x"},
        "ab",
        "late",
        {"text/plain": "y"},
    ]


def test_joining_grows_with_the_output() -> None:
    """A line of 30 million characters and a million lines; what was quadratic took hours."""
    begun = time.monotonic()
    for text in ("x" * 30_000_000, "line\n" * 1_000_000, "\r1%" * 1_000_000):
        join_streams(new_code_cell(outputs=streams(text)))
    join_streams(new_code_cell(outputs=streams(*["x" * 10_000] * 3_000)))
    assert time.monotonic() - begun < 60


LARGE = {
    "a line": "print('x' * 30_000_000)",
    "many lines": "for i in range(300_000): print(i)",
    "many outputs": "from IPython.display import display\nfor i in range(3_000): display(i)",
    "a table": "import pandas as pd\npd.set_option('display.max_rows', None)\npd.DataFrame({'a': range(30_000)})",
    "pictures": "import os\nfrom IPython.display import Image\n"
    "for _ in 'abcde': display(Image(os.urandom(10**7), format='png'))",
    "an error": "raise ValueError('x' * 10_000_000)",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LARGE)
def test_large_outputs_are_kept_whole_and_their_page_is_cut(tmp_path: Path, home: Path, kind: str) -> None:
    path = notebook(tmp_path / "a.ipynb", LARGE[kind])
    run = wb.rerun(path)
    assert run.data.tags["outcome"] == "passed" or kind == "an error"
    assert artifacts(run) == {"a.ipynb", "a.html"}
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id))
    kept, page = (folder / "a.ipynb").read_text(), (folder / "a.html").read_text()
    assert len(page) < 25_000_000
    assert "the executed notebook]" in page or "the executed notebook</span>" in page
    assert len(kept) > 1_000_000 or kind == "many outputs"
    assert len(json.loads(kept)["cells"][-1]["outputs"]) == (
        3000 if kind == "many outputs" else 5 if kind == "pictures" else 1
    )


def test_a_page_loads_nothing_from_anywhere() -> None:
    """No script, style or font of somebody else's server, also with formulas, diagrams and widgets."""
    state = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2, "version_minor": 0}}
    cells = [
        nbformat.v4.new_markdown_cell("$x^2$\n```mermaid\ngraph LR; A-->B\n```"),
        new_code_cell("1", outputs=[new_output("display_data", data={"text/latex": "$x$", "text/plain": "x"})]),
    ]
    page = as_page(new_notebook(cells=cells, metadata={"widgets": state}))
    assert "x^2" in page
    assert not re.findall(
        r"""(?:src|href)\s*=\s*["']?(?:https?:)?//[^"' ]*|import\s[^;]*["']https?:|url\(["']?http""", page
    )
    assert "cdn" not in page.lower()


@pytest.mark.parametrize("missing", ["![a](attachment:Screen%20Shot.png)", "![a](attachment:gone.png)", "widgets"])
def test_without_a_page_everything_else_is_recorded(tmp_path: Path, home: Path, missing: str) -> None:
    path = notebook(tmp_path / "a.ipynb", "1 / 0")
    node = nbformat.read(path, as_version=4)
    if missing == "widgets":
        node.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    else:
        node.cells.insert(0, nbformat.v4.new_markdown_cell(missing, attachments={"other.png": {"image/png": "YQ=="}}))
    nbformat.write(node, path)
    run = wb.rerun(path)
    assert (run.info.status, run.data.tags["outcome"].partition(":")[0][:14]) == ("FAILED", "failed in cell")
    assert "a.ipynb" in artifacts(run)
    assert ("a.html" in artifacts(run)) != ("no HTML" in run.data.tags.get("mlworkbench.html", ""))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exit code 3"),
        (-9, "SIGKILL (out of memory"),
        (-11, "SIGSEGV (compiled code"),
        (-64, "ended"),
        (None, "answer"),
    ],
)
def test_the_end_of_a_process_is_told(code: int | None, words: str) -> None:
    assert words in exit_reason(code)


BASH = """
import subprocess, sys
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
class Bash(Kernel):
    implementation = language = banner = 'bash'
    implementation_version = language_version = '1'
    language_info = {'name': 'bash', 'mimetype': 'text/x-sh', 'file_extension': '.sh'}
    said = ''
    def do_execute(self, code, silent, *_, **__):
        self.said += code + '\\n'
        told = subprocess.run(['bash', '-c', self.said], capture_output=True, text=True).stdout
        if not silent:
            self.send_response(self.iopub_socket, 'stream', {'name': 'stdout', 'text': told})
        return {'status': 'ok', 'execution_count': self.execution_count, 'payload': [], 'user_expressions': {}}
IPKernelApp.launch_instance(kernel_class=Bash)
"""


@pytest.fixture
def bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel for Bash, of the few lines that one needs."""
    folder = tmp_path / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    (folder / "bash.py").write_text(BASH)
    spec = {"argv": [sys.executable, str(folder / "bash.py"), "-f", "{connection_file}"], "display_name": "Bash"}
    (folder / "kernel.json").write_text(json.dumps(spec | {"language": "bash"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


def test_a_notebook_in_another_language_gets_its_values_in_it(tmp_path: Path, home: Path, bash: None) -> None:
    path = notebook(
        tmp_path / "a.ipynb", "export n=1\nwords=(a)", 'echo "$n ${words[1]}"', parameters=True, kernel="bash"
    )
    node = nbformat.read(path, as_version=4)
    node.metadata["kernelspec"]["language"] = "bash"
    nbformat.write(node, path)
    run = wb.rerun(path, n=5, words=["a b", "c d"])
    assert (run.data.tags["outcome"], run.data.params["n"]) == ("passed", "5")
    kept = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="a.ipynb"))
    assert nbformat.read(kept, as_version=4).cells[-1].outputs[0].text == "5 c d\n"


def test_a_kernel_of_another_machine_is_replaced_by_name(tmp_path: Path, home: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "n = 1", "assert n == 2", parameters=True, kernel="conda-env-foo-py")
    with pytest.raises(wb.NotebookError, match=r"-k python3"):
        wb.rerun(path)
    run = wb.rerun(path, n=2, kernel="python3")
    assert run.data.tags["outcome"] == "passed"
    assert (wb.sweep(path, {"n": [2]}, kernel="python")["outcome"] == "passed").all()
    done = CliRunner().invoke(main, ["rerun", str(path), "-p", "n", "2", "-k", "python3"])
    assert (done.exit_code, done.output.partition(",")[0]) == (0, "passed")
    with pytest.raises(wb.NotebookError, match=r"a kernel that is installed"):
        wb.rerun(path, kernel=5)  # type: ignore[arg-type]


def test_a_text_of_a_megabyte_is_handed_over(tmp_path: Path, home: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "text = ''", "assert len(text) == 1_000_000", parameters=True)
    assert wb.rerun(path, text="x'\"\\\n" * 200_000).data.tags["outcome"] == "passed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--jobs", "0"], "at least 1"),
        (["--backend", "nothing"], "no backend is called 'nothing'"),
        (["--timeout", "nan"], "above 0"),
        (["-k", "nothing"], "no kernel is called 'nothing'"),
        (["-p", "n", "\udcff"], "a value of type int"),
        (["--grid", "n=" + ",".join(map(str, range(10_001)))], "a grid of 10,001 points"),
    ],
)
def test_mistakes_on_the_command_line_are_told_in_three_sentences(
    tmp_path: Path, home: Path, arguments: list[str], told: str
) -> None:
    path = notebook(tmp_path / "a.ipynb", "n = 1", parameters=True)
    done = CliRunner().invoke(main, ["rerun", str(path), *arguments])
    assert (done.exit_code, told in done.output) == (2, True), done.output
    assert mlflow.search_runs(search_all_experiments=True).empty


@pytest.mark.parametrize("options", [{"n_jobs": 2.5}, {"n_jobs": "2"}, {"timeout": "x"}, {"backend": None}])
def test_mistakes_in_python_are_told_in_three_sentences(tmp_path: Path, home: Path, options: dict[str, object]) -> None:
    path = notebook(tmp_path / "a.ipynb", "n = 1", parameters=True)
    with pytest.raises(wb.WorkbenchError):
        wb.sweep(path, {"n": [1]}, **options)  # type: ignore[arg-type]


def test_values_are_written_as_python_has_them(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "a = None", "print(repr(a))", parameters=True)
    value = ((1,), [(), (2, (3.5, "x'\n"))], {"k": (None, True)}, float("inf"))
    execute(path, tmp_path / "out.ipynb", values={"a": value})
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs[0].text == f"{value!r}\n"


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="nothing is forked here")
def test_long_imports_are_told(tmp_path: Path, home: Path) -> None:
    """A command that waits for them says so, before anything else."""
    slow = "import sys, time\nif sys.argv[0].endswith('server.py'):\n    time.sleep(10)\nraise ImportError\n"
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "colorama.py").write_text(slow)  # what tornado imports if it is there
    path = notebook(tmp_path / "a.ipynb", "n = 1")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "slow"), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.partition(",")[0] == "passed", done.stderr
    assert "imports that kernels share are under way" in done.stderr.splitlines()[0]
