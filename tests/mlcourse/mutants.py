"""Mutants: a right answer in which one thing is changed, in the answer itself or in the store on which it stands.

Each mutant says what was changed, and holds a context in which it is so; after it the store is as it was before.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

import mlflow
import numpy as np
import pandas as pd

from tests.mlcourse import changed

MOST_OF_A_KIND = 4  # metrics, parameters, tags, files, columns, lines
_NOTES = re.compile(
    r"mlflow\.(?!note\.content$|parentRunId$|project\.entryPoint$|source\.git\.commit$)|mlworkbench\.(execution|process)$"
)
_FINGERPRINT = re.compile(r"mlworkbench\.")
"""Tags of MLflow about machine, user and names, and values of the workbook's tags: the page says of them once for all
tasks that no check looks at them."""


class Mutant(NamedTuple):
    """What was changed, by which words a check's description may name it, and the answers while it is so."""

    what: str
    words: tuple[str, ...]
    answers: Callable[[], contextlib.AbstractContextManager[dict[str, Any]]]

    def is_named(self, description: str) -> bool:
        """Whether a description names it, by a word, or by a pattern such as ``training_*``."""
        patterns = [re.escape(word) for word in self.words]
        told = {word.strip(".,;:()") for word in description.split() if "*" in word}
        return any(re.search(rf"(?<!\w){each}(?!\w)", description) for each in patterns) or any(
            fnmatch.fnmatchcase(word, pattern) for word in self.words for pattern in told
        )


def mutants(answers: dict[str, Any]) -> Iterator[Mutant]:
    """Every mutant of the right answers to a task."""
    for name, value in answers.items():
        for what, other in _others(value):
            yield Mutant(f"{name}{what}", _words(name, what, value), _given(answers, name, other))
        for path in _paths(value):
            yield from _of_files(name, path, answers)
    runs = list(dict.fromkeys(each for value in answers.values() for each in _runs(value)))
    if all(_run_id(value) for value in answers.values()):
        runs += [child for run_id in runs for child in _below(run_id)]
    for run_id in dict.fromkeys(runs):
        yield from _of_run(run_id, answers)


def _words(name: str, what: str, value: Any) -> tuple[str, ...]:
    columns = (f"columns of {name}",) if isinstance(value, pd.DataFrame) and "last row" not in what else ()
    return (what.rsplit(maxsplit=1)[-1] if what else name, *columns)


def _given(answers: dict[str, Any], name: str, other: Any) -> Callable[[], Any]:
    return lambda: contextlib.nullcontext({**answers, name: other})


# ---- answers


