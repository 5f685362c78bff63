"""Lesson 1.6: whoever brings a run back unchanged passes, and each thing that can get lost has a message of its own."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Metric, Param, Run, RunTag

import mlworkbench as wb
from mlcourse.tracking import brought_back
from mlworkbench.database import sqlite_uri
from tests.refusals import refused


class Lost:
    """Cleo's store with her run, and a copy of its database, made as the lesson makes them."""

    def __init__(self, folder: Path, made_store: Path, shift: float = 0.0) -> None:
        self.database, self.backup = folder / "cleo" / "mlflow.db", folder / "backup.db"
        self.database.parent.mkdir()
        shutil.copy(made_store, self.database)
        self.client = mlflow.MlflowClient(sqlite_uri(self.database))
        number = self.client.create_experiment("wines", (folder / "cleo" / "mlruns").as_uri())
        made = self.client.create_run(number, start_time=1_000_000, tags={"author": "cleo"}, run_name="trees of cleo")
        points = [Metric("accuracy", brought_back._accuracy(d) + shift, 1_000_100 + d, d) for d in (1, 2, 3)]
        self.client.log_batch(made.info.run_id, points, [Param("deepest", "3")])
        self.client.log_text(made.info.run_id, "cleo tried 3 depths.", "note.txt")
        self.client.set_terminated(made.info.run_id, end_time=1_002_000)
        self.run = self.client.get_run(made.info.run_id)
        with closing(sqlite3.connect(self.database)) as source, closing(sqlite3.connect(self.backup)) as target:
            source.backup(target)


@pytest.fixture
def lost(home: Path, tmp_path: Path, made_store: Path) -> Lost:
    wb.start("1.6 tracking server")
    return Lost(tmp_path, made_store)


def bring(lost: Lost, drop: str = "", **changes) -> dict:
    """The right answers, without what is dropped or with what is changed."""
    old, new, run = lost.client, mlflow.MlflowClient(), lost.run
    experiment = new.get_experiment_by_name(changes.get("experiment", "1.6 tracking server")).experiment_id
    start = None if drop == "start" else run.info.start_time
    tags = {} if drop == "tags" else {"author": "cleo"}
    made = new.create_run(experiment, start, tags, changes.get("name", "trees of cleo")).info.run_id
    points = old.get_metric_history(run.info.run_id, "accuracy")
    points = changes.get("points", lambda history: history)(points)
    new.log_batch(made, points, [] if drop == "params" else [Param("deepest", "3")])
    if drop != "came_from":
        new.set_tag(made, "came_from", changes.get("came_from", run.info.run_id))
    if drop != "files":
        new.log_text(made, changes.get("note", "cleo tried 3 depths."), "note.txt")
    if drop != "end":
        new.set_terminated(made, end_time=run.info.end_time)
    return {"run_id": made, "backup": lost.backup}


def by_the_fluent_module(lost: Lost) -> dict:
    """With mlflow.start_run on a run that the client has made, and copies of the old system tags."""
    run, client = lost.run, mlflow.MlflowClient()
    number = client.get_experiment_by_name("1.6 tracking server").experiment_id
    made = client.create_run(number, run.info.start_time, run_name=run.info.run_name)
    with mlflow.start_run(run_id=made.info.run_id):
        mlflow.log_params(run.data.params)
        mlflow.set_tags(run.data.tags | {"came_from": run.info.run_id})
        for point in lost.client.get_metric_history(run.info.run_id, "accuracy"):
            mlflow.MlflowClient().log_metric(made.info.run_id, point.key, point.value, point.timestamp, point.step)
        mlflow.log_artifacts(lost.client.download_artifacts(run.info.run_id, ""))
    client.set_terminated(made.info.run_id, end_time=run.info.end_time)
    return {"run_id": made.info.run_id, "backup": f"sqlite:///{lost.backup}"}


