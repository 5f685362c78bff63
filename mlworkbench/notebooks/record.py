"""What came of a rerun, and its record in the store."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mlworkbench.errors import told
from mlworkbench.metric_history import BATCH
from mlworkbench.notebooks.notebook_file import read_notebook
from mlworkbench.notebooks.page import as_page
from mlworkbench.orphans import OUTCOME_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from nbformat import NotebookNode

PAGE_TAG = "mlworkbench.html"
"""Why a rerun has no HTML; only on those that have none."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def record(client: MlflowClient, run_id: str, output: Path, error: BaseException | None) -> None:
    """Keep the executed notebook, say how it ended, and end the run."""
    node = read_notebook(output) if output.exists() else None
    if node is not None:
        client.log_artifact(run_id, str(output))
        _keep_page(client, run_id, output, node)
    status, outcome, description = _outcome(node, error)
    client.set_tag(run_id, OUTCOME_TAG, outcome)
    if description:
        client.set_tag(run_id, "mlflow.note.content", description)
    _copy_metrics(client, run_id)
    client.set_terminated(run_id, status)


def _keep_page(client: MlflowClient, run_id: str, output: Path, node: NotebookNode) -> None:
    """Keep the notebook as HTML: a courtesy, on which nothing else may depend."""
    page = output.with_suffix(".html")
    try:
        page.write_text(as_page(node), encoding="utf-8")
        client.log_artifact(run_id, str(page))
    except Exception as error:  # whatever nbconvert trips over in somebody's notebook
        client.set_tag(run_id, PAGE_TAG, f"no HTML of the notebook ({told(error)})")


def _outcome(node: NotebookNode | None, error: BaseException | None) -> tuple[str, str, str]:
    """Status of the run, the outcome in a line, and a description that shows the failing cell."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError

    if error is None:
        return "FINISHED", "passed", ""
    if isinstance(error, InterruptedError) or not isinstance(error, Exception):
        return "KILLED", "interrupted", ""
    if isinstance(error, PapermillExecutionError):
        reason = _COLOUR.sub("", f"{error.ename}: {error.evalue}").strip(" :")
    elif isinstance(error, CellTimeoutError):
        reason = "the cell took longer than the timeout" if "IOPub" not in str(error) else "its output did not arrive"
    elif isinstance(error, DeadKernelError):
        reason = str(error)
    else:
        return "FAILED", f"failed: {told(error, 600)}", ""
    number, source = _failed_cell(node)
    where = f"in cell {number}"
    return (
        "FAILED",
        " ".join(f"failed {where}: {reason[:2000]}".split())[:250],
        f"Failed {where}:\n```python\n{source[:2000]}\n```\n{reason[:2000]}",
    )


def _failed_cell(node: NotebookNode | None) -> tuple[int, str]:
    """Number (from 1, as in the notebook that was given) and source of the cell that papermill has marked.

    When it had no time to mark one, the last one that was begun.
    """
    number, begun, marks, marked = 0, (0, ""), 0, (0, "")
    for cell in node.cells if node else []:
        if "papermill-error-cell-tag" in cell.metadata["tags"]:
            marks += 1
        elif "injected-parameters" not in cell.metadata["tags"]:
            number += 1
            if marks > 1 and not marked[0]:  # the first mark stands at the top, the second before the cell
                marked = number, cell.source
            if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time"):
                begun = number, cell.source
    return marked if marked[0] else begun


def _copy_metrics(client: MlflowClient, run_id: str) -> None:
    """Copy the metrics that exactly one child logged, so that points can be compared without looking into children."""
    from mlflow.entities import Metric

    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    children = client.search_runs(experiments, f"tags.mlflow.parentRunId = '{run_id}'", max_results=1000)
    logged = Counter(name for child in children for name in child.data.metrics)
    values = {name: value for child in children for name, value in child.data.metrics.items() if logged[name] == 1}
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in values.items() if name != "seconds"]
    client.log_batch(run_id, metrics=metrics[:BATCH])
