"""The tracking store: which one it is, made once and safely, refused with a reason when it cannot work."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlworkbench.errors import StoreError
from mlworkbench.mlflow_internals import is_known_schema, open_database
from mlworkbench.quiet import quiet_mlflow
from mlworkbench.workbook import MARKER, workbook_home

if TYPE_CHECKING:
    import sqlalchemy

CONNECT_SECONDS = 5.0
"""How long a server or database may take to answer before it counts as away, in seconds."""


@dataclass(frozen=True)
class Store:
    """A tracking store that was reached.

    Attributes
    ----------
    uri : str
        The tracking URI, as ``mlflow.set_tracking_uri`` takes it.
    artifact_root : str or None
        URI of the folder under which this client puts artifacts; None where a server decides.
    why : str
        What made this the store: an argument, the environment, or the default.
    """

    uri: str
    artifact_root: str | None
    why: str

    @property
    def label(self) -> str:
        """The store in words a reader recognises, without a password."""
        path = sqlite_path(self.uri)
        if path is None:
            return without_password(self.uri)
        root = next((p for p in path.parents if (p / MARKER).exists()), path.parent.parent)
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def sqlite_path(uri: str) -> Path | None:
    """Path of the database file of a ``sqlite:`` URI; None for every other kind of store."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def without_password(uri: str) -> str:
    """The URI with its password, if any, replaced by ``***``."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@") if password else uri


def open_store(tracking_uri: str | None = None) -> Store:
    """Choose the tracking store, make it if it is a SQLite file that does not exist, and prove that it answers.

    An argument wins over ``MLFLOW_TRACKING_URI``, which wins over the workbook's own SQLite file.

    Parameters
    ----------
    tracking_uri : str, optional
        As ``mlflow.set_tracking_uri`` takes it: ``sqlite:///…``, ``postgresql+psycopg://…``, ``http://…``.

    Raises
    ------
    StoreError
        When the store is of a kind that MLflow no longer supports, does not answer within 10 seconds, has the
        schema of another MLflow, or cannot be written.

    See Also
    --------
    https://mlflow.org/docs/latest/self-hosting/architecture/backend-store/
    """
    uri, why = _choose(tracking_uri)
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme == "sqlite":
        return Store(uri, _open_sqlite(uri), why)
    if scheme in ("http", "https"):
        _check_server(uri)
        return Store(uri, None, why)
    if scheme in ("postgresql", "mysql", "mssql"):
        root = (workbook_home() / "artifacts").as_uri()
        _open_database(uri, root)
        return Store(uri, root, why)
    if scheme.startswith("databricks"):
        return Store(uri, None, why)
    raise StoreError(
        f"the tracking URI {without_password(uri)!r} ({why}) names a store of plain files.",
        "a database or a server: MLflow refuses file stores since 3.13.",
        "Use 'sqlite:///mlflow.db', or leave the URI out to use the workbook's own store. "
        "`mlflow migrate-filestore --help` tells how to bring old runs along.",
    )


def _choose(argument: str | None) -> tuple[str, str]:
    if argument is not None:
        return argument, "given as tracking_uri"
    if chosen := os.environ.get("MLFLOW_TRACKING_URI"):
        return chosen, "set in MLFLOW_TRACKING_URI"
    return f"sqlite:///{(workbook_home() / 'mlflow.db').as_posix()}", "the workbook's own"


def _open_sqlite(uri: str) -> str:
    """Make the database under a lock if it is not there, verify it, and return its artifact root."""
    from filelock import FileLock

    path = sqlite_path(uri)
    if path is None or path.name == ":memory:":
        raise StoreError(f"the tracking URI {uri!r} names no file.", "'sqlite:///' and a path.", "Name a file.")
    _require_writable(path.parent)
    root = (path.parent / "artifacts").as_uri()
    if not path.exists():
        # Processes that race to create the tables break each other, so one does it, under another name:
        # the store appears whole or not at all, even if that process is killed.
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _create_sqlite(path, root)
    _connect(uri, root)
    return root


def _create_sqlite(path: Path, artifact_root: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    engine = _connect(f"sqlite:///{new.as_posix()}", artifact_root)
    with engine.begin() as connection:
        # Write-ahead logging lets readers go on while a kernel writes; the file remembers it.
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()
    new.replace(path)


def _open_database(uri: str, artifact_root: str) -> None:
    """Prove quickly that the database answers (MLflow itself retries for minutes), then let MLflow open it."""
    import sqlalchemy
    from filelock import FileLock

    limits = {"connect_timeout": int(CONNECT_SECONDS)} if uri.startswith("postgresql") else {}
    try:
        engine = sqlalchemy.create_engine(uri, connect_args=limits)
        engine.connect().close()
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise StoreError(
            f"no database answers at {without_password(uri)} ({_first_line(error)}).",
            "a running database that lets this user in.",
            "Start the database, correct the URI, or unset MLFLOW_TRACKING_URI to use the local store.",
        ) from error
    lock = hashlib.sha256(uri.encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"mlworkbench-{lock}.lock"):
        _connect(uri, artifact_root)


def _connect(uri: str, artifact_root: str) -> sqlalchemy.Engine:
    """Open a database with MLflow's own store class, which makes missing tables and checks the schema."""
    from mlflow.exceptions import MlflowException

    quiet_mlflow()
    try:
        return open_database(uri, artifact_root)
    except MlflowException as error:
        raise _schema_error(uri, str(error)) from error
    except Exception as error:
        if "not a database" not in str(error):
            raise
        raise StoreError(
            f"{without_password(uri)} is not a database.",
            "a SQLite file that MLflow made.",
            "Name another file, or move this one away.",
        ) from error


