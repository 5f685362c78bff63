"""The workbook's own projects: its root, and the wines, whose steps run once and are reused."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml

import mlworkbench as wb
from tests.notebooks import notebook
from tests.paths import ROOT

pytestmark = pytest.mark.processes

WINE = ROOT / "notebooks" / "projects" / "wine"
LOGS = "import mlflow, mlworkbench as wb\nwb.start('lesson')\nwith mlflow.start_run():\n    mlflow.log_metric('m', 1)"


def mlflow_run(*arguments: str, store: str) -> None:
    """The command line, as in a terminal of its own: the environment is activated, no experiment is active."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "mlflow", "run", *arguments, "--env-manager", "local"]
    terminal = {name: value for name, value in os.environ.items() if name != "MLFLOW_EXPERIMENT_ID"}
    subprocess.run(command, check=True, env={**terminal, "PATH": path, "MLFLOW_TRACKING_URI": store})


def test_the_root_offers_every_part_and_every_lesson() -> None:
    points = set(wb.describe_project(ROOT)["entry_point"])
    parts = {folder.name.split("_", 1)[1] for folder in (ROOT / "notebooks").glob("[0-9][0-9]_*") if folder.is_dir()}
    assert {"main", "lesson"} | parts <= points


@pytest.mark.slow
def test_a_lesson_from_a_git_uri(tmp_path: Path, home: Path) -> None:
    """`mlflow run <repository> -e lesson -P id=0`: the runs of the lesson are children of the project's run."""
    repository = tmp_path / "repository"
    notebook(repository / "notebooks" / "00_start_here.ipynb", LOGS)
    shutil.copy(ROOT / "MLproject", repository)
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    wb.start("project")
    run = wb.run_project(f"file://{repository}", entry_point="lesson", version="HEAD", id="0")
    assert run.data.tags["mlflow.source.name"] == f"file://{repository}"
    (lesson,) = mlflow.search_runs(experiment_names=["lesson"], output_format="list")
    assert lesson.data.tags["mlflow.parentRunId"] == run.info.run_id


def test_the_variants_differ_in_the_environment_only(tmp_path: Path) -> None:
    """Copied over the project, each is one that MLflow reads; all name the versions of the lock."""
    lock = (ROOT / "requirements.lock").read_text()
    texts = [
        WINE / "python_env.yaml",
        WINE / "variants" / "conda" / "conda.yaml",
        WINE / "variants" / "docker" / "Dockerfile",
    ]
    for text in texts:
        pins = re.findall(r"[a-z-]+==[\d.]+", text.read_text())
        assert len(pins) == 5, text
        assert all(f"{pin} " in lock for pin in pins), text
    described = wb.describe_project(WINE)
    for variant in ("conda", "docker"):
        copy = tmp_path / variant
        shutil.copytree(WINE, copy)
        shutil.copytree(WINE / "variants" / variant, copy, dirs_exist_ok=True)
        assert wb.describe_project(copy).equals(described)
        assert f"{variant}_env" in yaml.safe_load((copy / "MLproject").read_text())


def steps(run: mlflow.entities.Run) -> dict[str, str]:
    tags: dict[str, str] = mlflow.get_run(run.info.run_id).data.tags
    return {name.removeprefix("step."): value.split()[0] for name, value in tags.items() if name.startswith("step.")}


@pytest.mark.slow
def test_the_wine_workflow_runs_only_what_has_changed(home: Path) -> None:
    """From the command line, then again with another C: the first two steps are reused, the model is new."""
    session = wb.start("wine")
    mlflow_run(str(WINE), "--experiment-name", "wine", store=session.store.uri)
    (first,) = mlflow.search_runs(filter_string="tags.`mlflow.project.entryPoint` = 'main'", output_format="list")
    assert steps(first) == dict.fromkeys(["load", "validate", "train", "evaluate", "register"], "ran")
    assert first.data.metrics["accuracy"] > 0.9
    with mlflow.start_run() as second:
        evaluated = workflow().workflow(test_share=0.25, C=0.01, min_accuracy=0.999)
    assert steps(second) == {"load": "reused", "validate": "reused"} | dict.fromkeys(
        ["train", "evaluate", "register"], "ran"
    )
    assert evaluated.data.metrics["accuracy"] != first.data.metrics["accuracy"]
    assert len(wb.versions_table("wine")) == 1
    children = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{second.info.run_id}'")
    assert set(children["tags.mlflow.runName"]) == {"train", "evaluate", "register"}


def workflow() -> Any:
    spec = importlib.util.spec_from_file_location("workflow", WINE / "workflow.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
