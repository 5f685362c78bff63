"""Engine tier: the stack is killed, stopped, filled, saved and restored, and changes its profiles. In this order."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mlworkbench.ports import free_port
from tests.notebooks import notebook
from tests.stack.files import ROOT
from tests.stack.stack import Stack

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("patience")]


class Writers:
    """Processes that log runs, and what the server has acknowledged to them."""

    def __init__(self, uri: str, folder: Path, number: int) -> None:
        command = [sys.executable, "-m", "tests.stack.writers", uri, str(folder), str(number)]
        self.folder, self.number = folder, number
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def acknowledged(self) -> list[list[str]]:
        return [path.read_text().split() for path in sorted(self.folder.glob("[0-9].txt"))]

    def each_logs(self, more: int) -> None:
        """Wait until each writer has logged this many runs more."""
        before = [len(runs) for runs in self.acknowledged()] or [0] * self.number
        for _ in range(600):
            now = [len(runs) for runs in self.acknowledged()]
            if len(now) == self.number and all(b - a >= more for a, b in zip(before, now, strict=True)):
                return
            time.sleep(0.2)
        raise AssertionError(f"writers stand still: {before}, {now}")

    def stop(self) -> set[str]:
        (self.folder / "stop").touch()
        assert self.process.wait(timeout=120) == 0
        return set().union(*self.acknowledged())


@pytest.fixture
def writers(stack: Stack, tmp_path: Path) -> Iterator[Callable[[int], Writers]]:
    started: list[Writers] = []

    def start(number: int) -> Writers:
        started.append(Writers(stack.uri, tmp_path, number))
        started[-1].each_logs(2)
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def complete(stack: Stack, runs: set[str]) -> bool:
    """Whether each of these runs is finished, with its parameter, its metric and its artifact."""
    everything, files = stack.runs(), " ".join(stack.files())
    return all(
        everything[run][0] == "FINISHED"
        and everything[run][1]["value"] == float(everything[run][2]["writer"])
        and f"{run}/artifacts/note.txt" in files
        for run in runs
    )


def test_no_acknowledged_run_is_lost_when_mlflow_restarts_and_postgresql_is_killed(
    stack: Stack, writers: Callable[[int], Writers]
) -> None:
    """8 processes log meanwhile. PostgreSQL gets SIGKILL; the restart policy brings it back, and MLflow finds it."""
    eight = writers(8)
    stack.compose("restart", "mlflow")
    eight.each_logs(2)
    first = stack.run("docker", "inspect", "--format", "{{.State.StartedAt}}", "mlworkbench-test-postgres-1").stdout
    stack.inside("postgres", "sh", "-c", 'kill -9 "$(head -n 1 "$PGDATA/postmaster.pid")"', check=False)
    eight.each_logs(2)
    again = stack.run("docker", "inspect", "--format", "{{.State.StartedAt}}", "mlworkbench-test-postgres-1").stdout
    assert again != first
    runs = eight.stop()
    assert len(runs) >= 8 * 6
    assert complete(stack, runs)


def test_everything_is_there_after_down_and_up(stack: Stack) -> None:
    runs, files = stack.runs(), stack.files()
    assert len(runs) > 30
    stack.compose("down")
    stack.up()
    assert stack.runs() == runs
    assert stack.files() == files
    assert "mine.txt" in stack.inside("jupyter", "ls")


def test_a_full_disk_fails_the_run_and_loses_nothing_else(stack: Stack) -> None:
    """A second server on the same database, whose artifacts go to a volume of 8 MB."""
    before, port = stack.runs(), free_port()
    size = ["--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=8m,uid=1000"]
    stack.run("docker", "volume", "create", *size, "mlworkbench-test-small")
    small = ["--volume", "mlworkbench-test-small:/small", "--publish", f"127.0.0.1:{port}:5000"]
    small += ["--env", "MLFLOW_ARTIFACTS_DESTINATION=/small", "--env", "TMPDIR=/small", "--env", "MLFLOW_WORKERS=1"]
    stack.compose("run", "--detach", "--no-deps", "--name", "mlworkbench-test-full", *small, "mlflow")
    try:
        uri = f"http://127.0.0.1:{port}"
        for _ in range(120):
            with contextlib.suppress(OSError):
                if stack.answer(uri + SEARCH) == 200:
                    break
            time.sleep(0.5)
        mlflow.set_tracking_uri(uri)
        kept = []
        with pytest.raises(MlflowException, match=r"\d\.txt"), mlflow.start_run(experiment_id="0") as run:  # noqa: PT012
            for number in range(20):
                mlflow.log_text(str(number % 10) * 1_000_000, f"{number}.txt")
                kept.append(number)
        assert 2 <= len(kept) <= 8
        assert mlflow.get_run(run.info.run_id).info.status == "FAILED"
        for number in kept:
            text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{number}.txt")
            assert text == str(number % 10) * 1_000_000
        with mlflow.start_run(experiment_id="0") as after:
            mlflow.log_metric("still", 1)
        now = stack.runs()
        assert now.pop(after.info.run_id)[0] == "FINISHED"
        assert now.pop(run.info.run_id)[0] == "FAILED"
        assert now == before
    finally:
        stack.run("docker", "rm", "--force", "mlworkbench-test-full")
        stack.run("docker", "volume", "rm", "mlworkbench-test-small")


def test_a_backup_made_while_others_log_restores_into_an_empty_stack(
    stack: Stack, writers: Callable[[int], Writers]
) -> None:
    before, two = stack.runs(), writers(2)
    known = set().union(*two.acknowledged())
    place = stack.run("docker/backup").stdout.split()[1]
    two.stop()
    refused = stack.run("docker/restore", place, check=False)
    assert refused.returncode == 2
    assert "a stack with runs in it" in refused.stderr
    stack.compose("down", "--volumes")
    stack.run("docker/restore", place)
    after = stack.runs()
    assert {run: after[run] for run in before} == before
    assert complete(stack, known | {run for run in set(after) - set(before) if after[run][0] == "FINISHED"})
    assert not list(stack.folder.glob("backups/*.partial"))


BUCKET = "import boto3, os; c = boto3.client('s3', endpoint_url=os.environ['MLFLOW_S3_ENDPOINT_URL']);"
BUCKET += "[print(o['Key']) for o in c.list_objects_v2(Bucket='mlflow')['Contents']]"
WHERE = "import pathlib, socket; pathlib.Path(f'{n}.on-{socket.gethostname()}').touch()"


def test_the_profiles_together(stack: Stack) -> None:
    """A password for everybody, artifacts in S3, a Ray cluster; a lesson and a sweep on Ray run as a user."""
    stack.run("docker/make-env", env={"PROFILES": "classroom s3 ray"})
    stack.up()
    assert stack.answer(stack.uri + SEARCH) == 401
    admin = ("admin", stack.secrets["MLFLOW_ADMIN_PASSWORD"])
    assert stack.answer(stack.uri + SEARCH, auth=admin) == 200

    told = stack.inside("jupyter", "mlworkbench", "run", "1.2", "--fast")
    assert told.count(" passed\n") == 1, told
    objects = stack.inside("mlflow", "python", "-c", BUCKET).splitlines()
    assert objects
    assert all(key.startswith("workspaces/learner/") for key in objects)
    with pytest.raises(MlflowException, match="401"):
        mlflow.MlflowClient(stack.uri).search_experiments()
    users = stack.inside("mlflow", "python", "/opt/users.py", "ada", "learner").splitlines()
    assert [line.split("\t")[0] for line in users] == ["ada", "learner"]
    assert users[1].endswith("(exists)")

    notebook(stack.folder / "notebooks" / "where.ipynb", "n = 0", WHERE, parameters=True)
    told = stack.inside("jupyter", "mlworkbench", "rerun", "where.ipynb", "--grid", "n=1,2", "--backend", "ray")
    assert told.count(" passed ") == 2, told
    worker = stack.inside("ray-worker", "hostname").strip()
    assert {path.name for path in stack.folder.glob("notebooks/*.on-*")} == {f"{n}.on-{worker}" for n in (1, 2)}
    reach = "import socket; socket.create_connection(('ray-head', 10001), 5); socket.create_connection(('s3', 7070), 5)"
    done = stack.run("docker", "compose", "exec", "-T", "jupyter", "python", "-c", reach, check=False)
    assert "gaierror" in done.stderr  # Ray is reached, the S3 store is not
