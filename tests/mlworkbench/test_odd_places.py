"""Links to nowhere, addresses of Databricks, another user's files, clocks that go back: told, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge

import mlworkbench as wb
from mlworkbench.cli import main
from mlworkbench.registry import audit_trail
from mlworkbench.waiting import patience
from mlworkbench.workbook import workbook_home

ROWS = np.arange(8.0).reshape(4, 2)
MODEL = Ridge().fit(ROWS, ROWS[:, 0])


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(wb.WorkbenchError) as error:
        call()
    assert error.value.expected
    assert error.value.do
    return error.value.found


def circle(path: Path) -> Path:
    path.symlink_to(path)
    return path


def broken(path: Path) -> Path:
    path.symlink_to(path.parent / "a disk that is away" / "kept")
    return path


# --- what addresses use otherwise ------------------------------------------------------------------------------------


def test_a_home_whose_name_mlflow_decodes_twice_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself then finds no registered model: the note names a cure as long as that is so."""
    odd = home.rename(home.with_name("a%41b"))
    monkeypatch.setenv("MLWORKBENCH_HOME", str(odd))
    (note,) = wb.start("mine").notes
    assert "decodes twice" in note
    wb.log_model(MODEL, "model", example=ROWS, registered_model_name="plain")
    with pytest.raises(mlflow.MlflowException, match="No such artifact"):
        mlflow.pyfunc.load_model("models:/plain/1")


@pytest.mark.parametrize("form", [str, Path])
def test_a_project_in_a_folder_with_a_hash_is_refused_with_the_reason(form: Any, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a#b"
    folder.mkdir()
    (folder / "MLproject").write_text("name: p\nentry_points:\n  main:\n    command: python a.py\n")
    for call in (wb.describe_project, wb.run_project):
        assert "with a '#' in its path" in refused(lambda call=call: call(form(folder)))


# --- symbolic links --------------------------------------------------------------------------------------------------


def test_a_home_that_is_a_circle_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(circle(tmp_path / "home")))
    assert "cannot be written" in refused(lambda: wb.start("mine"))


@pytest.mark.parametrize("link", [broken, circle])
def test_a_store_that_is_a_link_to_nowhere_is_not_replaced_by_an_empty_one(link: Any, home: Path) -> None:
    (home / "mlflow.db").unlink()
    store = link(home / "mlflow.db")
    assert f"{store}, a symbolic link" in refused(lambda: wb.start("mine"))
    assert store.is_symlink()


@pytest.mark.parametrize("link", [broken, circle])
def test_artifacts_that_are_a_link_to_nowhere_are_told_at_the_start(link: Any, home: Path) -> None:
    link(home / "artifacts")
    assert "artifacts, a symbolic link" in refused(lambda: wb.start("mine"))


@pytest.mark.parametrize("link", [broken, circle])
def test_a_model_whose_place_has_gone_since_the_start_is_refused_and_leaves_nothing(link: Any, home: Path) -> None:
    session = wb.start("mine")
    (home / "artifacts").mkdir(exist_ok=True)
    link(home / "artifacts" / session.experiment.experiment_id)
    assert "the files of the model cannot be kept" in refused(lambda: wb.log_model(MODEL, "model", example=ROWS))
    assert mlflow.search_logged_models(output_format="list") == []


def test_links_that_lead_somewhere_are_followed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "another disk"
    kept.mkdir()
    (home / "artifacts").symlink_to(kept)
    (tmp_path / "link").symlink_to(home)
    monkeypatch.setenv("MLWORKBENCH_HOME", str(tmp_path / "link"))
    assert wb.start("mine").notes == ()
    info = wb.log_model(MODEL, "model", example=ROWS)
    assert [*kept.rglob("MLmodel")]
    assert np.allclose(mlflow.pyfunc.load_model(info.model_uri).predict(ROWS), MODEL.predict(ROWS))


@pytest.mark.parametrize("link", [broken, circle])
def test_notebooks_and_projects_that_are_links_to_nowhere(link: Any, home: Path, tmp_path: Path) -> None:
    wb.start("mine")
    place = link(tmp_path / "a.ipynb")
    assert "no file" in refused(lambda: wb.rerun(place))
    assert "no file" in refused(lambda: wb.parameters(place))
    for call in (wb.describe_project, wb.run_project):
        assert "no MLproject" in refused(lambda call=call: call(place))


