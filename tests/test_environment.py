"""environment.yml, requirements.lock and pyproject.toml say the same."""

from __future__ import annotations

import importlib.util
import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
GIVEN = ["jupyterlab", "papermill", "nbval", "mlflow", "scikit-learn", "xgboost", "keras", "matplotlib"]
EXTRAS = {"course", "deep", "scale", "market", "live", "dev", "site"}
GROUPS = {
    group: {canonicalize_name(Requirement(line).name) for line in lines}
    for group, lines in {"core": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}.items()
}
"""The packages that each group names."""


def declared() -> list[Requirement]:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in PROJECT["dependencies"] + extras]


def locked() -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for name, pin in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK):
        pins.setdefault(canonicalize_name(name), []).append(pin)
    return pins


def test_every_declared_package_is_locked_within_its_bounds() -> None:
    pins = locked()
    for requirement in declared():
        versions = pins[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(pin, prereleases=True) for pin in versions), requirement


def test_every_declared_package_has_bounds_on_both_sides() -> None:
    for requirement in declared():
        operators = {spec.operator for spec in requirement.specifier}
        assert {">=", "<"} <= operators, f"{requirement} needs a lower and an upper bound"


def test_the_given_packages_and_extras_are_declared() -> None:
    assert set(GIVEN) <= {requirement.name for requirement in declared()}
    assert set(PROJECT["optional-dependencies"]) == EXTRAS


def test_no_package_is_named_by_two_groups() -> None:
    """But mlflow, whose extra for passwords comes with a group."""
    named = [name for packages in GROUPS.values() for name in packages]
    assert {name for name in named if named.count(name) > 1} == {"mlflow"}


def test_every_pin_has_a_hash_and_no_index_is_named() -> None:
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", LOCK)[1:]
    assert len(blocks) > 200
    assert all("--hash=sha256:" in block for block in blocks)
    assert "http" not in LOCK.replace("httpx", "").replace("httpcore", "").replace("aiohttp", "").replace(
        "httptools", ""
    )
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK


def test_the_lock_holds_for_all_platforms_and_leaves_gpu_libraries_out() -> None:
    assert "sys_platform == 'win32'" in LOCK
    assert "sys_platform == 'darwin'" in LOCK
    assert "nvidia" not in LOCK


def test_reading_a_notebook_builds_no_grammar() -> None:
    """nbformat imports jsonschema, and that a package which takes 1.5 s, where it is installed."""
    assert "rfc3987" not in LOCK
    assert importlib.util.find_spec("jsonschema")
    assert importlib.util.find_spec("rfc3987_syntax") is None


def test_conda_brings_python_and_pip_and_takes_the_rest_from_the_lock() -> None:
    python, pip, packages = CONDA["dependencies"]
    assert SpecifierSet(python.removeprefix("python ")) == SpecifierSet(PROJECT["requires-python"])
    assert pip.startswith("pip ")
    assert packages == {"pip": ["--requirement requirements.lock"]}
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]


def test_each_line_of_the_conda_file_says_why() -> None:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    choices = [line for line in lines if line.lstrip().startswith("- ") and not line.rstrip().endswith(":")]
    assert all("#" in line for line in choices)
