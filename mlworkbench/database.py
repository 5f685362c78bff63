"""Databases as tracking stores: made once and safely, refused within seconds with a reason."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mlworkbench.errors import StoreError, WorkbenchError, told, without_password
from mlworkbench.mlflow_internals import is_known_schema, open_database
from mlworkbench.quiet import quiet_mlflow
from mlworkbench.waiting import LONGER, patience, telling
from mlworkbench.workbook import require_writable

if TYPE_CHECKING:
    import sqlalchemy

CONNECT_SECONDS = 5.0
"""How long a database or server may take to answer before it counts as away, in seconds."""
_MAKING_SECONDS = 180  # that another process may take to make the tables
_ONE_AT_A_TIME = {
    "postgresql": "SET lock_timeout = '{}s'; SELECT pg_advisory_lock(hashtext('mlworkbench'))",
    "mysql": "SELECT GET_LOCK('mlworkbench', {})",
}


def sqlite_uri(path: Path) -> str:
    """The URI of a database file, whose path may hold what URIs use otherwise."""
    return f"sqlite:///{path.absolute().as_posix().replace('%', '%25').replace('?', '%3F')}"


def sqlite_path(uri: str) -> Path | None:
    """Path of the database file of a ``sqlite:`` URI; None for every other kind of store."""
    return Path(unquote(uri.removeprefix("sqlite:///"))).absolute() if uri.startswith("sqlite:///") else None


def open_sqlite(uri: str) -> tuple[str, str]:
    """Make the database if it is not there, verify it, and return its URI, with a whole path, and its artifact root.

    Raises
    ------
    StoreError
        When the URI names no file, or the file cannot be written, is no database, or is held by another process.
    """
    path = sqlite_path(uri)
    if path is None or path.name == ":memory:" or "?" in uri:
        do = "Name a file, without options: sqlite:///mlflow.db, say. Write '?' in a path as %3F."
        raise StoreError(f"the tracking URI {uri!r} names no file.", "'sqlite:///' and the path of a file.", do)
    require_writable(path.parent)
    whole, root = sqlite_uri(path), (path.parent / "artifacts").as_uri()
    with _explained(whole):
        if path.is_dir():
            do = f"Name a file in it: {sqlite_uri(path / 'mlflow.db')}"
            raise StoreError(f"the folder {path}.", "the path of a file.", do)
        for place in (path, path.parent / "artifacts"):
            _require_no_broken_link(place)
        if not path.exists():
            _create_sqlite(path, root)
        require_free(path)
        _open(whole, root)
    return whole, root


def _require_no_broken_link(path: Path) -> None:
    """Refuse a link that leads nowhere: something new in its place would hide what is on a disk that is away."""
    if path.is_symlink() and not path.exists():
        raise StoreError(
            f"{path}, a symbolic link to {path.readlink()}, which is not there.",
            "a link to what is there, or no link.",
            "Bring back what it leads to, such as a disk that is not mounted; or remove the link, to begin anew.",
        )


def _create_sqlite(path: Path, artifact_root: str) -> None:
    """Make a database: whole or not at all, by one of several processes that need it at the same moment."""
    from filelock import FileLock

    # Processes that race to create the tables break each other, so one does it, under another name.
    lock = FileLock(f"{path}.lock", timeout=patience(_MAKING_SECONDS), mode=0o600)
    with telling(f"the store {path}, which is being made"), lock:
        if path.exists():
            return
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        engine = _open(sqlite_uri(new), artifact_root)
        with engine.begin() as connection:
            # Write-ahead logging lets readers go on while a kernel writes; the file remembers it.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        engine.dispose()
        new.replace(path)


def require_free(path: Path, *, writes: bool = True) -> None:
    """Take the lock and give it back: MLflow itself would wait for 20 s each time, or try to open the file for minutes.

    Raises
    ------
    StoreError
        When the file cannot be opened, or made; is no database, or is held by another process for more than 5 s.
    """
    if not os.path.exists(path):  # noqa: PTH110 (`Path.exists` raises where a folder cannot be entered)
        require_writable(path.parent)
        return
    address = f"{path.as_uri()}?mode=rw"
    connecting = functools.partial(sqlite3.connect, address, uri=True, timeout=patience(CONNECT_SECONDS))
    with _explained(sqlite_uri(path)), contextlib.closing(connecting()) as connection:
        connection.execute("BEGIN IMMEDIATE" if writes else "PRAGMA schema_version")


def open_server_database(uri: str, artifact_root: str) -> None:
    """Prove quickly that the database answers (MLflow itself retries for minutes), then let MLflow open it.

    Raises
    ------
    StoreError
        When none answers, or it is not one of this MLflow.
    """
    waiting = telling(f"the tables of {without_password(uri)}, which another process may be making")
    with server_database(uri) as connection, _explained(uri), waiting:
        if lock := _ONE_AT_A_TIME.get(connection.dialect.name):
            connection.exec_driver_sql(
                lock.format(round(patience(_MAKING_SECONDS)))
            )  # held until the connection is closed
        _open(uri, artifact_root)


@contextlib.contextmanager
def server_database(uri: str) -> Iterator[sqlalchemy.Connection]:
    """A connection to a database for the length of a block.

    Raises
    ------
    StoreError
        When none answers within 5 s.
    """
    import sqlalchemy

    if uri.partition("?")[0].count("@") > 1 or " " in uri:  # drivers would take a part of the password for the host
        found = f"the address {uri.partition(':')[0]}://…@{uri.rpartition('@')[2]} with blanks or several '@'."
        do = "In a password, write ' ' as %20, '@' as %40, '/' as %2F, ':' as %3A and '%' as %25."
        raise StoreError(found, "one '@', between the password and the host.", do)
    seconds = max(1, round(patience(CONNECT_SECONDS)))  # drivers take whole ones, and 0 for ever
    limits = {"connect_timeout": seconds} if uri.startswith("postgresql") else {}
    try:
        engine = sqlalchemy.create_engine(uri, connect_args=limits, isolation_level="AUTOCOMMIT")
        connection = engine.connect()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, TypeError, ValueError) as error:
        raise StoreError(
            f"no database answers at {uri} within {seconds} s ({_first_line(error)}).",
            "a running database that lets this user in.",
            f"Start the database, correct the URI, {LONGER}, or unset MLFLOW_TRACKING_URI to use the local store.",
        ) from error
    with contextlib.closing(connection):
        yield connection
    engine.dispose()


def _open(uri: str, artifact_root: str) -> sqlalchemy.Engine:
    """Open a database with MLflow's own store class, which makes missing tables and checks the schema."""
    quiet_mlflow()
    return open_database(uri, artifact_root)


@contextlib.contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Tell what keeps MLflow from opening a database, of which the schema of another release is the most common."""
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:  # of MLflow, SQLAlchemy, a driver, the lock or the disk
        raise _not_opened(uri, error) from error


def _not_opened(uri: str, error: Exception) -> StoreError:
    revision = re.search(r"found version (\w+)", str(error))
    if revision is None:
        return StoreError(
            f"MLflow could not open {uri} ({told(error)}).",
            f"a database of this MLflow that can be written, and that is free within {patience(CONNECT_SECONDS):g} s.",
            f"Mend what the brackets name, {LONGER}, name another store, or move this one away: a new one is made.",
        )
    if revision[1] == "None" or is_known_schema(revision[1]):
        age, cure = "an older", f"Back it up, then run `mlflow db upgrade {uri}`."
    else:
        age, cure = "a newer", "Install that MLflow, or use another store (leave the URI out for the workbook's own)."
    return StoreError(
        f"the store {uri} was made by {age} MLflow (schema {revision[1]}).",
        "the schema of the MLflow that is installed here.",
        cure,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
