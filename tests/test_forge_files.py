"""What GitHub reads: workflows, the form for faults, and what is kept up to date are of their schemas."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.paths import ROOT

FORGE = ROOT / ".github"
FILES = {
    "vendor.github-workflows": sorted(FORGE.glob("workflows/*.yml")),
    "vendor.github-issue-forms": sorted(FORGE.glob("ISSUE_TEMPLATE/*.yml")),
    "vendor.dependabot": [FORGE / "dependabot.yml"],
}


def checked(schema: str, *files: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run([tool, "--builtin-schema", schema, *files], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", FILES)
def test_each_file_is_of_its_schema(schema: str) -> None:
    assert FILES[schema]
    done = checked(schema, *FILES[schema])
    assert done.returncode == 0, done.stdout


def test_a_workflow_without_jobs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("on: push\n")
    assert checked("vendor.github-workflows", tmp_path / "broken.yml").returncode != 0


def test_workflows_call_what_there_is() -> None:
    """Each line that a workflow runs is a script of the repository or a target of the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for file in FILES["vendor.github-workflows"]:
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            for line in (step["run"] for step in job["steps"] if "run" in step):
                first, *rest = line.split()
                assert rest[0] in targets if first == "make" else (ROOT / first).exists(), line


def test_dependabot_looks_where_dockerfiles_are() -> None:
    folders = next(
        update["directories"]
        for update in yaml.safe_load((FORGE / "dependabot.yml").read_text())["updates"]
        if update["package-ecosystem"] == "docker"
    )
    assert {ROOT / folder.lstrip("/") for folder in folders} == {
        file.parent for file in ROOT.glob("docker/*/Dockerfile")
    }


def test_hooks_before_a_commit_call_what_make_check_calls() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("check: setup")[2].partition("\n\n")[0]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    for hook in hooks:
        assert hook["entry"].replace(".venv/bin", "$(BIN)") in recipe


@pytest.mark.parametrize("hook", ["ruff", "ruff-format"])
def test_hooks_take_every_file_of_the_repository(hook: str) -> None:
    """As `pre-commit run --all-files`: each file is named, also those that `make check` leaves out."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    (entry,) = [each["entry"] for each in hooks if each["id"] == hook]
    program, *rest = entry.split()
    listed = ["git", "ls-files", "*.py", "*.pyi", "*.ipynb"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    command = [str(Path(sys.executable).with_name(Path(program).name)), *rest]
    command += [name for name in files if (ROOT / name).exists()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert files
    assert done.returncode == 0, done.stdout[-1000:]


@pytest.mark.parametrize("script", sorted(path.name for path in ROOT.glob(".ci/*") if path.is_file()))
def test_scripts_of_ci_can_be_read_and_executed(script: str) -> None:
    path = ROOT / ".ci" / script
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_jobs_of_ci_run_beside_each_other_on_every_python_that_is_promised() -> None:
    jobs = yaml.safe_load((FORGE / "workflows" / "ci.yml").read_text())["jobs"]
    assert {"lint", "tests", "stack", "core"} <= set(jobs)
    assert not [name for name, job in jobs.items() if "needs" in job]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert [part["name"] for part in jobs["tests"]["strategy"]["matrix"]["part"]] == ["package", "lessons", "browser"]
    assert {"macos-latest", "windows-latest"} < set(jobs["core"]["strategy"]["matrix"]["os"])
