"""The check of lesson 1.6: a run of a colleague's store, brought to this one with nothing changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import ROUNDING, place, shown
from mlcourse.course_data import SEED
from mlworkbench.database import sqlite_uri
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT, NAME, TAG, METRIC = "1.6 tracking server", "trees of cleo", "came_from", "accuracy"
_AGAIN = "Bring it into a new run"
_MOST_DEPTHS = 50


def brought_back(run_id: Any, backup: Any) -> str:
    """Lesson 1.6: a run from the backup of a colleague's store, in the lesson's experiment.

    Recomputed: the accuracy of each of her trees, so that the backup is one of her store.
    Cross-examined: parameters, every point of the metric, times, tags and files against the run in the backup.
    """
    file = _backed_up(backup)
    hers = _client_of(file)
    lost = _lost_run(hers)
    _is_hers(hers, lost, file)
    run = logged_runs.run_in(EXPERIMENT, run_id)
    logged_runs.named(run, NAME)
    if (came_from := run.data.tags.get(TAG)) != lost.info.run_id:
        told = f"The tag {TAG} is {shown(came_from)}." if came_from else f"The run has no tag {TAG!r}."
        raise NotYetError(told, f"Set it to the run_id of the run in the backup: {lost.info.run_id}.")
    _same("parameters", run.data.params, lost.data.params, "log_batch takes them as a list of mlflow.entities.Param")
    _same_history(_points(logged_runs.client(), run), _points(hers, lost))
    _same("times", _times(run), _times(lost), "create_run takes start_time=…, set_terminated takes end_time=…")
    _same("tags", {TAG: came_from} | _tags(run), {TAG: came_from} | _tags(lost), "create_run takes tags=…")
    _same("files", _files(logged_runs.client(), run), _files(hers, lost), "log_artifacts sends what was downloaded")
    return f"The run is here with {len(lost.data.params)} parameter, {len(_points(hers, lost))} points and its times."


def _backed_up(backup: Any) -> Path:
    """Path of a copy of a database, as the learner gives it; it must hold MLflow's tables."""
    named = backup.removeprefix("sqlite:///") if isinstance(backup, str) else backup
    path = place(named, "backup", "Give the path of the copy.")
    if not path.is_file():
        raise NotYetError(f"No file lies at {shown(path)}.", "Make the copy by `source.backup(target)`, as above.")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT 1 FROM runs")
    except sqlite3.Error as error:
        told = f"The file {shown(path.name)} holds no table of runs ({error})."
        raise NotYetError(told, "Copy the database in Cleo's folder, mlflow.db, by `source.backup(target)`.") from error
    return path


def _client_of(path: Path) -> MlflowClient:
    import mlflow

    return mlflow.MlflowClient(sqlite_uri(path))


def _lost_run(hers: MlflowClient) -> Run:
    everywhere = [experiment.experiment_id for experiment in hers.search_experiments()]
    found = hers.search_runs(everywhere, f"attributes.run_name = '{NAME}' and attributes.status = 'FINISHED'")
    if not found:
        raise NotYetError(f"The backup has no finished run {NAME!r}.", "Back up the store in Cleo's folder.")
    return found[-1]


def _is_hers(hers: MlflowClient, lost: Run, backup: Path) -> None:
    """The lost run is what her script logs, and the backup is not her database itself."""
    depths = str(lost.data.params.get("deepest", ""))
    if not depths.isdigit() or not 0 < int(depths) <= _MOST_DEPTHS:
        raise NotYetError(f"The run in the backup has deepest = {shown(depths)}.", "Back up what her script has made.")
    found = {step: value for step, value, _ in _points(hers, lost)}
    expected = {depth: _accuracy(depth) for depth in range(1, int(depths) + 1)}
    if found.keys() != expected.keys() or any(abs(found[each] - expected[each]) > ROUNDING for each in expected):
        told = f"The run in the backup does not have the accuracies of trees of the depths 1 to {depths}."
        raise NotYetError(told, "Run the cells above again, and back up the store in Cleo's folder.")
    if (backup.resolve().parent / "mlruns") in Path(lost.info.artifact_uri.removeprefix("file://")).resolve().parents:
        raise NotYetError("backup is in the folder of her store.", "Copy the database to another folder.")


@cache
def _accuracy(depth: int) -> float:
    """What a tree of this depth reaches on the wines, as her script computes it."""
    from sklearn.datasets import load_wine
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=depth, random_state=SEED)
    return float(cross_val_score(tree, *load_wine(return_X_y=True)).mean())


def _points(client: MlflowClient, run: Run) -> list[tuple[int, float, int]]:
    history = client.get_metric_history(run.info.run_id, METRIC)
    return sorted((point.step, point.value, point.timestamp) for point in history)


def _times(run: Run) -> dict[str, int]:
    return {"start_time": run.info.start_time, "end_time": run.info.end_time}


def _tags(run: Run) -> dict[str, str]:
    """The tags that people have set."""
    return {key: value for key, value in run.data.tags.items() if not key.startswith(("mlflow.", "mlworkbench.", TAG))}


def _files(client: MlflowClient, run: Run) -> dict[str, bytes]:
    """Contents of the files of a run, which has no folders, by their names."""
    listed = [item.path for item in client.list_artifacts(run.info.run_id) if not item.is_dir]
    return {name: Path(client.download_artifacts(run.info.run_id, name)).read_bytes() for name in listed}


def _same(what: str, found: dict[str, Any], expected: dict[str, Any], do: str) -> None:
    differ = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if differ:
        raise NotYetError(f"These {what} are not those of the lost run: {', '.join(differ)}.", f"{_AGAIN}. {do}.")


def _same_history(found: list[tuple[int, float, int]], expected: list[tuple[int, float, int]]) -> None:
    do = f"{_AGAIN}: get_metric_history gives the points, and log_batch takes them as they are."
    if len(found) != len(expected):
        raise NotYetError(f"The metric {METRIC} has {len(found)} point(s); hers has {len(expected)}.", do)
    if [point[:2] for point in found] != [point[:2] for point in expected]:
        raise NotYetError(f"The values or steps of {METRIC} are not hers.", do)
    if found != expected:
        raise NotYetError(f"The points of {METRIC} have other times than hers.", do)
