"""docs/plain-mlflow.md: each pair leaves the same in a store, and every public name stands there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
from joblib.externals.loky import get_reusable_executor

import mlworkbench as wb
from mlworkbench.ports import free_port
from tests.notebooks import notebook
from tests.paths import ROOT
from tests.projects import project

pytestmark = pytest.mark.processes

PAGE = (ROOT / "docs" / "plain-mlflow.md").read_text(encoding="utf-8")
SETUP = re.findall(r"```python setup\n(.*?)```", PAGE, re.DOTALL)[0]
PAIRS = {
    name.strip(): (plain, helper)
    for name, plain, helper in re.findall(
        r"### ([\w ]+)\n.*?```python plain\n(.*?)```\n+```python wb\n(.*?)```", PAGE, re.DOTALL
    )
}
ALIKE = "mlflow.start_run() as run:\n    mlflow.log_metric('square', n * n)"
STEPS = "entry_points: {main: {parameters: {depth: {type: float, default: 1}}, command: 'echo {depth}'}}"


class Left(NamedTuple):
    """What a block leaves: runs, flavors of models, and who is what in the registry."""

    runs: list[tuple[dict[str, str], dict[str, float]]]
    flavors: set[str]
    registry: dict[str, Any]


def left() -> Left:
    client = mlflow.MlflowClient()
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [(run.data.params, run.data.metrics) for run in client.search_runs(ids)]
    models = client.search_logged_models(experiment_ids=ids)
    flavors = {name for model in models for name in mlflow.models.Model.load(model.model_uri).flavors}
    registry = {
        model.name: (
            model.aliases,
            {v.version: (v.tags, v.description or "") for v in client.search_model_versions(f"name = '{model.name}'")},
        )
        for model in client.search_registered_models()
    }
    return Left(runs, flavors, registry)


def executed(code: str, folder: Path, store: Path) -> tuple[Any, Left]:
    """Run a block in a folder with a store of its own; what `result` holds, and what is left."""
    folder.mkdir()
    os.chdir(folder)
    get_reusable_executor().shutdown(wait=True)  # the workers of an earlier test stand in another folder
    project(folder / "project", STEPS)
    notebook(folder / "squares.ipynb", "n = 1", f"import mlflow\nwith {ALIKE}", parameters=True)
    if "tracking_uri" not in code:
        shutil.copy(store, folder / "mlflow.db")
        wb.start("side by side", tracking_uri=f"sqlite:///{folder}/mlflow.db")
    names = {"port": free_port(), "__name__": "__main__"}
    exec(SETUP + code, names)  # noqa: S102 (the page is ours)
    found = names["result"], left()
    mlflow.set_tracking_uri(None)
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_both_forms_leave_the_same(name: str, tmp_path: Path, made_store: Path, monkeypatch: Any) -> None:
    """The helper may leave more, such as an outcome or a trail, and never less."""
    monkeypatch.chdir(tmp_path)
    beside = str(Path(sys.executable).parent)  # what activating the environment does
    monkeypatch.setenv("PATH", os.pathsep.join([beside, os.environ["PATH"]]))
    (said, plain), (says, helped) = (
        executed(code, tmp_path / form, made_store) for form, code in zip(("plain", "wb"), PAIRS[name], strict=True)
    )
    assert says == said
    for params, metrics in plain.runs:
        assert (
            any(
                params.items() <= more.items() and metrics.items() <= values.items()
                for more, values in helped.runs
                if set(params) - {"model_id"} <= set(more)
            )
            or "model_id" in params
        )
    assert plain.flavors <= helped.flavors
    assert plain.registry == helped.registry


def test_every_public_name_stands_on_the_page() -> None:
    assert not [name for name in wb.__all__ if not re.search(rf"\b{name}\b", PAGE)]


def test_every_pair_was_found() -> None:
    assert PAGE.count("```python plain") == PAGE.count("```python wb") == len(PAIRS) > 15
