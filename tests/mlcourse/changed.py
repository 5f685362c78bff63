"""Changes that go when their context ends: cells in the tables of the store, and the content of files."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def _database() -> Path:
    return Path(os.environ["MLWORKBENCH_HOME"], "mlflow.db")


def rows(query: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(_database(), timeout=30)) as store:
        return store.execute(query, values).fetchall()


@contextlib.contextmanager
def cells(answers: dict[str, Any], *changes: tuple[str, str, str, Any]) -> Iterator[dict[str, Any]]:
    """The answers, while cells of the store's tables have another value: table, column, where, value."""
    before = [
        (table, column, row, old)
        for table, column, where, _ in changes
        for row, old in rows(f"SELECT rowid, {column} FROM {table} WHERE {where}")
    ]
    new = {table: value for table, _, _, value in changes}
    _write([(table, column, row, new[table]) for table, column, row, _ in before])
    try:
        yield answers
    finally:
        _write(before)


def _write(cells: list[tuple[str, str, int, Any]]) -> None:
    with contextlib.closing(sqlite3.connect(_database(), timeout=30)) as store, store:
        for table, column, row, value in cells:
            store.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))


@contextlib.contextmanager
def file(answers: dict[str, Any], path: Path, content: bytes | None) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        kept = shutil.copy2(path, folder)
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        try:
            yield answers
        finally:
            shutil.copy2(kept, path)