def _schema_error(uri: str, message: str) -> StoreError:
    revision = re.search(r"found version (\w+)", message)
    if revision is None:
        return StoreError(
            f"MLflow could not open {without_password(uri)} ({message.splitlines()[0]}).",
            "a store that this version of MLflow made.",
            "Name another store, or move this one away and let the workbook make a new one.",
        )
    if revision[1] == "None" or is_known_schema(revision[1]):
        age, cure = "an older", f"Back it up, then run `mlflow db upgrade {without_password(uri)}`."
    else:
        age, cure = "a newer", "Install that MLflow, or use another store (leave the URI out for the workbook's own)."
    return StoreError(
        f"the store {without_password(uri)} was made by {age} MLflow (schema {revision[1]}).",
        "the schema of the MLflow that is installed here.",
        cure,
    )


def _check_server(uri: str) -> None:
    """Ask a tracking server for an experiment, once, and explain every answer but a good one.

    ``/health`` and ``/version`` would not do: they answer before the server looks at the host or the password.
    """
    import requests

    auth = (os.environ.get("MLFLOW_TRACKING_USERNAME", ""), os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))
    try:
        answer = requests.get(
            f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/search",
            params={"max_results": "1"},
            timeout=CONNECT_SECONDS,
            auth=auth if any(auth) else None,
        )
    except requests.RequestException as error:
        raise StoreError(
            f"no server answers at {without_password(uri)} ({type(error).__name__}).",
            "a running MLflow tracking server.",
            "Start it (`mlflow server`), correct the URI, or unset MLFLOW_TRACKING_URI to use the local store.",
        ) from error
    if answer.ok:
        return
    cures = {
        401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
        403: "Add this host and port to MLFLOW_SERVER_ALLOWED_HOSTS where the server is started.",
    }
    raise StoreError(
        f"the server at {without_password(uri)} answers {answer.status_code} {answer.reason}: {answer.text[:80]!r}.",
        "an MLflow tracking server that lets this client in.",
        cures.get(answer.status_code, "Check that the URI names the MLflow server and not something else."),
    )


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(
            f"the folder {folder} cannot be written ({error.strerror}).",
            "a folder in which the store and its artifacts can be kept.",
            "Make it writable, or set MLWORKBENCH_HOME to a folder of your own.",
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
