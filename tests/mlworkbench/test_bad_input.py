"""What nobody should pass is told in three sentences, of a length that can be read, whatever its type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from tests.notebooks import notebook
from tests.projects import project


class Silent:
    """Has no text, as an object whose file or connection is closed."""

    def __repr__(self) -> str:
        raise ValueError("closed")


BAD: dict[str, Any] = {
    "no text": Silent(),
    "array": np.array(["a", "b"]),
    "table": pd.DataFrame({"a": [1, 2]}),
    "huge number": 10**5000,
    "long text": "x" * 1_000_000,
    "many folders": "y/" * 100_000,
    "half a letter": "\ud800",
    "NaN": float("nan"),
    "list in a tuple": ([1],),
}
TABLE = pd.DataFrame({"acc": [1.0, 2.0], "p": ["1", "2"]})
EVALUATED = pd.DataFrame({"a": [0.0, 1.0], "y": [0, 1]})
WANTED = {"accuracy_score": mlflow.models.MetricThreshold(threshold=0.5, greater_is_better=True)}
CALLS: dict[str, Callable[[Any], Any]] = {
    "start": wb.start,
    "tracking_uri": lambda bad: wb.start("a", tracking_uri=bad),
    "best_run": lambda bad: wb.best_run(bad, lower_is_better=True),
    "lower_is_better": lambda bad: wb.best_run("acc", lower_is_better=bad),
    "experiments": lambda bad: wb.runs_table([bad]),
    "max_results": lambda bad: wb.runs_table(max_results=[bad]),
    "filter_string": lambda bad: wb.runs_table(filter_string=bad),
    "plot_history": lambda bad: wb.plot_history([bad], "acc"),
    "plot_runs": lambda bad: wb.plot_runs(TABLE, bad, "p"),
    "ax": lambda bad: wb.plot_runs(TABLE, "acc", "p", ax=bad),
    "log_history": lambda bad: wb.log_history({"a": [1.0]}, run_id=bad),
    "step": lambda bad: wb.log_history({"a": [1.0]}, step=[bad], run_id="a"),
    "describe_model": wb.describe_model,
    "name of a model": lambda bad: wb.log_model(len, bad, example=TABLE),
    "trust": lambda bad: wb.log_model(len, "m", example=TABLE, trust=[bad]),
    "target": lambda bad: wb.validate(len, None, EVALUATED, target=bad, thresholds=WANTED),
    "model_type": lambda bad: wb.validate(len, None, EVALUATED, target="y", thresholds=WANTED, model_type=bad),
    "thresholds": lambda bad: wb.validate(len, None, EVALUATED, target="y", thresholds={"a": bad}),
    "score": lambda bad: wb.score(bad, TABLE),
    "serve": lambda bad: wb.serve(bad).__enter__(),
    "port": lambda bad: wb.serve("models:/a/1", port=bad).__enter__(),
    "describe_project": wb.describe_project,
    "load_live": wb.load_live,
}
ON_FILES: dict[str, Callable[[Path, Path, Any], Any]] = {
    "rerun": lambda path, folder, bad: wb.rerun(bad),
    "kernel": lambda path, folder, bad: wb.rerun(path, kernel=bad),
    "timeout": lambda path, folder, bad: wb.rerun(path, timeout=bad),
    "backend": lambda path, folder, bad: wb.sweep(path, {"n": [1]}, backend=bad),
    "n_jobs": lambda path, folder, bad: wb.sweep(path, {"n": [1]}, n_jobs=bad),
    "entry_point": lambda path, folder, bad: wb.run_project(folder, entry_point=bad),
    "env_manager": lambda path, folder, bad: wb.run_project(folder, env_manager=bad),
    "version": lambda path, folder, bad: wb.describe_project(folder, version=bad),
    "run_step": lambda path, folder, bad: wb.run_step(bad, "main"),
}


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(wb.WorkbenchError) as told:
        call()
    assert [line.partition(":")[0] for line in str(told.value).splitlines()][:1] == ["Found"]
    assert len(str(told.value)) < 40_000


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("call", CALLS)
def test_bad_values(call: str, bad: str, home: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
    refused(lambda: CALLS[call](BAD[bad]))


@pytest.mark.processes
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("call", ON_FILES)
def test_bad_values_beside_a_notebook_or_project(call: str, bad: str, home: Path, tmp_path: Path) -> None:
    wb.start("bad")
    path = notebook(tmp_path / "a.ipynb", "n = 0", parameters=True)
    folder = project(tmp_path / "project", "entry_points:\n  main:\n    command: exit 3\n")
    refused(lambda: ON_FILES[call](path, folder, BAD[bad]))


def test_names_from_a_generator_are_all_used(home: Path) -> None:
    wb.start("first")
    with mlflow.start_run():
        pass
    wb.start("second")
    assert wb.runs_table(name for name in ["first"])["experiment"].tolist() == ["first"]
