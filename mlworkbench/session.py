"""Experiment setup: send tracking to the right store and give a lesson a clean start."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlworkbench.errors import StoreError, explained, shown
from mlworkbench.experiments import check_experiment_name, found_experiment, fresh_experiment
from mlworkbench.groups import require_groups
from mlworkbench.locations import notes_on_locations
from mlworkbench.mlflow_internals import ARTIFACT_ROOT_VARIABLE
from mlworkbench.orphans import end_orphans
from mlworkbench.quiet import quiet_mlflow
from mlworkbench.store import Store, open_store

if TYPE_CHECKING:
    from mlflow.entities import Experiment


@dataclass(frozen=True)
class Session:
    """Where a notebook's runs go. Shows itself as a card with a link to the experiment.

    Attributes
    ----------
    experiment : mlflow.entities.Experiment
        The active experiment.
    store : mlworkbench.store.Store
        The tracking store it lies in.
    notes : tuple of str
        What had to be put right on the way, in words.
    """

    experiment: Experiment
    store: Store
    notes: tuple[str, ...] = ()

    @property
    def link(self) -> str | None:
        """Address of the experiment's page in the MLflow UI; None where no UI is known to run."""
        page = f"#/experiments/{self.experiment.experiment_id}/runs"
        if self.store.uri.startswith("http"):
            # In a container the server has one address for this kernel and another for the reader's browser.
            server = os.environ.get("MLWORKBENCH_UI", _without_user(self.store.uri)).rstrip("/")
            workspace = os.environ.get("MLFLOW_WORKSPACE")
            return f"{server}/{page}" + (f"?workspace={workspace}" if workspace else "")
        base = _lab_base_url()
        return None if base is None else f"{base}mlflow/{page}"

    @property
    def _opened(self) -> str:
        """How the link opens: in a panel of JupyterLab, by a command of jupyter-server-proxy; elsewhere in a tab."""
        panel = {"id": f"mlflow-{self.experiment.experiment_id}", "title": "MLflow", "url": self.link}
        args = html.escape(json.dumps(panel))
        in_lab = f' data-commandlinker-command="server-proxy:open" data-commandlinker-args="{args}"'
        return 'target="_blank"' + ("" if self.store.uri.startswith("http") else in_lab)

    def _rows(self) -> list[tuple[str, str]]:
        ui = self.link or "in JupyterLab, the MLflow tile of the launcher"
        rows = [("Experiment", self.experiment.name), ("Store", self.store.label), ("MLflow UI", ui)]
        return rows + [("Note", note) for note in self.notes]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<12}{value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        cells = {name: html.escape(value) for name, value in self._rows() if name != "Note"}
        if self.link:
            cells["MLflow UI"] = f'<a href="{html.escape(self.link)}" {self._opened}>open this experiment</a>'
        rows = [*cells.items(), *(("Note", html.escape(note)) for note in self.notes)]
        body = "".join(
            f"<tr><th style='text-align:left'>{k}</th><td style='text-align:left'>{v}</td></tr>" for k, v in rows
        )
        style = "border:1px solid var(--jp-border-color2); border-left:4px solid var(--jp-brand-color1)"
        return f"<table style='{style}'>{body}</table>"


def start(experiment: str, *, tracking_uri: str | None = None, fresh: bool = False) -> Session:
    """Begin a lesson: set the tracking store and the active experiment, and show a card that says so.

    The card tells too what was put right: a deleted experiment is restored, a run that is still open ended as FAILED.

    Parameters
    ----------
    experiment : str
        Name of the experiment; it is created when there is none.
    tracking_uri : str, optional
        Wins over ``MLFLOW_TRACKING_URI``, which wins over the workbook's own SQLite store.
    fresh : bool, default False
        Give an empty experiment of its own: an old one of that name keeps its runs under another name.

    Raises
    ------
    WorkbenchError
        When the name is none, a package of the lesson is not installed, or the store cannot be read and written.

    References
    ----------
    https://mlflow.org/docs/latest/ml/tracking/tracking-api/

    Examples
    --------
    >>> session = wb.start("my first experiment")
    Experiment  my first experiment ...
    """
    check_experiment_name(experiment)
    require_groups(experiment)
    store = open_store(tracking_uri)
    from IPython.display import display

    quiet_mlflow()
    notes = _end_open_runs()
    _use(store)
    entity, more = _activate(experiment, store, fresh)
    session = Session(entity, store, (*notes, *more))
    display(session)  # type: ignore[no-untyped-call]
    return session


def _activate(name: str, store: Store, fresh: bool) -> tuple[Experiment, list[str]]:
    """Make the experiment the active one; it, and what the reader should know of it."""
    import mlflow

    if named := os.environ.get("MLFLOW_RUN_ID"):
        found = f"MLFLOW_RUN_ID = {shown(named)}, the run that start_run() would continue"
        with explained(found, "Unset MLFLOW_RUN_ID, or name the store of that run.", kind=StoreError):
            mlflow.get_run(named)
    do = "Mend what the brackets name: the disk may be full, or the store held by another process."
    with explained(f"the experiment {name!r} in {store.label}", do, kind=StoreError):
        client = mlflow.MlflowClient()
        end_orphans(client)
        entity, notes = (fresh_experiment if fresh else found_experiment)(client, name)
        mlflow.set_experiment(experiment_id=entity.experiment_id)
        return entity, notes + notes_on_locations(client, store, entity)


def active_store() -> Store:
    """The store that MLflow uses in this process, or else the workbook's own, which it uses from now on.

    Raises
    ------
    StoreError
        When it cannot be used.
    """
    import mlflow
    from mlflow.tracking import is_tracking_uri_set

    store = open_store(mlflow.get_tracking_uri() if is_tracking_uri_set() else None)
    quiet_mlflow()
    _use(store)
    return store


def _use(store: Store) -> None:
    import mlflow

    if store.artifact_root:
        # MLflow puts the artifacts of an embedded store under the working directory unless this is set.
        os.environ[ARTIFACT_ROOT_VARIABLE] = store.artifact_root
    mlflow.set_tracking_uri(store.uri)


def _end_open_runs() -> list[str]:
    import mlflow

    notes = []
    while run := mlflow.active_run():
        mlflow.end_run("FAILED")
        notes.append(f"The run {run.info.run_name!r} was still open after an error; it is now ended as FAILED.")
    return notes


def _without_user(uri: str) -> str:
    """The address of a server as a link may show it, without user, password and options."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _lab_base_url() -> str | None:
    """Path under which the Jupyter server of this kernel answers; None outside of a Jupyter server."""
    from jupyter_core.paths import jupyter_runtime_dir

    record = Path(jupyter_runtime_dir()) / f"jpserver-{os.environ.get('JPY_PARENT_PID', '')}.json"
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["base_url"])
    except (OSError, ValueError, KeyError):
        return None
