"""What came of a rerun, and its record in the store."""

from __future__ import annotations

import functools
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlworkbench.errors import told
from mlworkbench.histories import BATCH
from mlworkbench.notebooks.parameters import read_notebook
from mlworkbench.orphans import OUTCOME_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from nbconvert import HTMLExporter
    from nbformat import NotebookNode

_EXPORTING = threading.Lock()
"""An exporter keeps what it knows of the notebook that it is at, so only one thread uses it at a time."""


def record(client: MlflowClient, run_id: str, output: Path, error: BaseException | None) -> None:
    """Keep the executed notebook, say how it ended, and end the run."""
    node = read_notebook(output) if output.exists() else None
    if node is not None:
        client.log_artifact(run_id, str(output))
        with _EXPORTING:
            page, _ = _exporter().from_notebook_node(node)
        output.with_suffix(".html").write_text(page, encoding="utf-8")
        client.log_artifact(run_id, str(output.with_suffix(".html")))
    status, outcome, description = _outcome(node, error)
    client.set_tag(run_id, OUTCOME_TAG, outcome)
    if description:
        client.set_tag(run_id, "mlflow.note.content", description)
    _copy_metrics(client, run_id)
    client.set_terminated(run_id, status)


def _outcome(node: NotebookNode | None, error: BaseException | None) -> tuple[str, str, str]:
    """Status of the run, the outcome in a line, and a description that shows the failing cell."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError

    if error is None:
        return "FINISHED", "passed", ""
    if isinstance(error, InterruptedError) or not isinstance(error, Exception):
        return "KILLED", "interrupted", ""
    number, source = _last_cell(node)
    where, reason = f"in cell {number}", told(error)
    if isinstance(error, PapermillExecutionError):
        reason = f"{error.ename}: {error.evalue}"
    elif isinstance(error, CellTimeoutError):
        reason = "the cell took longer than the timeout"
    elif isinstance(error, DeadKernelError):
        reason = "the kernel's process ended (out of memory, or killed)"
    else:
        return "FAILED", f"failed: {reason}", ""
    return (
        "FAILED",
        " ".join(f"failed {where}: {reason}".split())[:250],
        f"Failed {where}:\n```python\n{source[:2000]}\n```\n{reason[:2000]}",
    )


def _last_cell(node: NotebookNode | None) -> tuple[int, str]:
    """Number (from 1, as in the notebook that was given) and source of the last cell that was begun."""
    number, last = 0, (0, "")
    for cell in node.cells if node else []:
        if {"injected-parameters", "papermill-error-cell-tag"} & set(cell.metadata.get("tags", [])):
            continue
        number += 1
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time"):
            last = number, cell.source
    return last


def _copy_metrics(client: MlflowClient, run_id: str) -> None:
    """Copy the metrics that exactly one child logged, so that points can be compared without looking into children."""
    from mlflow.entities import Metric

    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    children = client.search_runs(experiments, f"tags.mlflow.parentRunId = '{run_id}'", max_results=1000)
    names = [name for child in children for name in child.data.metrics]
    values = {name: value for child in children for name, value in child.data.metrics.items() if names.count(name) == 1}
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in values.items() if name != "seconds"]
    client.log_batch(run_id, metrics=metrics[:BATCH])


@functools.cache
def _exporter() -> HTMLExporter:
    """One for all points: it compiles its templates, which takes longer than using them."""
    from nbconvert import HTMLExporter

    return HTMLExporter()  # type: ignore[no-untyped-call]
