"""Small notebooks for tests."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook


def notebook(path: Path, *sources: str, parameters: bool = False, kernel: str = "python3") -> Path:
    """Write a notebook of code cells; the first one is the parameters cell if there is one."""
    cells = [new_code_cell(source) for source in sources]
    if parameters:
        cells[0].metadata["tags"] = ["parameters"]
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def interrupted(*arguments: str, after: float) -> tuple[int, str]:
    """Exit code and output of the command `mlworkbench` that gets SIGINT so many seconds after Python has found it."""
    code = "import mlworkbench.__main__ as command\nprint('here', flush=True)\ncommand.main()"
    started = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=300)
    return process.returncode, told
