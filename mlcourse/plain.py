"""Answers as data: what a learner's process hands over, and what the process that judges makes of it, without pickles.

What is no data becomes an object of a type with the same name, so that a check still can say what it was given.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mlcourse.answers import Asked

_DEEPEST, _MOST_SAID = 20, 200
_PLAIN = (bool, int, float, str, type(None))


class Version(NamedTuple):
    """A version of a registered model or prompt, in what names it."""

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
    return _of_library(answer, depth) or _of_mlflow(answer, depth) or _told(answer)


def _told(answer: Any) -> dict[str, str]:
    """What is left of an object that is no data: the name of its type, and what it says of itself."""
    try:
        said = str(answer)[:_MOST_SAID]
    except Exception:  # whatever its own method does
        said = ""
    return {"other": type(answer).__name__, "said": said}


def _of_library(answer: Any, depth: int) -> Any:
    import numpy as np
    import pandas as pd

    def inner(part: Any) -> Any:
        return as_data(part, depth + 1)

    makers: tuple[tuple[Any, Callable[[], Any]], ...] = (
        (os.PathLike, lambda: {"path": os.fspath(answer)}),
        (pd.Timestamp, lambda: {"time": answer.isoformat()}),
        (pd.Period, lambda: {"period": str(answer)}),
        (np.generic, lambda: {"scalar": inner(answer.item())}),
        (np.ndarray, lambda: {"array": inner(answer.tolist()), "dtype": str(answer.dtype)}),
        (pd.Index, lambda: {"index": inner(answer.to_frame(index=False, name="index"))}),
        (pd.Series, lambda: {"series": inner(answer.to_frame("series")), "name": inner(answer.name)}),
        (pd.DataFrame, lambda: {"table": _arrow(answer)}),
    )
    return next((make() for kind, make in makers if isinstance(answer, kind)), None)


def _of_mlflow(answer: Any, depth: int) -> Any:
    """Runs, traces, models, verdicts and latencies, in what names them or makes them up."""
    from mlworkbench.serving.latency import Latency
    from mlworkbench.verdict import Verdict

    if isinstance(answer, Verdict):
        return {"verdict": [answer.passed is True, as_data(answer.table, depth + 1), answer.run_id]}
    if isinstance(answer, Latency):
        return {"latency": [as_data(part, depth + 1) for part in (answer.milliseconds, answer.rows)]}
    if isinstance(answer, Asked):
        return {"asked": list(answer)}
    if type(answer).__name__ in ("ModelVersion", "PromptVersion"):
        return {"version": [str(answer.name), str(answer.version)]}
    info = getattr(answer, "info", None)
    for of, name in ((info, "run_id"), (info, "trace_id"), (answer, "model_uri"), (answer, "run_id")):
        if isinstance(value := getattr(of, name, None), str):  # the last is a project's run, as MLflow hands it out
            return {"named": value}
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


def _period(_: dict[str, Any], value: Any) -> Any:
    import pandas as pd

    return pd.Period(value)


def _other(found: dict[str, Any], value: Any) -> Any:
    said = str(found.get("said", ""))
    return type(str(value), (), {"__str__": lambda _: said})()


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
    "period": _period,
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
    "other": _other,
}
