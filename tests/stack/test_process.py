"""Process tier: the server command of the compose file, as a process on an embedded PostgreSQL, on any machine."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import mlflow
import pytest
import requests
import sqlalchemy
from mlflow.exceptions import MlflowException

from mlcourse.lessons import lessons
from mlworkbench.notebooks.execute import execute
from mlworkbench.ports import free_port
from mlworkbench.store import open_store
from mlworkbench.workbook import EXECUTION_VARIABLE
from tests.lessons.expected import EXPECTED, Logged
from tests.stack.files import ROOT
from tests.stack.server import ADMIN, SCRIPTS, environment, ready, server

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def new_database(postgres_server: object) -> Callable[[], tuple[str, str]]:
    """Make a database; return its name and URI."""

    def make() -> tuple[str, str]:
        name = f"stack_{time.time_ns()}"
        postgres_server.psql(f"CREATE DATABASE {name};")  # type: ignore[attr-defined]
        uri: str = postgres_server.get_uri(name)  # type: ignore[attr-defined]
        return name, uri.replace("postgresql://", "postgresql+psycopg://")

    return make


def old_store(uri: str) -> None:
    """A database as MLflow 2.16 made it, with a run."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(uri)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        config = _get_alembic_config(uri)
        config.attributes["connection"] = connection
        command.upgrade(config, "4465047574b1")
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) "
            "VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active')",
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, source_version, user_id, "
            "status, start_time, end_time, lifecycle_stage, experiment_id, artifact_uri) VALUES ('0123456789abcdef', "
            "'old', 'LOCAL', '', '', '', 'me', 'FINISHED', 1, 2, 'active', 0, 'mlflow-artifacts:/0/x')",
            "INSERT INTO params (key, value, run_uuid) VALUES ('made by', 'an older MLflow', '0123456789abcdef')",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(scope="module")
def upgraded(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], tuple[str, str]]
) -> Iterator[tuple[str, dict[str, str], str]]:
    """The server on a database that the command of docker/upgrade has brought up: its name, environment and address."""
    upgrade = "mlflow db upgrade"
    assert upgrade in (ROOT / "docker" / "upgrade").read_text()
    name, database = new_database()
    old_store(database)
    subprocess.run([sys.executable, "-m", *upgrade.split(), database], capture_output=True, check=True)
    env = environment(tmp_path_factory.mktemp("upgraded"), database, free_port())
    with server(env) as uri:
        yield name, env, uri


def test_a_database_of_an_older_mlflow_is_upgraded(upgraded: tuple[str, dict[str, str], str], patience: None) -> None:
    """An old schema is brought up, with its runs."""
    *_, uri = upgraded
    open_store(uri)
    run = mlflow.MlflowClient(uri).get_run("0123456789abcdef")
    assert run.data.params == {"made by": "an older MLflow"}


def test_the_plain_server(upgraded: tuple[str, dict[str, str], str], postgres_server: object, patience: None) -> None:
    """Artifacts travel through the server; foreign hosts and pages are refused; the health check asks the database."""
    name, env, uri = upgraded
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("process tier")
    with mlflow.start_run() as run:
        mlflow.log_metric("value", 0.25)
        mlflow.log_text("through the proxy", "note.txt")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert [path.read_text() for path in Path(env["MLFLOW_ARTIFACTS_DESTINATION"]).rglob("note.txt")] == [
        "through the proxy"
    ]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt") == "through the proxy"

    for host, status in {
        "mlflow:5000": 200,
        "localhost:5050": 200,
        "mlflow": 403,
        "evil.example:5000": 403,
    }.items():
        assert requests.get(uri + SEARCH, headers={"Host": host}, timeout=20).status_code == status, host
    new = f"{uri}/api/2.0/mlflow/experiments/create"
    foreign = requests.post(new, json={"name": "x"}, headers={"Origin": "http://evil.example"}, timeout=20)
    assert (foreign.status_code, foreign.text) == (403, "Cross-origin request blocked")

    postgres_server.psql(  # type: ignore[attr-defined]
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false;"
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}';"
    )
    assert requests.get(f"{uri}/health", timeout=20).text == "OK"
    assert not ready(env)
    postgres_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true;")  # type: ignore[attr-defined]
    assert ready(env)


