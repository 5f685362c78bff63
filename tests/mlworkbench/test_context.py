"""Every run is stamped with where it came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from mlworkbench.context import WorkbookRunContext
from mlworkbench.workbook import lesson_id
from tests.paths import ROOT

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("notebooks/00_start_here.ipynb", "0"),
        ("notebooks/01_tracking/02_logging.ipynb", "1.2"),
        ("notebooks/05_stock_market/07_scaling_out.ipynb", "5.7"),
        ("notebooks/appendix/01_clouds.ipynb", "A.1"),
        ("my/own.ipynb", None),
        ("01_tracking/notes.ipynb", None),
        ("appendix/notes.ipynb", None),
    ],
)
def test_lesson_id(path: str, expected: str | None) -> None:
    assert lesson_id(Path(path)) == expected


def test_a_plain_run_is_stamped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = ROOT / "notebooks" / "01_tracking" / "02_logging.ipynb"
    monkeypatch.setenv("IPYNB_FILE", str(notebook))
    monkeypatch.setenv("MLWORKBENCH_EXECUTION", "execution 1")
    wb.start("mine")
    with mlflow.start_run() as parent:
        monkeypatch.setenv("MLWORKBENCH_PARENT_RUN", parent.info.run_id)
    with mlflow.start_run() as run:
        pass
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert tags["mlworkbench.notebook"] == tags["mlflow.source.name"] == notebook.name
    assert tags["mlworkbench.lesson"] == "1.2"
    assert tags["mlworkbench.execution"] == "execution 1"
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert tags["mlflow.source.type"] == "NOTEBOOK"


def test_the_git_commit_of_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mine.ipynb"))
    assert WorkbookRunContext().tags()["mlflow.source.git.commit"] == head


def test_outside_of_a_notebook_and_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not WorkbookRunContext().in_context()
    assert WorkbookRunContext().tags() == {}
    monkeypatch.setenv("IPYNB_FILE", str(tmp_path / "mine.ipynb"))
    assert "mlflow.source.git.commit" not in WorkbookRunContext().tags()


def test_a_notebook_whose_name_is_no_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYNB_FILE", "caf\udce9.ipynb")  # as Python reads Latin-1 from a file system
    wb.start("mine")
    with mlflow.start_run() as run:
        pass
    assert mlflow.get_run(run.info.run_id).data.tags["mlworkbench.notebook"] == r"caf\udce9.ipynb"
