"""Parameters of any name and type, MLproject files of any kind, steps used oddly, and runs that are killed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest

import mlworkbench as wb
from tests.projects import project
from tests.waiting import until

pytestmark = pytest.mark.processes

ODD = """
entry_points:
  main:
    parameters: {version: {default: 0}, experiment: {default: none}, path: {default: p}, learning-rate: {default: 1}}
    command: "echo {version} {experiment} {path} {learning-rate}"
  odd:
    parameters: {entry_point: {default: 0}, env_manager: {default: none}, parameters: {default: x}}
    command: "echo {entry_point} {env_manager} {parameters}"
  use:
    parameters: {data: path}
    command: "cat {data}"
"""


@pytest.fixture
def odd(tmp_path: Path, home: Path) -> Path:
    wb.start("projects")
    return project(tmp_path / "odd", ODD)


def told(error: pytest.ExceptionInfo[wb.ProjectError]) -> str:
    message = str(error.value)
    assert [line.split(":")[0] for line in message.splitlines()] == ["Found", "Expected", "Do this"]
    return message


def test_a_parameter_may_be_called_like_an_option(odd: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = wb.run_project(
        odd, parameters={"version": 1, "experiment": "mine", "path": Path("a b"), "learning-rate": 0.5}
    )
    assert "\n1 mine a b 0.5\n" in capfd.readouterr().out
    assert mlflow.get_experiment(run.info.experiment_id).name == "projects"
    assert run.data.params["version"] == "1"
    both = {"entry_point": 7, "env_manager": "own", "parameters": [1, 2]}
    elsewhere = wb.run_step(odd, "odd", experiment="elsewhere", parameters=both)
    assert "\n7 own [1, 2]\n" in capfd.readouterr().out
    assert mlflow.get_experiment(elsewhere.info.experiment_id).name == "elsewhere"


def test_an_option_that_could_be_a_parameter_is_asked_about(odd: Path) -> None:
    for options in ({"experiment": "mine"}, {"entry_point": "odd", "env_manager": "uv"}, {"entry_point": "odd"}):
        with pytest.raises(wb.ProjectError, match="an option of this call and a parameter") as caught:
            wb.run_project(odd, **options)
        assert "parameters={" in told(caught)
    with pytest.raises(wb.ProjectError, match=r"goes into parameters=\{'version': …\}"):
        wb.run_project(odd, version="1")
    with pytest.raises(wb.ProjectError, match="two values for 'path'"):
        wb.run_step(odd, "main", parameters={"path": 2}, path=1)
    assert mlflow.search_runs().empty


@pytest.mark.parametrize(
    "bad",
    [{"path": "a\0b"}, {"path": "\ud800"}, {"path": 10**5000}, {5: 1}, {None: 1}, {"a\0": 1}, [("path", 1)], "path", 5],
    ids=lambda bad: type(bad).__name__,
)
def test_what_is_no_parameter(odd: Path, bad: Any) -> None:
    for call in (lambda: wb.run_project(odd, parameters=bad), lambda: wb.run_step(odd, "main", parameters=bad)):
        with pytest.raises(wb.ProjectError) as caught:
            call()
        assert told(caught)


@pytest.mark.parametrize("name", ["entry_point", "env_manager", "experiment"])
@pytest.mark.parametrize("bad", [5, ["x"], "a\0b", "\ud800", Path("x")], ids=ascii)
def test_options_that_are_none(odd: Path, name: str, bad: Any) -> None:
    options = {"entry_point": "use", "parameters": {"data": str(odd / "MLproject")}, name: bad}
    with pytest.raises(wb.ProjectError) as caught:
        wb.run_project(odd, **options)
    assert told(caught)
    assert mlflow.search_runs().empty


def test_a_path_is_a_path(odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """MLflow alone fails on it: 'PosixPath' object has no attribute 'decode'."""
    (tmp_path / "data.csv").write_text("the data\n")
    run = wb.run_project(odd, entry_point="use", data=tmp_path / "data.csv")
    assert "\nthe data\n" in capfd.readouterr().out
    assert run.data.params["data"] == str(tmp_path / "data.csv")
    with pytest.raises(wb.ProjectError, match="a file or folder that exists"):
        wb.run_project(odd, entry_point="use", data="x" * 5000)


def test_a_path_that_mlflow_decodes_gets_the_address_that_it_takes(odd: Path, tmp_path: Path) -> None:
    (data := tmp_path / "a%41.csv").write_text("the data\n")
    with pytest.raises(wb.ProjectError) as caught:
        wb.run_project(odd, entry_point="use", data=data)
    address = caught.value.do.removeprefix("Write data=").removesuffix(".")
    assert wb.run_project(odd, entry_point="use", data=address).info.status == "FINISHED"


def test_what_cannot_be_fetched_is_told_with_a_cure_for_values_too(odd: Path) -> None:
    for value in ("models:/none/1", "HTTP://127.0.0.1:9/none.csv"):
        with pytest.raises(wb.ProjectError, match="files and models that its parameters name"):
            wb.run_project(odd, entry_point="use", data=value)


# --- MLproject files of any kind

LAUGHS = "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 13))
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 13))
POINT = "entry_points: {main: {parameters: {p: {type: string, default: %s}}, command: 'echo {p}'}}"
BROKEN = {
    "latin-1": ("# pr\xe9nom\n" + POINT % 1).encode("latin-1"),
    "utf-16": (POINT % 1).encode("utf-16"),
    "utf-16 without a mark": (POINT % 1).encode("utf-16-le"),
    "laughs in a default": (LAUGHS + POINT % "*a12").encode(),
    "laughs in a type": (LAUGHS + (POINT % 1).replace("type: string", "type: *a12")).encode(),
    "laughs in a merge": (MERGES + POINT % "*a12").encode(),
    "an anchor in itself": f"a: &a [*a]\n{POINT % 1}".encode(),
    "deep": (POINT % ("[" * 5000 + "]" * 5000)).encode(),
    "large": (POINT % 1 + "\n# " + "x" * 2_000_000).encode(),
    "a number of 5000 digits": (POINT % ("9" * 5000)).encode(),
    "a day that is none": (POINT % "2026-99-99").encode(),
    "NUL": (POINT % 1 + "\n\0").encode(),
    "the same entry point twice": b"entry_points:\n  a: {command: echo}\n  a: {command: cat}\n",
    "the same parameter twice": b"entry_points: {a: {parameters: {p: int, p: float}, command: echo}}",
    "an entry point called yes": b"entry_points: {yes: {command: echo}}",
    "a parameter called 5": b"entry_points: {a: {parameters: {5: int}, command: echo}}",
    "a parameter that MLflow does not log": b"entry_points: {a: {parameters: {'p!': int}, command: echo}}",
    "a type that is a list": b"entry_points: {a: {parameters: {p: {type: [int]}}, command: echo}}",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.timeout(60)
def test_an_mlproject_that_cannot_be_read_is_told_at_once(odd: Path, text: bytes) -> None:
    (odd / "MLproject").write_bytes(text)
    for call in (wb.describe_project, wb.run_project, lambda where: wb.run_step(where, "main")):
        with pytest.raises(wb.ProjectError) as caught:
            call(odd)
        assert len(told(caught)) < 1000


def test_an_mlproject_with_a_mark_and_anchors_is_read(odd: Path) -> None:
    text = "common: &common {type: int, default: 3}\n" + POINT.replace("{type: string, default: %s}", "*common")
    (odd / "MLproject").write_bytes(text.encode("utf-8-sig"))
    assert wb.describe_project(odd).to_numpy().tolist() == [["main", "p", "int", 3]]


# --- steps


def test_a_second_step_of_the_same_name_is_told_too(odd: Path) -> None:
    with mlflow.start_run() as flow:
        one = wb.run_step(odd, "main", parameters={"version": 1})
        two = wb.run_step(odd, "main", parameters={"version": 2})
        wb.run_step(odd, "main", parameters={"version": 1})
    tags = mlflow.get_run(flow.info.run_id).data.tags
    assert {name: text for name, text in tags.items() if name.startswith("step.")} == {
        "step.main": f"ran {one.info.run_id}",
        "step.main.2": f"ran {two.info.run_id}",
        "step.main.3": f"reused {one.info.run_id}",
    }


def test_a_step_whose_script_cannot_be_parsed_fails_as_a_step(odd: Path) -> None:
    project(odd, "entry_points: {main: {command: 'python broken.py'}}")
    (odd / "broken.py").write_text("def (:\n")
    with pytest.raises(wb.ProjectError, match="ended with an error"):
        wb.run_step(odd, "main")
    with mlflow.start_run(), pytest.raises(SyntaxError):
        wb.run_step(odd, "main", in_process=True)
    steps = mlflow.search_runs(filter_string="tags.`mlflow.project.entryPoint` = 'main'", output_format="list")
    assert [step.info.status for step in steps] == ["FAILED", "FAILED"]


# --- what is killed

WAITING = """
import mlworkbench as wb, mlflow, sys
mlflow.set_tracking_uri(sys.argv[1])
wb.run_project(sys.argv[2])
"""
COMMAND = 'sleep 1000 & python -c \'import time; open(\\"begun\\", \\"w\\"); time.sleep(1000)\'; echo done'


def ours(run_id: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLFLOW_RUN_ID") == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_run_ends_with_the_process_that_started_it(odd: Path, how: signal.Signals) -> None:
    """Whatever ends that process: the run is told as ended, and nothing of it goes on."""
    project(odd, f'entry_points: {{main: {{command: "{COMMAND}"}}}}')
    starter = subprocess.Popen([sys.executable, "-c", WAITING, mlflow.get_tracking_uri(), str(odd)])
    until((odd / "begun").exists)
    (run,) = mlflow.search_runs(output_format="list", search_all_experiments=True)
    assert run.info.status == "RUNNING"
    assert len(ours(run.info.run_id)) >= 3
    os.kill(starter.pid, how)
    assert starter.wait(600) != 0
    until(lambda: mlflow.get_run(run.info.run_id).info.status in ("KILLED", "FAILED"))
    until(lambda: not ours(run.info.run_id))


def test_a_run_that_cannot_be_started_has_failed(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow alone leaves it RUNNING for ever."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(wb.ProjectError, match="virtualenv needs pyenv"):
        wb.run_project(odd, env_manager="virtualenv")
    (run,) = mlflow.search_runs(output_format="list")
    assert run.info.status == "FAILED"


SCRIPT = "import sys\nprint('GIVEN', sys.argv[1:])\n"


@pytest.mark.parametrize("declared", [None, ODD], ids=["no MLproject", "MLproject"])
def test_a_script_runs_without_being_declared_as_in_mlflow_run(
    tmp_path: Path, home: Path, declared: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    wb.start("scripts")
    (folder := tmp_path / "scripts").mkdir()
    if declared:
        project(folder, declared)
    (folder / "parts").mkdir()
    (folder / "parts" / "train it.py").write_text(SCRIPT)
    given = {"alpha": 0.5, "name": "a b"}
    run = wb.run_project(folder, entry_point="parts/train it.py", parameters=given)
    said = capfd.readouterr().out
    assert "GIVEN ['--alpha', '0.5', '--name', 'a b']" in said
    line = next(line for line in said.splitlines() if line.startswith("mlflow run"))
    assert run.data.params["alpha"] == "0.5"
    again = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = subprocess.run(shlex.split(line), check=True, capture_output=True, text=True, env=again).stdout
    assert "GIVEN ['--alpha', '0.5', '--name', 'a b']" in printed
    first = wb.run_step(folder, "parts/train it.py", parameters=given)
    assert wb.run_step(folder, "parts/train it.py", parameters=given).info.run_id == first.info.run_id
    other = wb.run_step(folder, "parts/train it.py", parameters=given | {"alpha": 1})
    assert other.info.run_id != first.info.run_id


@pytest.mark.parametrize("name", ["nowhere.py", "../outside.py", "data.txt", "a\0.py", "x" * 5000 + ".py"])
def test_what_is_no_script_of_the_project_is_no_entry_point(tmp_path: Path, home: Path, name: str) -> None:
    wb.start("scripts")
    (tmp_path / "outside.py").write_text(SCRIPT)
    for folder in (tmp_path / "bare", project(tmp_path / "declared", ODD)):
        folder.mkdir(exist_ok=True)
        (folder / "data.txt").touch()
        with pytest.raises(wb.ProjectError) as caught:
            wb.run_project(folder, entry_point=name)
        told(caught)
    (tmp_path / "bare" / "train.py").write_text(SCRIPT)
    with pytest.raises(wb.ProjectError, match="the parameter 'a:b"):
        wb.run_project(tmp_path / "bare", entry_point="train.py", parameters={"a:b\n": 1})
