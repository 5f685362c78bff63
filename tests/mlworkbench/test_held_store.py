"""A database that another process holds: whoever wants to write is told within seconds, and whoever reads goes on."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mlflow
import pandas as pd
import pytest
from mlflow.models import MetricThreshold
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from mlworkbench.store_watch import using_store
from mlworkbench.waiting import PATIENCE_VARIABLE
from tests.notebooks import notebook

pytestmark = pytest.mark.processes

ROWS = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1]})
MODEL = LogisticRegression().fit(ROWS[["a"]], ROWS["y"])
ENOUGH = {"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)}


@contextlib.contextmanager
def held(home: Path) -> Iterator[None]:
    """The store, with a transaction of somebody else's that does not end."""
    with contextlib.closing(sqlite3.connect(home / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def logged(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two versions in the store, and a project beside it; every limit is a twentieth. The URI of the second."""
    monkeypatch.chdir(tmp_path)
    Path("MLproject").write_text("name: p\nentry_points: {main: {command: 'echo done'}}\n")
    wb.start("held")
    for _ in range(2):
        with mlflow.start_run():
            uri = wb.log_model(MODEL, "m", example=ROWS[["a"]]).model_uri
        wb.register(uri, "wine")
    wb.promote("wine", 1)
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.05")
    return str(uri)


WRITES: dict[str, Callable[[str], Any]] = {
    "start": lambda _: wb.start("other"),
    "log_model": lambda _: wb.log_model(MODEL, "m", example=ROWS[["a"]]),
    "log_history": lambda _: wb.log_history({"loss": [1.0]}, run_id=mlflow.last_active_run().info.run_id),
    "register": lambda uri: wb.register(uri, "other"),
    "promote": lambda _: wb.promote("wine", 2),
    "rollback": lambda _: wb.rollback("wine"),
    "transition": lambda _: wb.transition("wine", 2, "Staging"),
    "migrate_stages": lambda _: wb.migrate_stages("wine"),
    "validate": lambda uri: wb.validate(uri, None, ROWS, target="y", thresholds=ENOUGH),
    "score": lambda _: wb.score("models:/wine@production", ROWS[["a"]]),
    "run_project": lambda _: wb.run_project("."),
    "run_step": lambda _: wb.run_step(".", "main"),
}


def test_who_writes_is_refused_and_nothing_is_begun(home: Path, logged: str) -> None:
    """MLflow alone waits for 20 s each time it wants something, here up to five times, and says nothing meanwhile."""
    before = len(wb.runs_table("held"))
    with held(home):
        for name, call in WRITES.items():
            begun = time.monotonic()
            with pytest.raises(wb.StoreError, match=r"database is locked(?s:.*)free within 0\.25 s(?s:.*)Do this: "):
                call(logged)
            assert time.monotonic() - begun < 10, name
        assert not wb.doctor().ok
    assert len(wb.runs_table("held")) == before
    assert wb.history("wine")["version"].tolist() == [1]


def test_who_reads_goes_on(home: Path, logged: str) -> None:
    with held(home):
        assert len(wb.runs_table("held")) == len(wb.versions_table("wine")) == 2
        assert len(wb.history("wine")) == 1
        assert "sklearn" in set(wb.describe_model(logged)["value"])


def test_one_that_is_held_later_is_told_and_given_up(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """MLflow gives up after 20 s; what waits for it has been told before, and no traceback is shown."""
    wb.start("held")
    with pytest.raises(wb.StoreError, match=r"database is locked(?s:.*)answers to the end"), using_store(), held(home):
        mlflow.start_run()
    said = capfd.readouterr().err
    assert f"Waiting for the store sqlite:///{home}/mlflow.db, which another process holds" in said
    assert "Traceback" not in said


READS: dict[str, Callable[[str], Any]] = {
    "runs_table": lambda _: wb.runs_table("held"),
    "best_run": lambda _: wb.best_run("loss", lower_is_better=True),
    "plot_history": lambda _: wb.plot_history("0" * 32, "loss"),
    "log_figure": lambda _: wb.log_figure(plt.figure(), "a.png", alt="Nothing."),
    "versions_table": lambda _: wb.versions_table("wine"),
    "history": lambda _: wb.history("wine"),
    "plot_lifecycle": lambda _: wb.plot_lifecycle("wine"),
    "describe_model": wb.describe_model,
    "serve": lambda uri: wb.serve(uri).__enter__(),
    "rerun": lambda _: wb.rerun("a.ipynb"),
    "sweep": lambda _: wb.sweep("a.ipynb", {"n": [1]}),
}


def test_a_server_that_says_nothing_is_told_by_all(logged: str) -> None:
    """MLflow alone asks it again for minutes."""
    notebook(Path("a.ipynb"), "n = 0", parameters=True)
    calls = {**WRITES, **READS} | {"log_history": lambda _: wb.log_history({"loss": [1.0]}, run_id="0" * 32)}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        calls["start"] = lambda _: wb.start("other", tracking_uri=uri)
        mlflow.set_tracking_uri(uri)
        for name, call in calls.items():
            begun = time.monotonic()
            with pytest.raises(wb.StoreError, match=r"no server answers at http://\S+ within 0\.25 s"):
                call(logged)
            assert time.monotonic() - begun < 10, name
    plt.close("all")
