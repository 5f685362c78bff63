"""Engine tier: the stack is built and started; its doors are tried, and its lessons are run. First what it is like."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from mlcourse.lessons import lessons
from mlcourse.solutions import worked
from tests.lessons.expected import EXPECTED, Logged
from tests.stack.files import ROOT
from tests.stack.stack import Stack

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
CHOSEN = ["1", "3.4"]
"""All of part 1, and the lesson whose server calls back and whose gate is a project of `notebooks/`."""
LESSONS = [lesson.id for lesson in lessons(CHOSEN, root=ROOT)]
SERVICES = ["postgres", "mlflow", "jupyter"]

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("patience")]


def test_containers_hold_the_versions_of_the_lock(stack: Stack) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = {(re.sub(r"[-_.]+", "-", n).lower(), v) for n, v in re.findall(r"(?m)^([\w.-]+)==([^ ;\\]+)", lock)}
    for service in ("mlflow", "jupyter"):
        installed = {(re.sub(r"[-_.]+", "-", name).lower(), pin) for name, pin in stack.pins(service).items()}
        assert {name for name, pin in installed - pins} <= {"mlworkbench"}
        assert len(installed) > 50


def test_doctor_finds_nothing_in_the_container(stack: Stack) -> None:
    told = stack.inside("jupyter", "mlworkbench", "doctor")
    assert "http://mlflow:5000 (set in MLFLOW_TRACKING_URI)" in told
    assert "No problem found." in told


@pytest.mark.parametrize("service", SERVICES)
def test_containers_are_not_root_and_cannot_write_their_root_file_system(stack: Stack, service: str) -> None:
    script = "id -u; grep -h -E '^(Uid|CapEff|NoNewPrivs):' /proc/[0-9]*/status | sort -u; touch /x /opt/x /usr/x"
    done = stack.run("docker", "compose", "exec", "-T", service, "sh", "-c", script, check=False)
    user, *lines = done.stdout.splitlines()
    assert user != "0"
    assert not [line for line in lines if line.startswith("Uid:") and "\t0" in line]
    assert [line for line in lines if line.startswith("CapEff")] == ["CapEff:\t0000000000000000"]
    assert [line for line in lines if line.startswith("NoNewPrivs")] == ["NoNewPrivs:\t1"]
    assert done.stderr.count("Read-only file system") == 3


def test_doors_are_closed(stack: Stack) -> None:
    """Jupyter without its token, MLflow for foreign hosts and pages, PostgreSQL for everybody but MLflow."""
    assert stack.answer(f"{stack.lab}/api/contents") == 403
    assert stack.answer(f"{stack.lab}/api/contents?token={stack.secrets['JUPYTER_TOKEN']}") == 200
    assert stack.answer(stack.uri + SEARCH) == 200
    assert stack.answer(stack.uri + SEARCH, headers={"Host": "evil.example"}) == 403
    foreign = {"Origin": "http://evil.example"}
    create = f"{stack.uri}/api/2.0/mlflow/experiments/create"
    assert stack.answer(create, method="POST", json={"name": "x"}, headers=foreign) == 403

    listed = stack.run("docker", "ps", "--format", "{{.Names}} {{.Ports}}").stdout.splitlines()
    ours = [line for line in listed if "mlworkbench-test" in line]
    assert all("0.0.0.0:" not in line and ":::" not in line for line in ours)
    assert "->" not in next(line for line in ours if "postgres" in line)
    for address in ("127.0.0.1", socket.gethostname()):
        with socket.socket() as probe, contextlib.suppress(OSError):
            assert probe.connect_ex((address, 5432)) != 0
    reach = "import socket; socket.create_connection(('postgres', 5432), 5)"
    done = stack.run("docker", "compose", "exec", "-T", "jupyter", "python", "-c", reach, check=False)
    assert "gaierror" in done.stderr


def test_the_host_logs_and_reads_back(stack: Stack) -> None:
    mlflow.set_tracking_uri(stack.uri)
    mlflow.set_experiment("from the host")
    with mlflow.start_run() as run:
        mlflow.log_text("from the host", "folder/note.txt")
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/folder/note.txt") == "from the host"
    assert any(f"{run.info.run_id}/artifacts/folder/note.txt" in line for line in stack.files())


def logged(uri: str) -> dict[str, Logged]:
    """What each lesson logged, by the tags that every run carries."""
    client = mlflow.MlflowClient(uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [run.data.tags for run in client.search_runs(ids, "tags.`mlworkbench.lesson` LIKE '%'")]
    executions = {tags["mlworkbench.lesson"]: tags["mlworkbench.execution"] for tags in runs}
    return {lesson: Logged.of(uri, execution) for lesson, execution in executions.items()}


@pytest.mark.timeout(1800)
def test_lessons_in_the_container_log_what_they_log_on_sqlite(stack: Stack, tmp_path: Path) -> None:
    """At the same time in the container and here, where nothing but a file is used."""
    command = ["-m", "mlworkbench", "run", *CHOSEN, "--fast", "--jobs", "1"]
    env = {**stack.env, "MLWORKBENCH_HOME": str(tmp_path / "home")}
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as here:
        told = stack.inside("jupyter", "python", *command)
        assert here.wait() == 0, here.stdout and here.stdout.read()
    assert told.count(" passed\n") == len(LESSONS), told
    ours, theirs = logged(f"sqlite:///{tmp_path}/home/mlflow.db"), logged(stack.uri)
    assert sorted(ours) == sorted(theirs) == LESSONS
    for lesson in LESSONS:
        EXPECTED[lesson](theirs[lesson])
        for there, on_the_host in zip(theirs[lesson].metrics, ours[lesson].metrics, strict=True):
            assert there[:2] == on_the_host[:2]
            # a processor may have other kernels for linear algebra chosen on the host
            assert there[2] == pytest.approx(on_the_host[2], rel=1e-9)


def test_worked_solutions_are_in_the_container_and_cannot_be_changed_there(stack: Stack) -> None:
    code = "from mlcourse.solutions import worked; print(worked('3.4')[0])"
    assert stack.inside("jupyter", "python", "-c", code).strip() == worked("3.4")[0]
    mounts = [line.split() for line in stack.inside("jupyter", "cat", "/proc/mounts").splitlines()]
    (options,) = [mount[3].split(",") for mount in mounts if mount[1] == "/workbook/solutions"]
    assert "ro" in options


def test_what_a_kernel_writes_belongs_to_the_host_user(stack: Stack) -> None:
    stack.inside("jupyter", "sh", "-c", "echo mine > /workbook/notebooks/mine.txt")
    file = stack.folder / "notebooks" / "mine.txt"
    assert str(file.stat().st_uid) == stack.secrets["WORKBENCH_UID"]
    assert file.read_text() == "mine\n"
