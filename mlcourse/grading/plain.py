"""Answers as data: what a learner's process hands over, and what the process that judges makes of it, without pickles.

What is no data becomes an object of a type with the same name, so that a check still can say what it was given.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mlcourse.answers import Asked

ANSWERS_VARIABLE = "MLWORKBENCH_ANSWERS"
"""Tells the kernel of a submission where its answers go."""

MOST_BYTES = 50_000_000
_DEEPEST = 20
_PLAIN = (bool, int, float, str, type(None))


class Version(NamedTuple):
    """A version of a registered model, in what names it."""

    name: str
    version: str


def as_data(answer: Any, depth: int = 0) -> Any:
    """An answer in values that JSON holds; what is no data is told by the name of its type."""
    if depth > _DEEPEST:
        return {"other": "endless"}
    if isinstance(answer, _PLAIN) and type(answer) in _PLAIN:
        return answer
    if answer is ...:
        return {"dots": True}
    if isinstance(answer, list | tuple | set | frozenset) and not hasattr(answer, "_fields"):
        kind = "tuple" if isinstance(answer, tuple) else "list"
        return {kind: [as_data(each, depth + 1) for each in answer]}
    if isinstance(answer, dict):
        return {"dict": [[as_data(k, depth + 1), as_data(v, depth + 1)] for k, v in answer.items()]}
    return _of_library(answer, depth) or _of_mlflow(answer, depth) or {"other": type(answer).__name__}


def _of_library(answer: Any, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    def inner(part: Any) -> Any:
        return as_data(part, depth + 1)

    makers: tuple[tuple[Any, Callable[[], Any]], ...] = (
        (os.PathLike, lambda: {"path": os.fspath(answer)}),
        (pd.Timestamp, lambda: {"time": answer.isoformat()}),
        (np.generic, lambda: {"scalar": inner(answer.item())}),
        (np.ndarray, lambda: {"array": inner(answer.tolist()), "dtype": str(answer.dtype)}),
        (pd.Index, lambda: {"index": inner(answer.to_frame(index=False, name="index"))}),
        (pd.Series, lambda: {"series": inner(answer.to_frame("series")), "name": inner(answer.name)}),
        (pd.DataFrame, lambda: {"table": _arrow(answer)}),
    )
    return next((make() for kind, make in makers if isinstance(answer, kind)), None)


def _of_mlflow(answer: Any, depth: int) -> Any:
    """Runs, models, verdicts and latencies, in what names them or makes them up."""
    from mlworkbench.serving.latency import Latency
    from mlworkbench.verdict import Verdict

    if isinstance(answer, Verdict):
        return {"verdict": [answer.passed is True, as_data(answer.table, depth + 1), answer.run_id]}
    if isinstance(answer, Latency):
        return {"latency": [as_data(part, depth + 1) for part in (answer.milliseconds, answer.rows)]}
    if "pandera" in sys.modules:
        from mlcourse.market.schema import asked

        if found := asked(answer):
            return {"asked": list(found)}
    for name, of in (("run", getattr(answer, "info", None)), ("uri", answer)):
        value = getattr(of, {"run": "run_id", "uri": "model_uri"}[name], None)
        if isinstance(value, str):
            return {"named": value}
    if type(answer).__name__ == "ModelVersion":
        return {"version": [str(answer.name), str(answer.version)]}
    return None


def _arrow(table: Any) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table)
    with pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode()


def _table(text: str) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(base64.b64decode(text)).read_all().to_pandas()


def from_data(found: Any) -> Any:
    """The answer that `as_data` put into data."""
    if not isinstance(found, dict):
        return found
    kind, value = next(iter(found.items()))
    return _FROM[kind](found, value)


def _array(found: dict[str, Any], value: Any) -> Any:
    import numpy as np

    dtype = str(found["dtype"])
    return np.array(from_data(value), dtype=object if dtype.startswith("|") else dtype)


def _series(found: dict[str, Any], value: Any) -> Any:
    return from_data(value)["series"].rename(from_data(found["name"]))


def _time(_: dict[str, Any], value: Any) -> Any:
    import pandas as pd

    return pd.Timestamp(value)


def _verdict(_: dict[str, Any], value: Any) -> Any:
    from mlworkbench.verdict import Verdict

    return Verdict(value[0] is True, from_data(value[1]), str(value[2]))


def _latency(_: dict[str, Any], value: Any) -> Any:
    from mlworkbench.serving.latency import Latency

    return Latency(from_data(value[0]), from_data(value[1]))


_FROM: dict[str, Any] = {
    "dots": lambda *_: ...,
    "list": lambda _, value: [from_data(each) for each in value],
    "tuple": lambda _, value: tuple(from_data(each) for each in value),
    "dict": lambda _, value: {from_data(name): from_data(each) for name, each in value},
    "path": lambda _, value: Path(value),
    "time": _time,
    "scalar": lambda _, value: from_data(value),
    "array": _array,
    "index": lambda _, value: from_data(value)["index"],
    "series": _series,
    "table": lambda _, value: _table(value),
    "verdict": _verdict,
    "latency": _latency,
    "asked": lambda _, value: Asked(str(value[0]), dict(value[1])),
    "named": lambda _, value: str(value),
    "version": lambda _, value: Version(*map(str, value)),
    "other": lambda _, value: type(str(value), (), {})(),
}


def hand_over(cell: str, /, **answers: Any) -> None:
    """Write the answers of a check cell, and a copy of the store as it is now, where the one who judges finds them.

    Runs in the learner's process, in place of the check: whatever it writes is looked at as data, and as nothing else.
    """
    from mlflow.utils.autologging_utils import autologging_is_disabled

    from mlworkbench.workbook import workbook_home

    folder = Path(os.environ[ANSWERS_VARIABLE], cell)
    folder.mkdir(parents=True, exist_ok=True)
    data = {name: as_data(answer) for name, answer in answers.items()}
    state = {"answers": data, "autologging": not autologging_is_disabled("sklearn")}
    text = json.dumps(state)
    if len(text) > MOST_BYTES:
        raise ValueError(f"The answers have {len(text):,} bytes; at most {MOST_BYTES:,} are looked at.")
    store = workbook_home() / "mlflow.db"
    if store.exists():
        with sqlite3.connect(store) as now, sqlite3.connect(folder / "mlflow.db") as kept:
            now.backup(kept)
    Path(folder, "answers.json").write_text(text, encoding="utf-8")


def handed_over(folder: Path) -> tuple[dict[str, Any], bool]:
    """The answers that lie in a folder, and whether autologging was on when they were given."""
    file = folder / "answers.json"
    if not file.is_file() or file.is_symlink() or file.stat().st_size > 2 * MOST_BYTES:
        raise ValueError("no answers were handed over")
    state = json.loads(file.read_text(encoding="utf-8"))
    return {str(name): from_data(found) for name, found in state["answers"].items()}, bool(state["autologging"])


def store_copy(folder: Path, target: Path) -> Path:
    """A copy of the store as it was when the answers were given, which nothing but a check will touch."""
    source = folder / "mlflow.db"
    if source.is_file() and not source.is_symlink():
        shutil.copyfile(source, target)
    return target
