"""Large outputs: a rerun, recorded with its page of HTML, against papermill, which only writes the notebook."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

import mlworkbench as wb
from benchmarks.measure import compare, require_quiet
from mlworkbench.fork_server import keep_warm
from mlworkbench.store import open_store

KINDS = {
    "one line of 30 million characters": "print('x' * 30_000_000)",
    "a million short lines": "for i in range(1_000_000): print(i)",
    "10,000 small outputs": "for i in range(10_000): display(i)",
    "a DataFrame of 100,000 rows shown whole": (
        "import pandas as pd\npd.set_option('display.max_rows', None)\npd.DataFrame({'a': range(100_000)})"
    ),
    "50 MB of pictures": (
        "import os\nfrom IPython.display import Image\n"
        "for _ in range(25): display(Image(os.urandom(1_500_000), format='png'))"
    ),
    "an error of 10 million characters": "raise ValueError('x' * 10_000_000)",
}
WORST = 3.0
"""How many times papermill's seconds a rerun may take: it writes the notebook, stores it, and makes the page."""


def written(path: Path, source: str) -> Path:
    """A notebook of one cell."""
    kernel = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell(source)], metadata={"kernelspec": kernel}), path)
    return path


def main(repeats: int) -> None:
    """Measure every kind in turn and fail when one takes more than the worst ratio."""
    require_quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        open_store()
        keep_warm()
        path, reached = Path(folder, "large.ipynb"), list[bool]()
        wb.rerun(written(path, "1"))  # once everything is imported
        for kind, source in KINDS.items():
            written(path, source)

            def plain() -> None:
                with contextlib.suppress(papermill.PapermillExecutionError):
                    # with its own 4 s it gives up where there are many outputs
                    papermill.execute_notebook(path, path.with_name("out.ipynb"), progress_bar=False, iopub_timeout=300)

            def ours() -> None:
                wb.rerun(path)

            reached.append(compare(f"{kind}, a rerun against papermill", plain, ours, repeats, least=1 / WORST))
    sys.exit(not all(reached))


if __name__ == "__main__":
    main(2)
