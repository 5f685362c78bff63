"""Projects are checked before they run, leave your folder as it is, and keep parent and environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest

import mlworkbench as wb

pytestmark = pytest.mark.processes

TINY = """
name: tiny
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      rows: {type: int, default: 2}
      share: {type: float, default: 0.5}
      word: string
    command: "python main.py {rows} {word}"
  use:
    parameters: {data: path}
    command: "python use.py {data}"
  fail:
    command: "python -c 'raise SystemExit(3)'"
  around:
    command: "python around.py"
"""
MAIN = """
import sys, mlflow, helper
with mlflow.start_run():
    mlflow.log_text(sys.argv[2] * int(sys.argv[1]), "out.txt")
    mlflow.set_tag("python", sys.executable)
"""
USE = "import sys, mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('n', len(open(sys.argv[1]).read()))\n"
AROUND = "import mlworkbench as wb\nwb.run_project('.', word='w')\n"  # without a start_run of its own


@pytest.fixture
def project(tmp_path: Path, home: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    files = {"MLproject": TINY, "main.py": MAIN, "use.py": USE, "around.py": AROUND, "helper.py": "a = 1\n"}
    files |= {"unused.py": "a = 1\n", "settings.json": "{}", "python_env.yaml": "python: '3.11'\n"}
    for name, text in files.items():
        (folder / name).write_text(text)
    wb.start("projects")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files, to see what stays in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ('"python main.py {row} {word}"', "{row} in braces, which is none of its parameters"),
        ('"python main.py {rows"', "do not match"),
        ("{word}", "begins with a brace"),
    ],
)
def test_a_command_that_does_not_fit_its_parameters(project: Path, command: str, says: str) -> None:
    """MLflow alone fails with a bare KeyError, and only when it runs."""
    (project / "MLproject").write_text(TINY.replace('"python main.py {rows} {word}"', command))
    for call in (wb.describe_project, wb.run_project):
        with pytest.raises(wb.ProjectError, match=says):
            call(project)


def test_an_environment_that_cannot_be_made(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """virtualenv without pyenv, on which MLflow raises a FileNotFoundError."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(wb.ProjectError, match="virtualenv needs pyenv"):
        wb.run_project(project, env_manager="virtualenv", word="w")


def test_a_project_is_described(project: Path) -> None:
    table = wb.describe_project(project)
    assert table[table.entry_point == "main"].to_numpy().tolist() == [
        ["main", "rows", "int", 2],
        ["main", "share", "float", 0.5],
        ["main", "word", "string", None],
    ]
    assert table[table.entry_point == "fail"].parameter.tolist() == [""]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"entry_point": "mian"}, "Did you mean 'main'"),
        ({}, "no value for the parameter 'word'"),
        ({"word": "w", "rwos": 1}, "Did you mean 'rows'"),
        ({"word": "w", "rows": "many"}, "a whole number"),
        ({"word": "w", "share": "half"}, "a number"),
        ({"entry_point": "use", "data": "missing.csv"}, "a file or folder that exists"),
        ({"word": "w", "env_manager": "uvx"}, "Did you mean 'uv'"),
    ],
)
def test_what_a_project_cannot_take_is_refused(project: Path, call: dict[str, Any], message: str) -> None:
    """Before anything runs: MLflow alone would append an unknown parameter and let `many` through to the script."""
    with pytest.raises(wb.ProjectError, match=message):
        wb.run_project(project, **call)
    assert mlflow.search_runs().empty


@pytest.mark.parametrize("text", ["entry_points: [", "entry_points: 5", "- a\n- b", "docker_env: {}\nentry_points: {}"])
def test_an_mlproject_that_cannot_be_read(project: Path, text: str) -> None:
    (project / "MLproject").write_text(text)
    if text.startswith("docker"):
        text = "docker_env: {volumes: 5}"
        (project / "MLproject").write_text(text)
    with pytest.raises(wb.ProjectError, match="cannot be read"):
        wb.describe_project(project)


@pytest.mark.parametrize(
    "where", ["file:///nowhere/project", "git@127.0.0.1:nobody/nothing", "http://127.0.0.1:9/a.git"]
)
def test_a_git_uri_that_does_not_answer(home: Path, where: str) -> None:
    with pytest.raises(wb.ProjectError, match="Git does not get this project"):
        wb.describe_project(where)


def test_no_project_and_no_such_version(project: Path, tmp_path: Path) -> None:
    with pytest.raises(wb.ProjectError, match="no MLproject in"):
        wb.describe_project(tmp_path)
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "The beginning")
    with pytest.raises(wb.ProjectError, match=r"has no version 'The beginning'(.|\n)*[0-9a-f]{7} The beginning"):
        wb.describe_project(project, version="The beginning")  # a message names no commit