def _others(value: Any) -> Iterator[tuple[str, Any]]:
    """What else could have been answered, each one thing away; the text before says what it is."""
    if isinstance(value, bool | np.bool_):
        yield "", not value
    elif isinstance(value, int | np.integer):
        yield "", value + 1
    elif isinstance(value, float | np.floating):
        yield "", float(value) + max(0.02, abs(value) / 50)
    elif _run_id(value):
        yield "", _empty_run()
    elif isinstance(value, str):
        yield "", f"{value}x"
    elif isinstance(value, pd.DataFrame):
        yield from _other_tables(value)
    elif isinstance(value, list | tuple | np.ndarray | pd.Series) and not hasattr(value, "_fields"):
        yield from _other_sequences(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield f" without {key}", {name: kept for name, kept in value.items() if name != key}
            yield from ((f" {key}", {**value, key: other}) for _, other in _others(each))


def _other_tables(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    yield " without its last row", table.iloc[:-1]
    for column in list(table)[:MOST_OF_A_KIND]:
        yield f" without {column}", table.drop(columns=column)
    for column in list(table)[: 2 * MOST_OF_A_KIND]:
        other = _changed(table[column])
        if other is not None:
            yield f" another {column}", table.assign(**{str(column): other})


def _changed(column: pd.Series) -> pd.Series | None:
    """A column with another value in its last row."""
    _, other = next(_others(column.iloc[-1]), ("", None))
    return None if other is None else pd.Series([*column.iloc[:-1], other], column.index)


def _other_sequences(values: Any) -> Iterator[tuple[str, Any]]:
    if not len(values):
        yield " with one more", ["another"]
        return
    yield " without its last", values[:-1]
    other: Any = _changed(values if isinstance(values, pd.Series) else pd.Series(list(values)))
    if other is not None and not isinstance(values, pd.Series):
        other = np.array(other) if isinstance(values, np.ndarray) else type(values)(other)
    if other is not None:
        yield " another last", other


# ---- runs


def _run_id(value: Any) -> str:
    found = getattr(getattr(value, "info", None), "run_id", getattr(value, "run_id", value))
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{32}", found) else ""


def _runs(value: Any) -> list[str]:
    """The runs that an answer names."""
    if isinstance(value, list | tuple) and not _run_id(value):
        return [run_id for each in value[:2] for run_id in _runs(each)]
    if isinstance(value, pd.DataFrame) and "run_id" in value:
        return list(value["run_id"].head(1))
    return [run_id] if (run_id := _run_id(value)) else []


def _below(run_id: str) -> list[str]:
    """The first run below a run."""
    found = "SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ? ORDER BY rowid LIMIT 1"
    return [child for (child,) in changed.rows(found, run_id)]


def _empty_run() -> str:
    with mlflow.start_run(run_name="another", nested=mlflow.active_run() is not None) as run:
        pass
    return run.info.run_id


def _of_run(run_id: str, answers: dict[str, Any]) -> Iterator[Mutant]:
    def mutant(what: str, words: Any, *changes: tuple[str, str, str, Any]) -> Mutant:
        return Mutant(f"run {run_id[:4]}: {what}", words, lambda: changed.cells(answers, *changes))

    yield mutant("unfinished", ("unfinished",), ("runs", "status", f"run_uuid = '{run_id}'", "RUNNING"))
    yield mutant("deleted", ("deleted",), ("runs", "lifecycle_stage", f"run_uuid = '{run_id}'", "deleted"))
    for kind, table in (("metric", "latest_metrics"), ("parameter", "params"), ("tag", "tags")):
        found = changed.rows(f"SELECT key, value FROM {table} WHERE run_uuid = ? ORDER BY key", run_id)
        kept = [(key, value) for key, value in found if kind != "tag" or not _NOTES.match(key)]
        for key, value in kept[:MOST_OF_A_KIND]:
            where = f"run_uuid = '{run_id}' AND key = '{key}'"
            tables = ("latest_metrics", "metrics") if kind == "metric" else (table,)
            words, other = (key, f"other {kind}s"), _other_value(value)
            last = f"{where} AND value = {value!r}" if kind == "metric" else where
            if not _FINGERPRINT.match(key):
                yield mutant(f"another {kind} {key}", words, *((each, "value", last, other) for each in tables))
            yield mutant(f"no {kind} {key}", words, *((each, "key", where, "gone") for each in tables))
    for (digest,) in changed.rows(
        "SELECT d.digest FROM datasets d JOIN inputs i ON i.source_id = d.dataset_uuid WHERE i.destination_id = ?",
        run_id,
    ):
        yield mutant("another digest", ("digest",), ("datasets", "digest", f"digest = '{digest}'", "0000"))
    (uri,) = changed.rows("SELECT artifact_uri FROM runs WHERE run_uuid = ?", run_id)[0]
    yield from _of_files(f"run {run_id[:4]}", Path(unquote(urlparse(uri).path)), answers)


def _other_value(value: Any) -> Any:
    """Another value of a metric, a parameter or a tag."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return f"{value}x"
    return number + max(0.02, abs(number) / 50) if isinstance(value, float) else str(int(number) + 1)


# ---- files


def _paths(value: Any) -> list[Path]:
    """A file or folder that an answer names."""
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/") and Path(value).exists()):
        return [Path(value)]
    return []


def _of_files(name: str, path: Path, answers: dict[str, Any]) -> Iterator[Mutant]:
    """Files that are gone, or other than they were: a digit in a text, or a line less."""
    every = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    seen = [each for each in every if not {".git", ".venv"} & set(each.parts)]
    for file in seen[:MOST_OF_A_KIND]:
        words = (file.name, "other files")
        yield Mutant(f"{name}: no {file.name}", words, lambda file=file: changed.file(answers, file, None))
        content = file.read_bytes()
        for what, other in _other_contents(content):
            yield Mutant(
                f"{name}: {file.name} {what}",
                (*words, *re.findall(r"\w{3,}", what)),
                lambda file=file, other=other: changed.file(answers, file, other),
            )


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").strip()[:80]


def _other_contents(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Another content, and the line that is another or gone."""
    if digit := re.search(rb"\d", content):
        place = digit.start()
        line = content[content.rfind(b"\n", 0, place) + 1 :].split(b"\n", 1)[0]
        yield (
            f"other {_shown(line)}",
            content[:place] + str((int(digit.group()) + 1) % 10).encode() + content[place + 1 :],
        )
    elif content:
        yield "cut", content[: len(content) // 2]
    lines = content.splitlines(keepends=True)
    if 1 < len(lines) <= 5 * MOST_OF_A_KIND:  # a file that somebody wrote
        for number, line in enumerate(lines):
            if line.strip():
                yield f"without {_shown(line)}", b"".join(lines[:number] + lines[number + 1 :])
