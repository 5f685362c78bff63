"""What checks look at in the executed notebook that a rerun leaves, and in the runs that it has made below it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import same, shown
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from nbformat import NotebookNode

INJECTED = "injected-parameters"
_MARK = "papermill-error-cell-tag"
_OF_THE_RERUN = "seconds"
_SLACK = 5000  # milliseconds; on a cluster the clocks of machines differ
DO = "Let `wb.rerun` or `wb.sweep` make the run."


def executed(run: Run, name: str) -> NotebookNode:
    """The notebook that a rerun has executed, in its time, and with its parameters."""
    import nbformat

    told = f"The rerun {shown(run.info.run_name)}"
    try:
        found = nbformat.reads(run_files.text(run, name), as_version=4)
        noted = found.metadata["papermill"]
        given, times = dict(noted["parameters"]), [_milliseconds(noted[key]) for key in ("start_time", "end_time")]
    except Exception as error:  # whatever lies there, if anything does
        raise NotYetError(f"{told} holds no executed notebook {name}.", DO) from error
    if other := [key for key, value in given.items() if run.data.params.get(key) != str(value)]:
        raise NotYetError(f"{told} executed {name} with {other[0]}={shown(given[other[0]])}.", DO)
    begun, ended = run.info.start_time - _SLACK, (run.info.end_time or run.info.start_time) + _SLACK
    if not begun <= times[0] <= times[1] <= ended:
        raise NotYetError(f"{name} was executed at another time than {told[0].lower()}{told[1:]} says.", DO)
    _one_after_another(found, run.info.status == "FINISHED", f"{told} holds {name}")
    _logged_below(run, told)
    return found


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells of a notebook that can be executed, without what papermill has put in."""
    put_in = {INJECTED, _MARK}
    return [
        cell for cell in notebook.cells if cell.cell_type == "code" and not put_in & set(cell.metadata.get("tags", []))
    ]


def _one_after_another(notebook: NotebookNode, to_the_end: bool, told: str) -> None:
    """A new kernel has executed the cells in their order, none of them empty."""
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    done = [count for count in counts if count]
    if done != list(range(1, len(done) + 1)) or (to_the_end and len(done) < len(counts)):
        raise NotYetError(f"{told} with cells that were not executed one after another.", DO)


def _milliseconds(text: Any) -> float:
    return datetime.fromisoformat(str(text)).timestamp() * 1000


def _logged_below(run: Run, told: str) -> None:
    """Each metric of a rerun was logged by a run of the notebook, which the rerun then has below it."""
    client = logged_runs.client()
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    below = client.search_runs(everywhere, f"tags.mlflow.parentRunId = '{run.info.run_id}'", max_results=1000)
    for name, value in run.data.metrics.items():
        found = [child.data.metrics[name] for child in below if name in child.data.metrics]
        if name != _OF_THE_RERUN and not any(same(value, each) or math.isnan(value) for each in found):
            raise NotYetError(f"{told} has {name}={value:.6g}, which no run of the notebook has logged.", DO)