def test_steps_are_reused_until_something_changes(
    project: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Same entry point, parameters, code and inputs; `mlflow run …` is printed; this Python runs the script."""
    with mlflow.start_run() as flow:
        first = wb.run_step(project, "main", word="w")
        second = wb.run_step(project, "use", data=f"runs:/{first.info.run_id}/out.txt")
    typed = min(str(project), os.path.relpath(project), key=len)
    assert f"mlflow run {typed} -e main --env-manager local -P word=w\n" in capfd.readouterr().out
    assert second.data.metrics == {"n": 2}
    with pytest.raises(wb.ProjectError, match=r"at that place it has out\.txt"):
        wb.run_step(project, "use", data=f"runs:/{first.info.run_id}/ou.txt")
    with pytest.raises(wb.ProjectError, match="a run of this store"):
        wb.run_step(project, "use", data="runs:/nothing/out.txt")
    assert first.data.tags["mlflow.parentRunId"] == flow.info.run_id
    assert Path(first.data.tags["python"]).parent == Path(sys.executable).parent
    assert first.info.run_name == "main"
    with mlflow.start_run() as flow:
        assert wb.run_step(project, "main", word="w", rows=2, share=0.5).info.run_id == first.info.run_id
    assert mlflow.get_run(flow.info.run_id).data.tags["step.main"] == f"reused {first.info.run_id}"
    assert not list(temporary.iterdir())
    mlflow.delete_run(first.info.run_id)
    assert wb.run_step(project, "main", word="w").info.run_id != first.info.run_id


HERE = """
import os, sys, mlflow
with mlflow.start_run(nested=True):
    mlflow.set_tags({"process": os.getpid(), "word": sys.argv[1]})
    if sys.argv[1] == "wrong":
        raise SystemExit("no such word")
"""


def test_a_step_in_this_process(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run like that of `mlflow run`, below the active one, found again by its fingerprint; its failure is told."""
    more = 'parameters: {word: string}, command: "python here.py {word}"'
    (project / "MLproject").write_text(f"{TINY}  here: {{{more}}}\n")
    (project / "here.py").write_text(HERE)
    before = sys.argv
    with mlflow.start_run() as flow:
        made = wb.run_step(project, "here", word="a 'b", in_process=True)
        assert wb.run_step(project, "here", word="a 'b").info.run_id == made.info.run_id
        with pytest.raises(wb.ProjectError, match="the entry point 'here' ended with an error"):
            wb.run_step(project, "here", word="wrong", in_process=True)
        assert mlflow.active_run().info.run_id == flow.info.run_id
    assert made.data.tags["process"] == str(os.getpid())
    assert made.data.tags["mlflow.project.entryPoint"] == "here"
    assert made.data.tags["mlflow.parentRunId"] == flow.info.run_id
    assert made.data.tags["word"] == "a 'b"
    assert "no such word" in capsys.readouterr().err
    assert sys.argv is before
    (wrong,) = mlflow.search_runs(filter_string="tags.word = 'wrong'", output_format="list")
    assert wrong.info.status == "FAILED"
    with pytest.raises(wb.ProjectError, match="no active run"):
        wb.run_step(project, "here", word="b", in_process=True)


def test_what_a_step_depends_on(project: Path, tmp_path: Path) -> None:
    from mlworkbench.projects.fingerprint import fingerprint

    def key(entry_point: str = "main", **values: Any) -> str:
        return fingerprint(project, entry_point, {"word": "w"} | values if entry_point == "main" else values)

    def changes(change: Callable[[], object]) -> bool:
        old = key()
        change()
        return key() != old

    assert key() == key(rows=2) == key(share=0.5)
    assert len({key(), key(rows=3), key(word="v"), key("fail")}) == 4
    assert key(share=1) == key(share="1.0")
    assert not changes(lambda: (project / "unused.py").write_text("a = 2\n"))
    assert not changes(lambda: (project / "README.md").write_text("words"))
    assert not changes(lambda: (project / ".hidden").write_text("words"))
    assert changes(lambda: (project / "helper.py").write_text("a = 2\n"))
    assert changes(lambda: (project / "settings.json").write_text("{} "))
    assert changes(lambda: (project / "MLproject").write_text(TINY.replace("{rows} {word}", "{rows} '{word}'")))
    data = tmp_path / "data.csv"
    data.write_text("1")
    old = key("use", data=str(data))
    data.write_text("2")
    assert key("use", data=str(data)) != old


def test_a_failing_entry_point_and_a_nested_run(project: Path) -> None:
    """The error names the run; a run inside of a project's run is its child although no run is active there."""
    with pytest.raises(wb.ProjectError, match="'fail' ended with an error"):
        wb.run_project(project, entry_point="fail")
    wb.run_project(project, entry_point="around")
    table = mlflow.search_runs(output_format="list")
    by_entry = {run.data.tags["mlflow.project.entryPoint"]: run for run in table}
    assert by_entry["fail"].info.status == "FAILED"
    assert by_entry["main"].data.tags["mlflow.parentRunId"] == by_entry["around"].info.run_id


def test_the_environment_manager_is_that_of_the_run_around(project: Path) -> None:
    from mlworkbench.projects.run import _env_manager

    with mlflow.start_run(tags={"mlflow.project.env": "uv"}), mlflow.start_run(nested=True):
        assert _env_manager(None) == "uv"
        assert _env_manager("local") == "local"
    assert _env_manager(None) == "local"


def test_a_version_of_a_repository_leaves_the_folder_as_it_is(project: Path, temporary: Path) -> None:
    """`mlflow run` itself would check the old commit out in this folder, and add a remote to it."""
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    first = git(project, "rev-parse", "HEAD")
    (project / "main.py").write_text("raise SystemExit('the new version')")
    git(project, "commit", "--quiet", "--all", "-m", "second")
    run = wb.run_project(project, version=first, word="w")
    assert run.data.tags["mlflow.source.git.commit"] == first
    assert "mlflow.source.git.dirty" not in run.data.tags
    assert (project / "main.py").read_text().startswith("raise")
    assert git(project, "remote") == ""
    assert git(project, "status", "--porcelain") == ""
    assert not list(temporary.iterdir())
    (project / "main.py").write_text(MAIN)  # without a commit
    changed = wb.run_project(project, word="w")
    assert changed.data.tags["mlflow.source.git.dirty"] == "true"