def test_a_project_with_links_to_nowhere_beside_its_files_is_described(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text("name: p\nentry_points:\n  main:\n    command: python a.py\n")
    broken(tmp_path / "old")
    circle(tmp_path / "round")
    assert list(wb.describe_project(tmp_path)["entry_point"]) == ["main"]


@pytest.mark.parametrize("text", [b"def (:\n", b"\xe9 = '\xff'\n", b"x = '\0'\n"])
def test_a_file_beside_the_model_that_is_no_python(text: bytes, home: Path, tmp_path: Path) -> None:
    wb.start("mine")
    (tmp_path / "helper.py").write_bytes(text)
    told = refused(lambda: wb.log_model(MODEL, "model", example=ROWS, code_paths=[tmp_path / "helper.py"]))
    assert "is no Python that can be read" in told


def test_a_file_of_data_travels_with_the_model_as_in_mlflow(home: Path, tmp_path: Path) -> None:
    wb.start("mine")
    (tmp_path / "words.bin").write_bytes(b"\xe9\xff\0")
    info = wb.log_model(MODEL, "model", example=ROWS, code_paths=[tmp_path / "words.bin"])
    assert Path(mlflow.artifacts.download_artifacts(info.model_uri), "code", "words.bin").exists()


# --- Databricks and Unity Catalog ------------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["databricks-uc", "databricks-uc://profile", "uc", "uc:http://127.0.0.1:9"])
def test_a_registry_is_no_tracking_store(uri: str, home: Path) -> None:
    assert "names a registry of models at most" in refused(lambda: wb.start("mine", tracking_uri=uri))


@pytest.mark.parametrize("uri", ["Databricks", "databricks+x://y", "databricks", "databricks://profile"])
def test_an_address_of_databricks_that_cannot_be_used(uri: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in there, and for the last two MLflow says so."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert uri in refused(lambda: wb.start("mine"))


@pytest.mark.parametrize("uri", ["databricks", "databricks-uc", "uc"])
def test_a_registry_that_cannot_be_used_is_told(uri: str, home: Path) -> None:
    wb.start("mine")
    info = wb.log_model(MODEL, "model", example=ROWS)
    mlflow.set_registry_uri(uri)
    try:
        calls = [
            lambda: wb.register(info.model_uri, "a.b.c"),
            lambda: wb.promote("a.b.c", 1),
            lambda: wb.rollback("a.b.c", why="it was better"),
            lambda: wb.history("a.b.c"),
            lambda: wb.versions_table("a.b.c"),
            lambda: wb.log_model(MODEL, "model", example=ROWS, registered_model_name="a.b.c"),
        ]
        for call in calls:
            refused(call)
        assert len(mlflow.search_logged_models(output_format="list")) == 1
    finally:
        mlflow.set_registry_uri(None)


def test_a_registry_at_a_dead_address_is_told_at_once(home: Path) -> None:
    """MLflow alone asks again and again, for minutes and without a word."""
    wb.start("mine")
    info = wb.log_model(MODEL, "model", example=ROWS)
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        mlflow.set_registry_uri(f"http://127.0.0.1:{taken.getsockname()[1]}")
        try:
            calls = [
                lambda: wb.register(info.model_uri, "mine"),
                lambda: wb.promote("mine", 1),
                lambda: wb.transition("mine", 1, "Staging"),
                lambda: wb.rollback("mine", why="it was better"),
                lambda: wb.history("mine"),
                lambda: wb.versions_table("mine"),
                lambda: wb.plot_lifecycle("mine"),
                lambda: wb.migrate_stages("mine"),
                lambda: wb.score("models:/mine@production", pd.DataFrame(ROWS)),
                lambda: wb.describe_model("models:/mine/1"),
                lambda: wb.serve("models:/mine/1").__enter__(),
                lambda: wb.log_model(MODEL, "model", example=ROWS, registered_model_name="mine"),
            ]
            begun = time.monotonic()
            for call in calls:
                with pytest.raises(wb.StoreError, match=r"mlflow\.set_registry_uri\(None\)"):
                    call()
            assert time.monotonic() - begun < patience(100)
            assert len(mlflow.search_logged_models(output_format="list")) == 1
        finally:
            mlflow.set_registry_uri(None)


@pytest.mark.parametrize("name", ["databricks", "databricks-uc", "uc", "dbfs"])
def test_names_may_be_those_of_databricks(name: str, home: Path) -> None:
    wb.start(name)
    rows = pd.DataFrame({"a": [1.0, 2.0]})
    wb.log_model(lambda model_input: model_input["a"], name, example=rows, registered_model_name=name)
    wb.promote(name, 1, alias=name, override="a name is a name")
    assert len(wb.score(f"models:/{name}@{name}", rows)) == len(rows)


# --- a clock that goes back ------------------------------------------------------------------------------------------


def test_the_trail_keeps_its_order_when_the_clock_goes_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hours, as when a machine wakes up with the time of its battery: order is by numbers, not by times."""
    wb.start("mine")
    for _ in range(2):
        wb.log_model(MODEL, "model", example=ROWS, registered_model_name="wine")
    times = iter(f"2026-06-0{day}T10:00:00.000+00:00" for day in (5, 5, 2, 2, 9, 9))
    monkeypatch.setattr(audit_trail, "_now", lambda: next(times))
    wb.promote("wine", 1, override="the first")
    wb.promote("wine", 2, override="the second")
    wb.rollback("wine", why="it was worse")
    assert mlflow.MlflowClient().get_registered_model("wine").aliases == {"production": 1}
    table = wb.history("wine")
    assert table["to"].to_list() == [1, 2, 1]
    assert not table["when"].is_monotonic_increasing
    assert table["status"].to_list() == ["done"] * 3


def test_a_run_that_ended_before_it_began_is_shown(home: Path) -> None:
    session = wb.start("mine")
    client = mlflow.MlflowClient()
    run = client.create_run(session.experiment.experiment_id, start_time=1_800_000_000_000, run_name="woken up")
    client.set_terminated(run.info.run_id, end_time=1_700_000_000_000)
    assert list(wb.runs_table("mine")["name"]) == ["woken up"]
    assert "woken up" not in " ".join(wb.start("mine").notes)


# --- another user's files --------------------------------------------------------------------------------------------

AS_NOBODY = """
import os, sys
import numpy as np
from click.testing import CliRunner
from sklearn.linear_model import Ridge
import mlworkbench as wb
X = np.arange(8.0).reshape(4, 2)

def log(home):
    wb.start("mine", tracking_uri=f"sqlite:///{home}/mlflow.db")
    wb.log_model(Ridge().fit(X, X[:, 0]), "model", example=X)

log(sys.argv[1])  # now everything is imported, also what only root may read
for home in sys.argv[2:]:
    if os.fork() == 0:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
        try:
            log(home)
        except wb.WorkbenchError as error:
            print("REFUSED", home, error, flush=True)
        os._exit(0)
    os.wait()
"""
FOREIGN = {
    "entered": (0o700, 0o600, 0o700, "cannot be written"),
    "folder": (0o755, 0o644, 0o755, "cannot be written"),
    "written": (0o777, 0o644, 0o777, "attempt to write a readonly database"),
    "read": (0o777, 0o600, 0o777, "unable to open database file"),
    "artifacts": (0o777, 0o666, 0o755, "the files of the model cannot be kept"),
}
"""Rights of folder, database and artifacts, and what is found: each a step further in."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_store_of_another_user_is_told(home: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # each session of pytest shuts the folder of all sessions anew
        top = Path(name)
        for case, (folder, database, artifacts, _) in FOREIGN.items():
            theirs = Path(shutil.copytree(home, top / case))
            (theirs / "artifacts").mkdir()
            for path, rights in ((theirs / "artifacts", artifacts), (theirs / "mlflow.db", database), (theirs, folder)):
                path.chmod(rights)
        top.chmod(0o755)
        command = [sys.executable, "-c", AS_NOBODY, home, *(top / case for case in FOREIGN)]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    for case, (*_, found) in FOREIGN.items():
        told = done.stdout.partition(f"REFUSED {top / case} ")[2].partition("REFUSED")[0]
        assert found in told.partition("Expected: ")[0], (case, done.stdout, done.stderr)
        assert "Do this: " in told


# --- a working directory that is gone --------------------------------------------------------------------------------


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a branch was changed in another terminal."""
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for call in (lambda: wb.start("mine"), wb.workbook_root):
        assert "working directory is gone" in refused(call)
    for command in (["lessons"], ["run"], ["progress"]):
        done = CliRunner().invoke(main, command)
        assert (done.exit_code, "working directory is gone" in done.stderr) == (2, True), command
    assert "working directory is gone" in CliRunner().invoke(main, ["doctor"]).output


# --- variables as files of settings write them -----------------------------------------------------------------------


@pytest.mark.parametrize("blank", [" ", "\n"])
def test_a_home_of_blanks_is_none(blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", blank)
    assert workbook_home() == wb.workbook_root() / ".mlworkbench"


def test_a_home_below_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLWORKBENCH_HOME", "~/kept\r\n")
    assert workbook_home() == tmp_path / "kept"


@pytest.mark.parametrize("uri", ["sqlite:///m.db\n", "sqlite:///m.db\r", " \n"])
def test_a_line_end_in_the_address_of_the_store(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a part of the file's name, and its runs would show nowhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert "set in MLFLOW_TRACKING_URI" in refused(lambda: wb.start("mine"))
    assert list(tmp_path.iterdir()) == []
