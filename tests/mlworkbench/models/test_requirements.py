"""A model's requirements are what it needs, and enough for somebody else."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from sklearn.datasets import load_iris

import mlworkbench as wb
from mlworkbench.models.requirements import modules_of, parts_of, pins
from mlworkbench.models.trusted_types import REVIEWED, beyond_review, reviewed_among
from tests.mlworkbench.models.test_log import FLAVORS, X

pytestmark = pytest.mark.processes

UV = Path(sys.executable).with_name("uv")


def pinned(module: str, package: str) -> None:
    assert pins([module]) == [f"{package}=={metadata.version(package)}"]


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("numpy.linalg", "numpy"),
        ("sklearn", "scikit-learn"),
        ("yaml", "pyyaml"),
        ("google.protobuf.message", "protobuf"),  # a folder that several packages share
        ("google.auth.credentials", "google-auth"),
    ],
)
def test_modules_are_pinned_by_the_name_of_their_package(module: str, package: str) -> None:
    pinned(module, package)


def test_what_needs_no_package_is_left_out() -> None:
    made = types.ModuleType("made_at_run_time")
    assert pins(["os", "json.decoder", "builtins", "mlflow.pyfunc", made.__name__, "google", "no_such.part"]) == []


def test_a_function_needs_what_it_names_and_what_it_imports() -> None:
    def predict(model_input):
        import scipy.stats

        return scipy.stats.zscore(np.asarray(model_input))

    assert {"numpy", "scipy.stats"} <= modules_of(parts_of(predict))
    assert __name__ not in modules_of(parts_of(predict))


def test_large_arrays_are_no_obstacle() -> None:
    assert "numpy" in modules_of(parts_of(np.zeros((1000, 1000))))


def test_files_that_travel_along_bring_their_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper.py").write_text("import os, scipy.stats\nfrom sklearn import base\nfrom . import other\n")
    folder = tmp_path / "kit"
    folder.mkdir()
    (folder / "__init__.py").write_text("from yaml import safe_load\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(wb.WorkbenchError, match=r"module 'helper'.*\n.*\n.*code_paths=\['helper.py'\]"):
        pins(["helper"])
    found = pins(["helper", "kit.part"], code_paths=[tmp_path / "helper.py", folder])
    assert [line.partition("==")[0] for line in found] == ["pyyaml", "scikit-learn", "scipy"]


def test_the_notebook_itself_cannot_be_pinned() -> None:
    with pytest.raises(wb.WorkbenchError, match="defined in this notebook"):
        pins(["__main__"])


@pytest.mark.parametrize("library", sorted({name.partition(".")[0] for name in REVIEWED}))
def test_every_reviewed_name_exists(library: str) -> None:
    if library == "lightgbm":  # which the lock does not bring
        pytest.importorskip(library)
    for name in [name for name in REVIEWED if name.startswith(f"{library}.")]:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), f"{name} is gone: take it off the list"


def test_code_that_runs_code_of_a_file_is_not_on_the_list() -> None:
    from scipy.stats import uniform

    names = [f"{part.__module__}.{part.__qualname__}" for part in parts_of(uniform(0, 1)) if isinstance(part, type)]
    assert "scipy.stats._continuous_distns.uniform_gen" in beyond_review(names)
    assert reviewed_among(parts_of(uniform(0, 1))) == ["numpy.dtype"] or not reviewed_among(parts_of(uniform(0, 1)))
    assert beyond_review(["a.B", "sklearn.tree._tree.Tree"], trust=["a.B"]) == []


# --- somebody else's machine: an empty environment with the pinned requirements --------------------------------------

PREDICT = """
import json, sys, mlflow, numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(model.input_example)
answer = answer["label"] if isinstance(answer, dict) else answer
print("ANSWER", json.dumps(np.asarray(answer, dtype=float).ravel().tolist()))
"""


def elsewhere(folder: Path, where: Path) -> list[float]:
    """What a model says to its example in a new environment that holds its requirements and nothing else."""
    environment, overrides = where / "environment", where / "overrides.txt"
    overrides.write_text("nvidia-nccl-cu12; sys_platform == 'never'\n")  # 300 MB that xgboost does not use here
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = next(path for path in (environment / "bin/python", environment / "Scripts/python.exe") if path.exists())
    command = [UV, "pip", "install", "--quiet", "--python", python, "--overrides", overrides]
    subprocess.run([*command, "--requirement", folder / "requirements.txt"], check=True)
    done = subprocess.run(
        [python, "-c", PREDICT, folder], cwd=where, capture_output=True, text=True, check=False, timeout=300
    )
    assert "ANSWER" in done.stdout, done.stderr
    answer: list[float] = json.loads(done.stdout.rpartition("ANSWER")[2])
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("make", [one for one in FLAVORS if one.__name__ not in ("booster_model", "function_model")])
def test_the_requirements_are_enough_in_an_empty_environment(make: Any, home: Path, tmp_path: Path) -> None:
    wb.start("elsewhere")
    model, rows, said, *_ = make()
    info = wb.log_model(model, "model", example=rows[:5])
    folder = mlflow.artifacts.download_artifacts(info.model_uri)
    assert np.allclose(elsewhere(Path(folder), tmp_path), np.asarray(said[:5], dtype=float).ravel(), rtol=1e-5)


@pytest.mark.slow
def test_a_model_takes_its_own_code_along(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    code = tmp_path / "code" / "halving.py"
    code.parent.mkdir()
    code.write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n\n\n"
        "class Halve(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None):\n        return self\n\n"
        "    def transform(self, X):\n        return X / 2\n"
    )
    monkeypatch.syspath_prepend(code.parent)
    halving = importlib.import_module("halving")
    wb.start("own code")
    model = make_pipeline(halving.Halve(), Ridge()).fit(X, load_iris().target[::3])
    with pytest.raises(wb.WorkbenchError, match="code_paths"):
        wb.log_model(model, "model", example=X[:5])
    with pytest.raises(wb.WorkbenchError, match=r"holds halving.Halve, which nobody has reviewed"):
        wb.log_model(model, "model", example=X[:5], code_paths=[str(code)])
    info = wb.log_model(model, "model", example=X[:5], code_paths=[str(code)], trust=["halving.Halve"])
    folder = mlflow.artifacts.download_artifacts(info.model_uri)
    done = subprocess.run([sys.executable, "-c", PREDICT, folder], capture_output=True, text=True, check=True)
    assert np.allclose(json.loads(done.stdout.rpartition("ANSWER")[2]), model.predict(X[:5]))