def in_one_batch(lost: Lost) -> dict:
    """Everything in one call of log_batch; the run itself as the answer, and a copy of the file with its folder."""
    run, client = lost.run, mlflow.MlflowClient()
    number = client.get_experiment_by_name("1.6 tracking server").experiment_id
    made: Run = client.create_run(number, start_time=run.info.start_time, run_name="trees of cleo")
    client.log_batch(
        made.info.run_id,
        metrics=lost.client.get_metric_history(run.info.run_id, "accuracy"),
        params=[Param(*each) for each in run.data.params.items()],
        tags=[RunTag("author", "cleo"), RunTag("came_from", run.info.run_id)],
    )
    client.log_artifact(made.info.run_id, lost.client.download_artifacts(run.info.run_id, "note.txt"))
    client.set_terminated(made.info.run_id, "FINISHED", run.info.end_time)
    return {"run_id": client.get_run(made.info.run_id), "backup": str(lost.backup)}


RIGHT: list[Callable[[Lost], dict]] = [bring, by_the_fluent_module, in_one_batch]


@pytest.mark.parametrize("answers", RIGHT)
def test_a_run_that_was_brought_back_unchanged(lost: Lost, answers: Callable[[Lost], dict]) -> None:
    assert "3 points and its times" in wb.check("1.6", **answers(lost)).message


def file(lost: Lost, content: str) -> Path:
    path = lost.backup.with_name("other.db")
    path.write_text(content)
    return path


WRONG: list[tuple[Callable[[Lost], dict], str]] = [
    (lambda lost: bring(lost, points=lambda history: history[-1:]), "accuracy has 1 point(s); hers has 3"),
    (
        lambda lost: bring(lost, points=lambda points: [Metric("accuracy", 0.9, p.timestamp, p.step) for p in points]),
        "The values or steps of accuracy are not hers",
    ),
    (
        lambda lost: bring(lost, points=lambda points: [Metric("accuracy", p.value, 5, p.step) for p in points]),
        "have other times than hers",
    ),
    (lambda lost: bring(lost, "params"), "These parameters are not those of the lost run: deepest"),
    (lambda lost: bring(lost, "start"), "These times are not those of the lost run: start_time"),
    (lambda lost: bring(lost, "end"), "has the status RUNNING"),
    (lambda lost: bring(lost, "tags"), "These tags are not those of the lost run: author"),
    (lambda lost: bring(lost, "files"), "These files are not those of the lost run: note.txt"),
    (lambda lost: bring(lost, note="cleo tried 5 depths."), "These files are not those of the lost run: note.txt"),
    (lambda lost: bring(lost, "came_from"), "The run has no tag 'came_from'"),
    (lambda lost: bring(lost, came_from="cleo"), "The tag came_from is 'cleo'"),
    (lambda lost: bring(lost, name="mine"), "is called 'mine'"),
    (lambda lost: bring(lost, experiment="Default"), "The run is in the experiment 'Default'"),
    (lambda lost: bring(lost) | {"run_id": lost.run.info.run_id}, "is in this store"),
    (lambda lost: bring(lost) | {"backup": lost.database}, "backup is in the folder of her store"),
    (lambda lost: bring(lost) | {"backup": lost.client}, "backup is of type MlflowClient"),
    (lambda lost: bring(lost) | {"backup": "nowhere.db"}, "No file lies at 'nowhere.db'"),
    (lambda lost: bring(lost) | {"backup": file(lost, "")}, "holds no table of runs"),
    (lambda lost: bring(lost) | {"backup": file(lost, "no database at all" * 99)}, "holds no table of runs"),
]


@pytest.mark.parametrize(("answers", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_was_changed_or_lost_on_the_way(lost: Lost, answers: Callable[[Lost], dict], says: str) -> None:
    refused("1.6", says, **answers(lost))


def test_a_store_that_was_made_up(home: Path, tmp_path: Path, made_store: Path) -> None:
    wb.start("1.6 tracking server")
    invented = Lost(tmp_path, made_store, shift=0.05)
    refused("1.6", "does not have the accuracies of trees of the depths 1 to 3", **bring(invented))


def test_another_store_was_backed_up(lost: Lost, made_store: Path) -> None:
    refused("1.6", "The backup has no finished run 'trees of cleo'", **bring(lost) | {"backup": made_store})
