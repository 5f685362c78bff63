"""`start` gives every lesson a clean start and says what it put right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

import mlworkbench as wb
from mlworkbench.experiments import experiment_for
from mlworkbench.session import active_store
from mlworkbench.store import Store
from tests.notebooks import notebook
from tests.projects import project

pytestmark = pytest.mark.processes


def test_runs_go_to_the_store_with_their_artifacts_beside_it(home: Path) -> None:
    session = wb.start("first")
    with mlflow.start_run() as run:
        mlflow.log_text("hello", "note.txt")
    assert run.info.experiment_id == session.experiment.experiment_id
    assert list((home / "artifacts").rglob("note.txt"))


def test_plain_mlflow_calls_keep_artifacts_beside_the_store_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow alone would put them under the working directory."""
    wb.start("first")
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    mlflow.set_experiment("made by MLflow itself")
    with mlflow.start_run():
        mlflow.log_text("hello", "plain.txt")
    assert list((home / "artifacts").rglob("plain.txt"))
    assert not list(elsewhere.iterdir())


def test_a_deleted_experiment_is_restored_and_said_so(home: Path) -> None:
    first = wb.start("mine").experiment
    mlflow.MlflowClient().delete_experiment(first.experiment_id)
    again = wb.start("mine")
    assert again.experiment.experiment_id == first.experiment_id
    assert again.experiment.lifecycle_stage == "active"
    assert "had been deleted" in repr(again)


def test_open_runs_are_ended_as_failed_and_said_so(home: Path) -> None:
    wb.start("mine")
    outer = mlflow.start_run(run_name="outer")
    mlflow.start_run(run_name="inner", nested=True)
    session = wb.start("mine")
    assert mlflow.active_run() is None
    assert mlflow.get_run(outer.info.run_id).info.status == "FAILED"
    assert "'outer' was still open" in repr(session)
    assert "'inner' was still open" in repr(session)


def test_fresh_gives_an_empty_experiment_and_keeps_the_old_runs(home: Path) -> None:
    old = wb.start("mine").experiment
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1)
    session = wb.start("mine", fresh=True)
    assert session.experiment.experiment_id != old.experiment_id
    assert mlflow.search_runs().empty
    kept = f"mine (kept {old.experiment_id})"
    assert kept in repr(session)
    assert mlflow.search_runs(experiment_names=[kept]).run_id.tolist() == [run.info.run_id]
    third = wb.start("mine", fresh=True)
    assert third.experiment.experiment_id not in (old.experiment_id, session.experiment.experiment_id)


def test_fresh_keeps_a_deleted_experiment_too(home: Path) -> None:
    old = wb.start("mine").experiment
    mlflow.MlflowClient().delete_experiment(old.experiment_id)
    assert wb.start("mine", fresh=True).experiment.experiment_id != old.experiment_id
    assert mlflow.get_experiment(old.experiment_id).lifecycle_stage == "active"


def test_telemetry_is_off(home: Path) -> None:
    from mlflow.telemetry.client import get_telemetry_client

    wb.start("mine")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert get_telemetry_client() is None


UNSEEN = ("", "   ", "\u200b", " \u202e")


@pytest.mark.parametrize("name", [*UNSEEN, None, 3, b"x", "a\0b", "a\nb", "a\rb", "a\u2028b", "\ud800"])
def test_a_name_that_is_none(home: Path, name: object) -> None:
    """Neither for a lesson nor for a rerun; nothing is made."""
    with pytest.raises(wb.WorkbenchError, match="experiment name"):
        wb.start(name)  # type: ignore[arg-type]
    active_store()
    if name is not None:  # which stands for the notebook's own
        with pytest.raises(wb.WorkbenchError, match="experiment name"):
            experiment_for(name, otherwise="x")  # type: ignore[arg-type]
    assert [experiment.name for experiment in mlflow.search_experiments()] == ["Default"]


@pytest.mark.parametrize("name", ["\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}", "a/b: c", "\u6f22"])
def test_a_name_of_any_script_is_one(home: Path, name: str) -> None:
    assert wb.start(name).experiment.name == name


FRESH = """
import sys, mlworkbench as wb
wb.start("mine")
print("ready", flush=True)
sys.stdin.readline()
print("got", wb.start("mine", fresh=True).experiment.experiment_id, flush=True)
"""


def test_fresh_at_once_gives_each_an_experiment_of_its_own(home: Path) -> None:
    command = [sys.executable, "-c", FRESH]
    several = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)
    ]
    for one in several:
        while one.stdout.readline().strip() != "ready":
            assert one.poll() is None
    for one in several:
        one.stdin.write("now\n")
        one.stdin.flush()
    said = [one.communicate(timeout=300)[0] for one in several]
    got = [line.split()[1] for text in said for line in text.splitlines() if line.startswith("got ")]
    assert len(set(got)) == 4
    names = {experiment.name for experiment in mlflow.MlflowClient(f"sqlite:///{home}/mlflow.db").search_experiments()}
    assert "mine" in names