def users(env: dict[str, str], uri: str, *names: str, **passwords: str) -> str:
    command = [sys.executable, str(SCRIPTS / "users.py"), "--uri", uri, *names]
    done = subprocess.run(command, env={**env, **passwords}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_classroom(
    tmp_path: Path,
    new_database: Callable[[], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    patience: None,
) -> None:
    """Nobody without a password; each user in a workspace of their own, which others neither see nor change."""
    env = environment(tmp_path, new_database()[1], free_port(), "classroom")
    with server(env, "classroom") as uri:
        *new, again = [line.split("\t") for line in users(env, uri, "ada", "bob", "ada").splitlines()]
        made = dict(new)
        assert set(made) == {"ada", "bob"}
        assert again == ["ada", "(exists)"]
        assert requests.get(uri + SEARCH, timeout=20).status_code == 401
        assert requests.get(uri + SEARCH, auth=("ada", made["bob"]), timeout=20).status_code == 401

        def become(user: str, workspace: str) -> None:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", made.get(user, ADMIN[1]))
            monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)

        become("ada", "ada")
        (lesson,) = lessons(["1.1"], root=ROOT)
        variables = {EXECUTION_VARIABLE: "ada", "MLFLOW_TRACKING_URI": uri}
        execute(lesson.path, tmp_path / "ada.ipynb", values=lesson.fast, env=variables)
        logged = Logged.of(uri, "ada")
        EXPECTED["1.1"](logged)

        its = logged.runs[0][1].info
        for workspace in ("bob", "ada", "default"):
            become("bob", workspace)
            client = mlflow.MlflowClient(uri)
            for forbidden in (
                lambda: client.get_run(its.run_id),  # noqa: B023
                lambda: client.set_tag(its.run_id, "mine", "now"),  # noqa: B023
                lambda: mlflow.artifacts.download_artifacts(its.artifact_uri, tracking_uri=uri),
            ):
                with pytest.raises((MlflowException, requests.HTTPError)):
                    forbidden()
            if workspace == "bob":
                client.create_experiment(logged.runs[0][0])  # of the same name as Ada's
            else:
                with pytest.raises(MlflowException, match="Permission denied"):
                    client.create_experiment("a guest's")
        become("admin", "ada")
        assert mlflow.MlflowClient(uri).get_run(its.run_id).info.run_id == its.run_id


def test_the_s3_store_and_the_copy_of_its_artifacts(
    tmp_path: Path, new_database: Callable[[], tuple[str, str]], patience: None
) -> None:
    """Artifacts arrive in the bucket through the proxy; saved and loaded again, they are the same."""
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        endpoint = "http://{}:{}".format(*moto.get_host_and_port())
        env = environment(tmp_path, new_database()[1], free_port(), "s3")
        store = {"MLFLOW_S3_ENDPOINT_URL": endpoint, "AWS_SECRET_ACCESS_KEY": "secret"}
        env |= store | {"MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow", "PYTHONPATH": str(SCRIPTS / "plugins")}
        for _ in range(2):  # a second start finds the bucket
            subprocess.run([sys.executable, SCRIPTS / "bucket.py"], env=env, check=True)
        with server(env) as uri:
            mlflow.set_tracking_uri(uri)
            with mlflow.start_run() as run:
                mlflow.log_text("kept", "folder/note.txt")
                mlflow.log_text("", "empty.txt")
            assert run.info.artifact_uri.startswith("mlflow-artifacts:")
            assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/folder/note.txt") == "kept"
            path = run.info.artifact_uri.removeprefix("mlflow-artifacts:/") + "/folder/note.txt"
            direct = requests.get(f"{uri}/api/2.0/mlflow-artifacts/presigned/{path}", timeout=20)
            assert direct.status_code == 501, direct.text  # no client is sent to a store that it cannot reach
            can = requests.get(f"{uri}/api/3.0/mlflow/server-info", timeout=20).json()
            assert not can["multipart_downloads_enabled"]
            assert not can["multipart_uploads_enabled"]
        keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)

        def objects(bucket: str) -> dict[str, bytes]:
            listed = client.list_objects_v2(Bucket=bucket)["Contents"]
            return {each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}

        before = objects("mlflow")
        assert sorted(path.split("/")[-1] for path in before) == ["empty.txt", "note.txt"]
        copy = [sys.executable, str(SCRIPTS / "artifacts.py")]
        tar = subprocess.run([*copy, "save"], env=env, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            assert set(archive.getnames()) == set(before)
        client.create_bucket(Bucket="other")
        env["MLFLOW_ARTIFACTS_DESTINATION"] = "s3://other"
        subprocess.run([*copy, "load"], env=env, check=True, input=tar)
        assert objects("other") == before
    finally:
        moto.stop()
