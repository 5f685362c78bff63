"""Importing the package is cheap, and every public name is there and documented."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlworkbench

pytestmark = pytest.mark.processes


def test_import_loads_nothing_heavy() -> None:
    script = (
        "import sys, time, json; begun = time.perf_counter(); import mlworkbench;"
        "print(json.dumps([time.perf_counter() - begun, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    assert not {"mlflow", "tensorflow", "keras", "pandas", "numpy", "matplotlib", "sklearn"} & set(modules)
    assert seconds < 2  # a safety limit; benchmarks/bench_import.py measures


@pytest.mark.parametrize("name", mlworkbench.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(mlworkbench, name)
    assert inspect.getdoc(value)
    if inspect.isfunction(value) and inspect.signature(value).parameters:
        assert "Parameters" in inspect.getdoc(value) or "Raises" in inspect.getdoc(value)


def test_names_are_listed_once_and_the_same_everywhere() -> None:
    stub = Path(mlworkbench.__file__).with_name("__init__.pyi").read_text()
    assert sorted(re.findall(r"(\w+) as \1", stub)) == mlworkbench.__all__
    assert set(mlworkbench.__all__) <= set(dir(mlworkbench))


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'begin'.*start"):
        mlworkbench.begin  # noqa: B018
