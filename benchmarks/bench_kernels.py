"""Warm kernels against ordinary ones: a notebook that logs a run through papermill, and the memory of four."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
from jupyter_client.manager import KernelManager
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks.measure import compare, note, require_quiet, sized
from mlworkbench.fork_server import keep_warm, provisioner
from mlworkbench.notebooks.execute import execute
from mlworkbench.store import open_store

LEAST_FASTER, LEAST_SMALLER = 3, 1.5  # what docs/warm-kernels.md says
IMPORTS = "import matplotlib.pyplot as plt, mlflow, pandas as pd\nfrom sklearn.linear_model import LogisticRegression"
TRIVIAL = "with mlflow.start_run():\n    mlflow.log_param('x', x)\n    mlflow.log_metric('y', x * x)"


def written(path: Path, kernel: str) -> Path:
    """A notebook that logs a run: a parameters cell, the imports, the run."""
    sources = ["x = 1", "import mlflow", TRIVIAL]
    content = new_notebook(cells=[new_code_cell(source) for source in sources])
    content.cells[0].metadata["tags"] = ["parameters"]
    content.metadata = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    content.metadata["mlworkbench"] = {"kernel": kernel}
    nbformat.write(content, path)
    return path


@contextlib.contextmanager
def kernels(folder: str, *, warm: bool) -> Iterator[list[psutil.Process]]:
    """Four kernels that have done their imports; the processes that they take, the fork server among them."""
    managers = [KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/{n}") for n in range(4)]
    for manager in managers:
        if warm:
            manager.kernel_spec.metadata["kernel_provisioner"] = provisioner()
        manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        client.execute_interactive(IMPORTS, timeout=120)
        client.stop_channels()
    processes = [psutil.Process(manager.provisioner.pid) for manager in managers]
    yield [*processes, processes[0].parent()] if warm else processes
    for manager in managers:
        manager.shutdown_kernel()


def megabytes(processes: list[psutil.Process]) -> float:
    """Their proportional set size: memory that processes share counts once."""
    return sum(process.memory_full_info().pss for process in processes) / 2**20


def main() -> None:
    """Measure both and fail when a promise is broken."""
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        open_store()
        cold, warm = (written(Path(folder, f"{kind}.ipynb"), kind) for kind in ("cold", "warm"))
        keep_warm()
        execute(warm, Path(folder, "out.ipynb"))  # once the fork server is there
        faster = compare(
            "a notebook of one run, warm against ordinary kernel",
            lambda: execute(cold, Path(folder, "out.ipynb"), values={"x": 2}),
            lambda: execute(warm, Path(folder, "out.ipynb"), values={"x": 2}),
            repeats=sized(5, 1),
            least=LEAST_FASTER,
        )
        with kernels(folder, warm=False) as processes:
            plain = megabytes(processes)
        with kernels(folder, warm=True) as processes:
            ours = megabytes(processes)
    smaller = note(
        "memory of 4 kernels with their imports",
        f"{plain:.0f} MiB plain, {ours:.0f} MiB ours with the fork server, {plain / ours:.2f} times less",
        wanted=f"{LEAST_SMALLER} times",
        reached=plain / ours >= LEAST_SMALLER,
    )
    sys.exit(not (faster and smaller))


if __name__ == "__main__":
    main()