def test_a_store_that_was_moved_says_where_artifacts_are_and_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old place is told for the experiment that is begun, and for others; nothing is said of a whole store."""
    for name in ("old", "older"):
        session = wb.start(name)
        assert not session.notes
        with mlflow.start_run():
            mlflow.log_text("hello", "note.txt")
    mlflow.set_tracking_uri(None)
    moved = home.rename(home.parent / "moved")
    monkeypatch.setenv("MLWORKBENCH_HOME", str(moved))
    card = repr(wb.start("old"))
    assert f"{home}/artifacts" in card
    assert "was the store moved? Move it back" in card
    assert "fresh=True" in card
    assert "'older'" in card
    card = repr(wb.start("old", fresh=True))
    assert "Artifacts of this experiment" not in card
    assert f"New experiments go to {moved}/artifacts" in card
    assert not home.exists()


def test_a_copied_store_says_that_artifacts_still_go_to_the_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wb.start("old")
    with mlflow.start_run():
        mlflow.log_text("hello", "note.txt")
    mlflow.set_tracking_uri(None)
    copied = shutil.copytree(home, home.parent / "copied")
    monkeypatch.setenv("MLWORKBENCH_HOME", str(copied))
    card = repr(wb.start("old"))
    assert f"Artifacts of this experiment, old and new, belong to {home}/artifacts" in card
    assert "nothing is any more" not in card


def test_eight_threads_start_lessons(home: Path) -> None:
    """Each has its own experiment in the end, the open run of another thread stays, and output is where it was."""
    output, error = sys.stdout, sys.stderr
    with ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda number: wb.start(f"lesson {number}"), range(8)))
    assert [session.experiment.name for session in sessions] == [f"lesson {number}" for number in range(8)]
    assert len({session.experiment.experiment_id for session in sessions}) == 8
    assert (sys.stdout, sys.stderr) == (output, error)


def test_no_password_on_the_card_or_in_what_it_links_to() -> None:
    experiment = mlflow.entities.Experiment("7", "mine", "mlflow-artifacts:/7", "active")
    for uri in ("http://me:SECRET@host:5000/x", "https://SECRET@host", "postgresql://me:SECRET@db/x?password=SECRET"):
        session = wb.Session(experiment, Store(uri, None, "set"))
        assert "SECRET" not in f"{session!r} {session._repr_html_()} {session.link} {session.store!r}"
    assert (
        wb.Session(experiment, Store("http://me:pw@h:5/x?token=1", None, "")).link
        == "http://h:5/x/#/experiments/7/runs"
    )


def test_a_name_that_mlflow_refuses(home: Path) -> None:
    with pytest.raises(wb.WorkbenchError, match="did not create"):
        wb.start("x" * 1000)


def test_the_card_says_where_runs_go_and_escapes_html(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = wb.start("<b>bold</b>")
    assert "mlflow.db" in capsys.readouterr().out  # shown without being asked for
    assert "launcher" in repr(session)
    page = session._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;bold" in page


def test_the_card_links_to_the_tile_of_the_jupyter_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "4711")
    (tmp_path / "jpserver-4711.json").write_text(json.dumps({"base_url": "/hub/me/"}))
    session = wb.start("mine")
    assert session.link.startswith(f"/hub/me/mlflow/#/experiments/{session.experiment.experiment_id}/")
    assert f'href="{session.link}"' in session._repr_html_()


def test_the_card_links_to_where_the_browser_finds_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the server has another address for the kernel; in a class the page belongs to a workspace."""
    experiment = mlflow.entities.Experiment("7", "mine", "mlflow-artifacts:/7", "active")
    session = wb.Session(experiment, Store("http://mlflow:5000", None, "set"))
    assert session.link == "http://mlflow:5000/#/experiments/7/runs"
    monkeypatch.setenv("MLWORKBENCH_UI", "http://localhost:5050/")
    assert session.link == "http://localhost:5050/#/experiments/7/runs"
    monkeypatch.setenv("MLFLOW_WORKSPACE", "ada")
    assert session.link == "http://localhost:5050/#/experiments/7/runs?workspace=ada"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\ud800", 5, "x\n" * 10_000])
def test_one_rule_for_names_of_experiments(name: Any, tmp_path: Path, home: Path) -> None:
    """Whoever takes one says the same of it, before anything runs."""
    path = notebook(tmp_path / "a.ipynb", "n = 0", parameters=True)
    folder = project(tmp_path / "steps", "entry_points:\n  main:\n    command: exit 3\n")
    for call in (
        lambda: wb.start(name),
        lambda: wb.rerun(path, experiment=name),
        lambda: wb.sweep(path, {"n": [1]}, experiment=name),
        lambda: wb.run_project(folder, experiment=name),
        lambda: wb.run_step(folder, "main", experiment=name),
    ):
        with pytest.raises(wb.WorkbenchError, match=r"^Found: the experiment name ") as told:
            call()
        assert len(str(told.value)) < 300


def test_a_run_that_the_environment_names_and_that_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stays behind in a terminal; the next start_run() would end in a traceback."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "gone")
    with pytest.raises(wb.StoreError, match=r"MLFLOW_RUN_ID = 'gone'(?s:.*)Unset MLFLOW_RUN_ID"):
        wb.start("mine")
