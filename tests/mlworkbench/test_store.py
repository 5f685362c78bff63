"""The store is chosen by a clear order, made once, and refused with a reason when it cannot work."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from filelock import FileLock

import mlworkbench as wb
from mlworkbench.errors import StoreError, told, without_password
from mlworkbench.ports import free_port
from mlworkbench.store import Store, open_store
from mlworkbench.workbook import workbook_home, workbook_root
from tests.paths import ROOT
from tests.servers import Silent, server_with_a_token, serving

pytestmark = pytest.mark.processes

PATIENCE = 10.0  # seconds within which an unreachable store must be told


@pytest.fixture(scope="module", autouse=True)
def imports_of_the_first_request() -> None:
    """MLflow's client imports much before its first request, which takes long on a busy machine."""
    with pytest.raises(StoreError):
        open_store(f"http://127.0.0.1:{free_port()}")


def refused(uri: str | None = None) -> str:
    """The message with which a store is refused: three sentences, within 10 seconds."""
    begun = time.monotonic()
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    assert time.monotonic() - begun < PATIENCE
    message = str(caught.value)
    assert [line.split(":")[0] for line in message.splitlines()] == ["Found", "Expected", "Do this"]
    return message


def test_the_order_of_choice(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default = open_store()
    assert default.uri == f"sqlite:///{empty_home / 'mlflow.db'}"
    assert default.artifact_root == (empty_home / "artifacts").as_uri()
    other = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    assert open_store().uri == other
    third = f"sqlite:///{tmp_path / 'third.db'}"
    assert open_store(third).uri == third


def test_the_root_is_found_from_any_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workbook_root(ROOT / "notebooks" / "01_tracking") == ROOT
    monkeypatch.chdir(ROOT / "notebooks")
    assert workbook_home() == ROOT / ".mlworkbench"


def test_outside_of_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no workbook at or above" in refused()


def test_the_store_survives_a_killed_creation(empty_home: Path) -> None:
    """What a killed process leaves is a file under another name, which the next one replaces."""
    empty_home.mkdir()
    (empty_home / "mlflow.db.new").write_bytes(b"half a database")
    assert open_store().uri.endswith("mlflow.db")
    assert not (empty_home / "mlflow.db.new").exists()
    with sqlite3.connect(empty_home / "mlflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


WRITER = """
import mlflow, mlworkbench as wb
wb.start("race")
for number in range(50):
    with mlflow.start_run():
        mlflow.log_param("number", number)
        mlflow.log_metric("value", number)
"""


def test_eight_writers_race_for_a_store_that_does_not_exist(empty_home: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], stderr=subprocess.PIPE, text=True) for _ in range(8)]
    errors = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, errors
    assert not any("locked" in error for error in errors)
    client = mlflow.MlflowClient(f"sqlite:///{empty_home / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "race"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    assert len(runs) == 400
    assert all(run.info.status == "FINISHED" and run.data.metrics and run.data.params for run in runs)


@pytest.mark.parametrize("uri", ["file:/somewhere/mlruns", "./mlruns", "mlruns", "C:\\mlruns", ""])
def test_file_stores_are_refused(uri: str) -> None:
    assert "plain files" in refused(uri)


@pytest.mark.parametrize(("revision", "age"), [("451aebb31d03", "an older"), ("ffffffffffff", "a newer")])
def test_the_schema_of_another_mlflow(home: Path, revision: str, age: str) -> None:
    open_store()
    with sqlite3.connect(home / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    message = refused()
    assert f"{age} MLflow (schema {revision})" in message
    assert ("mlflow db upgrade" in message) == (age == "an older")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, not a database" * 100)
    assert "is not a database" in refused(f"sqlite:///{tmp_path / 'notes.db'}")


def test_a_database_in_memory(tmp_path: Path) -> None:
    assert "names no file" in refused("sqlite:///:memory:")
    assert "names no file" in refused("sqlite://")


def test_a_read_only_folder(tmp_path: Path) -> None:
    """Permissions do not bind root, so as root the test becomes nobody for the length of the call."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        assert "cannot be written" in refused(f"sqlite:///{folder / 'mlflow.db'}")
    finally:
        os.seteuid(user)


def test_no_server_answers() -> None:
    assert "no server answers" in refused(f"http://127.0.0.1:{free_port()}")


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "no server answers" in refused(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that gives one status to everything."""

    class Handler(Silent):
        def do_GET(self) -> None:
            self.send_error(request.param)

    with serving(Handler) as uri:
        yield uri


@pytest.mark.parametrize(
    ("answering", "cure"),
    [(401, "PASSWORD"), (403, "ALLOWED_HOSTS"), (404, "not something else")],
    indirect=["answering"],
)
def test_a_server_that_refuses(answering: str, cure: str) -> None:
    assert cure in refused(answering)


def test_a_token_opens_a_server_as_it_does_for_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with_a_token("secret") as uri:
        assert "MLFLOW_TRACKING_TOKEN" in refused(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        assert open_store(uri).uri == uri


def test_a_file_of_credentials_opens_a_server_as_it_does_for_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(Silent):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Basic " + base64.b64encode(b"ada:secret").decode()
            self.send_response(200 if known else 401)
            self.end_headers()

    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(Handler) as uri:
        assert "PASSWORD" in refused(uri)
        (tmp_path / ".mlflow").mkdir()
        (tmp_path / ".mlflow" / "credentials").write_text(
            "[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = secret\n"
        )
        assert open_store(uri).uri == uri


def test_a_real_server_is_used_and_keeps_the_artifacts(tmp_path: Path) -> None:
    port = free_port()
    """Artifacts logged by this client arrive at the server; a host that the server does not know is told."""
    uri = f"http://127.0.0.1:{port}"
    command = [*(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port))]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path / 's.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "kept")]
    allowed = {**os.environ, "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port}"}
    allowed["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with subprocess.Popen(command, env=allowed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            store = wait_for(uri)
            assert store.artifact_root is None
            import mlworkbench as wb

            session = wb.start("on a server", tracking_uri=uri)
            assert session.link.startswith(f"{uri}/#/experiments/{session.experiment.experiment_id}/")
            with mlflow.start_run():
                mlflow.log_text("hello", "note.txt")
            assert [path.read_text() for path in (tmp_path / "kept").rglob("note.txt")] == ["hello"]
            assert "ALLOWED_HOSTS" in refused(f"http://localhost:{port}")
        finally:
            server.terminate()


def wait_for(uri: str) -> Store:
    begun = time.monotonic()
    while time.monotonic() - begun < 300:
        try:
            return open_store(uri)
        except StoreError:
            time.sleep(0.5)
    return open_store(uri)


def test_postgresql_is_opened_and_its_password_hidden(home: Path, postgres: Callable[[], str]) -> None:
    uri = postgres()
    store = open_store(uri)
    assert store.uri == uri
    assert store.artifact_root == (home / "artifacts").as_uri()
    assert without_password("postgresql://me:secret@db/x") == "postgresql://me:***@db/x"


def test_no_database_answers(home: Path) -> None:
    message = refused(f"postgresql+psycopg://me:secret@127.0.0.1:{free_port()}/mlflow")
    assert "no database answers" in message
    assert "secret" not in message


def test_a_driver_that_is_not_installed(home: Path) -> None:
    assert "No module named" in refused("mysql+pymysql://me@127.0.0.1/mlflow")


@pytest.mark.parametrize(
    "uri",
    [
        *("sqlite:///{folder}", "sqlite:///", "sqlite:///q.db?mode=ro", "sqlite:///fifo", "sqlite:////dev/full"),
        *("sqlite:///" + "x" * 300 + ".db", "sqlite:////dev/null/x.db", "sqlite:////proc/x.db"),
        *("http://[::1", "http://h:abc", "http://", "http://h:99999", "http://.", "http:// x"),
        *("postgresql://h:abc/x", "postgresql://[::1", "postgresql+nodriver://x", "postgresql+psycopg://me:a@b@h/x"),
        "postgresql://me:my secret@h/x",
        *(5, b"sqlite:///x.db", ["x"], "a\0", "\ud800", "sqlite:///a\nb.db", "   "),
    ],
    ids=repr,
)
def test_an_address_of_no_store_is_told_at_once(uri: object, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    os.mkfifo("fifo")
    refused(uri.format(folder=home) if isinstance(uri, str) else uri)


def test_a_path_is_told_with_the_uri_to_write() -> None:
    assert "tracking_uri='sqlite:///q.db'" in refused(Path("q.db"))


def test_a_store_that_another_process_holds(home: Path) -> None:
    with sqlite3.connect(home / "mlflow.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert "database is locked" in refused()
        holder.execute("ROLLBACK")
    open_store()


@pytest.mark.parametrize("folder", ["50% off", "what?", "a#b c", "%41%20"])
def test_any_folder_can_hold_the_store(folder: str, made_store: Path, tmp_path: Path, monkeypatch) -> None:
    """Its name may have what addresses use otherwise; runs and their artifacts go there and nowhere else."""
    home = tmp_path / folder / ".mlworkbench"
    home.mkdir(parents=True)
    shutil.copy(made_store, home / "mlflow.db")
    monkeypatch.setenv("MLWORKBENCH_HOME", str(home))
    wb.start("mine")
    with mlflow.start_run():
        mlflow.log_text("hello", "note.txt")
    assert sqlite3.connect(home / "mlflow.db").execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert [path.parent.parent.parent.parent for path in tmp_path.rglob("note.txt")] == [home / "artifacts"]


def test_a_relative_path_stays_what_it_was(made_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(made_store, tmp_path / "mine.db")
    monkeypatch.chdir(tmp_path)
    assert open_store("sqlite:///mine.db").uri == f"sqlite:///{tmp_path}/mine.db"


FULL = """
import resource, signal, sys
import mlworkbench as wb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
try:
    wb.start("mine")
except wb.StoreError as error:
    print(error)
"""


@pytest.mark.parametrize(("there", "room"), [("empty_home", 100_000), ("home", 5_000)], ids=["made", "written"])
def test_a_full_disk_is_told(there: str, room: int, request: pytest.FixtureRequest) -> None:
    """While the store is made, and while one is written: the system refuses what goes beyond a size, as a full disk."""
    request.getfixturevalue(there)
    command = [sys.executable, "-c", FULL, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Do this: " in done.stdout, done.stderr
    assert "disk" in done.stdout


@pytest.mark.parametrize(
    "address",
    [
        *(
            "postgresql://me:SECRET'a\"SECRET@db/x",
            "postgresql://me:SECRET@db/x",
            "postgresql://me:a@SECRET/b#c@db/x",
            "mysql+pymysql://:SECRET@db",
        ),
        *("http://me:SECRET@host:5000/a", "https://SECRET@host/x.git", "https://SECRET:x-oauth-basic@host/x.git"),
        *(
            "postgresql://db/x?user=me&password=SECRET&a=b",
            "https://host/?access_token=SECRET",
            "x://h/?p%61ssword=SECRET",
        ),
        *("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3DSECRET", "sqlite:///x?api_key=SECRET", "s3://a:SECRET@b/c"),
    ],
)
def test_no_form_of_a_password_is_shown(address: str) -> None:
    """Neither by the function, nor by an error of ours that holds it, nor by what is told of somebody else's."""
    for said in (
        without_password(f"see {address}."),
        str(StoreError(address, address, address)),
        told(OSError(address)),
    ):
        assert "SECRET" not in said
        assert "***" in said


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://localhost:5000/#/experiments/1?a=b@c",
            "models:/wine@production",
            "sqlite:////tmp/a@b.db",
            "me@example.org",
        ),
        *("postgresql://me@db/x?connect_timeout=5", "ssh://git@host/x.git", "file:///a/b?c=d", "https://host/a?page=2"),
    ],
)
def test_what_is_no_password_stays(address: str) -> None:
    assert without_password(address) == address


def test_what_the_workbook_makes_is_for_its_user_alone(empty_home: Path) -> None:
    """Tried as another user, who reads none of it."""
    empty_home.mkdir(mode=0o755)  # as earlier releases have made it
    for parent in (empty_home.parent, empty_home.parent.parent, empty_home.parent.parent.parent):
        parent.chmod(0o755)
    wb.start("mine")
    wb.check("tracking.1", run_id=5)
    assert (empty_home / "progress.json").exists()
    assert empty_home.stat().st_mode & 0o777 == 0o700
    assert (empty_home / "mlflow.db").stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        reads = ["cat", str(empty_home / "mlflow.db"), str(empty_home / "progress.json")]
        done = subprocess.run(reads, user=65534, group=65534, extra_groups=[], capture_output=True, check=False)
        assert done.returncode
        assert not done.stdout


def test_a_folder_that_the_user_chose_keeps_its_rights(made_store: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shutil.copy(made_store, shared / "mlflow.db")
    open_store(f"sqlite:///{shared}/mlflow.db")
    assert shared.stat().st_mode & 0o777 == 0o755


MEET = """
import os, sys
import mlworkbench.store
os.environ["MLWORKBENCH_HOME"] = os.environ["HOME"] = sys.argv[2]
mlworkbench.store.open_store(sys.argv[4])  # imports what another user may not read
user = int(sys.argv[1])
os.setgroups([]), os.setgid(user), os.setuid(user)
print(mlworkbench.store.open_store(sys.argv[3]).label)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes two other users, as only root may")
def test_two_users_of_one_database_do_not_meet_in_a_file(postgres: Callable[[], str]) -> None:
    """At the same moment, on a database without tables: one makes them, and nothing of theirs is left to the other."""
    uri, other = postgres(), postgres()
    Path(uri.partition("?host=")[2]).chmod(0o711)  # lets them reach the socket
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        both = []
        for user in (65533, 65534):
            (home := Path(folder, str(user))).mkdir()
            os.chown(home, user, user)
            command = [sys.executable, "-c", MEET, str(user), str(home), uri, other]
            both.append(subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        said = [one.communicate(timeout=300) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    left = []
    for path in Path(tempfile.gettempdir()).glob("*.lock"):
        with contextlib.suppress(FileNotFoundError):  # of another test, which has taken it away meanwhile
            left += [path] if path.stat().st_uid in (65533, 65534) else []
    assert left == []


def test_eight_threads_open_one_store(empty_home: Path) -> None:
    """None of them finds half a store, and what the process has set stays as it was."""
    output, warned = sys.stdout, list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        uris = {store.uri for store in pool.map(lambda _: open_store(), range(8))}
    assert uris == {f"sqlite:///{empty_home}/mlflow.db"}
    assert sys.stdout is output
    assert len(warnings.filters) <= len(warned) + 2  # those that quiet_mlflow adds, once


def test_a_store_that_another_process_makes_is_waited_for(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For minutes on a slow machine, where the tables of PostgreSQL took one; here all limits are a twentieth."""
    monkeypatch.setenv("MLWORKBENCH_PATIENCE", "0.05")
    empty_home.mkdir()
    lock = FileLock(f"{empty_home}/mlflow.db.lock")
    with lock, ThreadPoolExecutor(1) as pool:
        opened = pool.submit(open_store)
        time.sleep(5)
        lock.release()
        assert opened.result().uri == f"sqlite:///{empty_home}/mlflow.db"
