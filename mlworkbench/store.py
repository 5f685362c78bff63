"""The tracking store: which one it is, and a proof that it works."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from mlworkbench.database import (
    CONNECT_SECONDS,
    open_server_database,
    open_sqlite,
    require_free,
    server_database,
    sqlite_path,
    sqlite_uri,
)
from mlworkbench.errors import StoreError, is_line, shown, told, without_password
from mlworkbench.mlflow_internals import ask_server
from mlworkbench.waiting import LONGER, patience
from mlworkbench.workbook import MARKER, workbook_home


@dataclass(frozen=True)
class Store:
    """A tracking store that was reached.

    Attributes
    ----------
    uri : str
        The tracking URI, as ``mlflow.set_tracking_uri`` takes it; it may hold a password, and is not shown.
    artifact_root : str or None
        URI of the folder under which this client puts artifacts; None where a server decides.
    why : str
        What made this the store: an argument, the environment, or the default.
    """

    uri: str = field(repr=False)
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
        When the store is of a kind that MLflow no longer supports, does not answer within 5 seconds, has the
        schema of another MLflow, or cannot be written.

    References
    ----------
    https://mlflow.org/docs/latest/self-hosting/architecture/backend-store/
    """
    uri, why = _choose(tracking_uri)
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme == "sqlite":
        return Store(*open_sqlite(uri), why)
    if scheme in ("http", "https"):
        require_answer(uri)
        return Store(uri, None, why)
    if scheme in ("postgresql", "mysql", "mssql"):
        root = (workbook_home() / "artifacts").as_uri()
        open_server_database(uri, root)
        return Store(uri, root, why)
    if uri == "databricks" or uri.startswith("databricks://"):
        return Store(uri, None, why)
    raise _no_store(uri, scheme, why)


def _no_store(uri: str, scheme: str, why: str) -> StoreError:
    """What is wrong with an address at which no runs can be kept."""
    if scheme == "uc" or scheme.startswith("databricks"):
        return StoreError(
            f"the tracking URI {without_password(uri)!r} ({why}), which names a registry of models at most.",
            "a place for runs: 'databricks', 'databricks://profile', a server, or a database.",
            "Give a registry to mlflow.set_registry_uri; without a tracking URI the workbook's own store is used.",
        )
    return StoreError(
        f"the tracking URI {without_password(uri)!r} ({why}) names a store of plain files.",
        "a database or a server: MLflow refuses file stores since 3.13.",
        "Use 'sqlite:///mlflow.db', or leave the URI out to use the workbook's own store. "
        "`mlflow migrate-filestore --help` tells how to bring old runs along.",
    )


def _choose(argument: object) -> tuple[str, str]:
    why = "given as tracking_uri"
    if argument is None:
        why = "set in MLFLOW_TRACKING_URI"
        argument = os.environ.get("MLFLOW_TRACKING_URI") or None
    if argument is None:
        return sqlite_uri(workbook_home() / "mlflow.db"), "the workbook's own"
    if not isinstance(argument, str) or (argument and not is_line(argument)):
        file = f"'sqlite:///{argument}'" if isinstance(argument, os.PathLike) else "'sqlite:///mlflow.db'"
        raise StoreError(
            f"the tracking URI {shown(argument)} ({why}).", "a text of one line.", f"Write tracking_uri={file}, say."
        )
    return argument, why


def check_registry(model_uri: object = "models:/name", *, writes: bool = False) -> None:
    """Refuse a store that does not answer, as `require_answer` does: the one that the address of a model leads to."""
    import mlflow

    if isinstance(model_uri, str) and re.match(r"models:/(?!m-)", model_uri):
        require_answer(mlflow.get_registry_uri(), "registry", writes=writes)
    elif isinstance(model_uri, str) and re.match(r"models:/|runs:/", model_uri):
        require_answer(mlflow.get_tracking_uri(), writes=writes)


_KINDS = {
    "tracking": ("experiments", "unset MLFLOW_TRACKING_URI for the local one"),
    "registry": ("registered-models", "go back to that of the tracking store with mlflow.set_registry_uri(None)"),
}
"""By the role of a store: what it is asked for, and what to use instead."""


def require_answer(uri: str, role: str = "tracking", *, writes: bool = True) -> None:
    """Make sure that a store is there and that nobody holds it; MLflow itself would ask for minutes, without a word.

    Raises
    ------
    StoreError
        When it does not answer within 5 seconds, or not to this client.
    """
    if uri.startswith(("http://", "https://")):
        _check_server(uri, role, *_KINDS[role])
    elif uri.startswith(("postgresql", "mysql", "mssql")):
        with server_database(uri):
            pass
    elif path := sqlite_path(uri):
        require_free(path, writes=writes)  # readers go on while another process writes


def _check_server(uri: str, role: str, kind: str, instead: str) -> None:
    """Ask a server for an entity of this kind, once, and explain every answer but a good one.

    ``/health`` and ``/version`` would not do: they answer before the server looks at the host or the password.
    """
    from mlflow import MlflowException

    seconds = patience(CONNECT_SECONDS)
    try:
        answer = ask_server(uri, f"/api/2.0/mlflow/{kind}/search?max_results=1", seconds)
    except MlflowException as error:
        cause = error.__context__
        malformed = isinstance(cause, ValueError)
        reason = told(error) if malformed or cause is None else type(cause).__name__
        raise StoreError(
            f"no server answers at {uri} within {seconds:g} s ({reason}).",
            "an address such as http://localhost:5000." if malformed else f"a running MLflow server as {role}.",
            f"Start it (`mlflow server`), correct it, {LONGER}, or {instead}.",
        ) from error
    if answer.ok:
        return
    cures = {
        401: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.",
        403: "Add this host and port to MLFLOW_SERVER_ALLOWED_HOSTS where the server is started.",
    }
    raise StoreError(
        f"the server at {uri} answers {answer.status_code} {answer.reason}: {answer.text[:80]!r}.",
        f"an MLflow server as {role} that lets this client in.",
        cures.get(answer.status_code, "Check that the URI names the MLflow server and not something else."),
    )
