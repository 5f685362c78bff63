"""The whole workbook: which lessons there are, and executing them several at once."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlcourse.lessons import Lesson, lessons
from mlworkbench.errors import WorkbenchError, told
from mlworkbench.groups import MissingGroupError
from mlworkbench.notebooks.execute import execute
from mlworkbench.notebooks.stopping import Group, interruptible
from mlworkbench.store import Store, open_store
from mlworkbench.workbook import (
    EXECUTION_TAG,
    EXECUTION_VARIABLE,
    PARENT_VARIABLE,
    make_private,
    workbook_home,
    workbook_root,
)

if TYPE_CHECKING:
    import pandas as pd
    from papermill import PapermillExecutionError


@dataclass
class _Job:
    """One lesson on its way through the runner."""

    lesson: Lesson
    output: Path
    execution: str = field(default_factory=lambda: uuid.uuid4().hex)
    outcome: str = "not run"
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.expected = _seconds_of_last_time(self.output)

    def run(self, *, fast: bool, store: Store, group: Group) -> None:
        """Execute the lesson and note its outcome; a failure is an outcome, not an exception."""
        from papermill import PapermillExecutionError

        self.outcome, begun = "running", time.monotonic()
        try:
            execute(
                self.lesson.path,
                self.output,
                values=self.lesson.fast if fast else None,
                env={EXECUTION_VARIABLE: self.execution, **_around(), "MLFLOW_TRACKING_URI": store.uri},
                group=group,
            )
            self.outcome = "passed"
        except InterruptedError:
            self.outcome = "interrupted"
        except PapermillExecutionError as error:
            self.outcome = _refused(error)
        except WorkbenchError as error:
            self.outcome = f"failed: {error.found}"
        except Exception as error:
            self.outcome = "interrupted" if group.stopped else f"failed: {told(error)}"[:100]
        finally:
            self.seconds = time.monotonic() - begun


def _refused(error: PapermillExecutionError) -> str:
    """Tell a cell that failed from a lesson whose packages are not installed."""
    if error.ename == MissingGroupError.__name__:
        return f"skipped: {' '.join(error.evalue.partition('Expected: ')[2].split())}"
    return f"failed in cell {error.cell_index}: {error.ename}: {error.evalue}"[:100]


def _seconds_of_last_time(executed: Path) -> float | None:
    """How long papermill says that the executed copy took; None where there is none, or none to read."""
    try:
        return float(json.loads(executed.read_text("utf-8"))["metadata"]["papermill"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _around() -> dict[str, str | None]:
    """Under ``mlflow run`` its run is the parent of the lesson's runs; the lesson would otherwise continue that run."""
    project_run = os.environ.get("MLFLOW_RUN_ID")
    return {PARENT_VARIABLE: project_run, "MLFLOW_RUN_ID": None, "MLFLOW_EXPERIMENT_ID": None} if project_run else {}


def run_workbook(
    wanted: Sequence[str] = (), *, jobs: int | None = None, fast: bool = False, keep_going: bool = False
) -> pd.DataFrame:
    """Execute lessons with papermill, several at once, and tell how each one ended.

    Parameters
    ----------
    wanted : sequence of str
        Numbers of lessons (``1.2``) or parts (``1``), or names; the whole workbook when empty.
    jobs : int, optional
        How many at once; as many as there are cores by default.
    fast : bool, default False
        Use each lesson's fast parameters.
    keep_going : bool, default False
        Start the remaining lessons although one has failed.

    Returns
    -------
    pandas.DataFrame
        A row a lesson: ``lesson``, ``outcome`` (``passed``, ``skipped: …`` where packages are not installed,
        ``failed in cell …``, ``interrupted``, ``not run``), ``seconds``, ``runs`` (logged to the store), ``where``
        (the executed copy).

    Raises
    ------
    WorkbenchError
        For an unknown lesson, or a store that cannot be used; nothing has been executed then.
    """
    if jobs is not None and jobs < 1:
        raise WorkbenchError(f"jobs = {jobs}.", "at least 1.", "Leave it out to use every core.")
    chosen = lessons(wanted)
    store = open_store()
    make_private(workbook_home())
    executed, folder = workbook_home() / "executed", workbook_root() / "notebooks"
    todo = [_Job(lesson, executed / lesson.path.relative_to(folder)) for lesson in chosen]
    _run_all(todo, jobs or os.cpu_count() or 1, fast, keep_going, store)
    return _table(todo, store)


def _run_all(todo: list[_Job], at_once: int, fast: bool, keep_going: bool, store: Store) -> None:
    """Run the jobs in threads (each has its kernel in a process of its own) until done, failed or interrupted.

    The longest of last time come first, so that none of them is alone at the end.
    """
    group = Group()
    queue = sorted(todo, key=lambda job: -(job.expected or 0.0))
    pool, running = ThreadPoolExecutor(at_once), dict[Future[None], _Job]()
    with _Told(todo, at_once) as told_so_far, contextlib.suppress(KeyboardInterrupt):
        try:
            with interruptible():
                while queue or running:
                    while queue and len(running) < at_once:
                        job = queue.pop(0)
                        running[pool.submit(job.run, fast=fast, store=store, group=group)] = job
                    told_so_far.running(list(running.values()))
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        told_so_far.ended(running.pop(done))
                    if any(j.outcome.startswith("failed") for j in todo) and not keep_going:
                        queue.clear()
        finally:
            if running:
                group.stop()
            pool.shutdown()


class _Told:
    """What is said meanwhile: a bar in a terminal, elsewhere a line for each lesson that ends."""

    def __init__(self, todo: list[_Job], at_once: int) -> None:
        from tqdm import tqdm

        self._todo, self._at_once, self._ended = todo, at_once, 0
        self._bar = tqdm(total=len(todo), unit="lesson", disable=None)

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def running(self, jobs: list[_Job]) -> None:
        """Tell which lessons run, and how long it takes to the end if all take as long as last time."""
        left = [job.expected for job in self._todo if job in jobs or job.outcome == "not run"]
        known = [seconds for seconds in left if seconds is not None]
        rest = f", about {sum(known) / self._at_once:.0f} s left" if left and len(known) == len(left) else ""
        self._bar.set_postfix_str("running " + " ".join(job.lesson.id for job in jobs) + rest)

    def ended(self, job: _Job) -> None:
        """Tell that a lesson has ended."""
        self._ended += 1
        self._bar.update()
        if self._bar.disable:
            line = f"{self._ended} of {len(self._todo)}  {job.lesson.id:<4} {job.outcome}, {job.seconds:.0f} s"
            self._bar.write(line, file=sys.stderr)


def _table(todo: list[_Job], store: Store) -> pd.DataFrame:
    import pandas as pd

    columns = ["lesson", "outcome", "seconds", "runs", "where"]
    rows = [(j.lesson.id, j.outcome, round(j.seconds, 1), _count_runs(j, store), _short(j.output)) for j in todo]
    return pd.DataFrame(rows, columns=columns)


def _count_runs(job: _Job, store: Store) -> int:
    import mlflow

    client = mlflow.MlflowClient(store.uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return len(client.search_runs(ids, f"tags.`{EXECUTION_TAG}` = '{job.execution}'", max_results=5000))


def _short(path: Path) -> str:
    """The path as it is shortest to type from here; empty when there is no such file."""
    if not path.exists():
        return ""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
