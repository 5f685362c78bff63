"""Handing answers over: the learner's process writes them as data, the one that judges reads them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

from mlcourse.plain import as_data, from_data

ANSWERS_VARIABLE = "MLWORKBENCH_ANSWERS"
"""Tells the kernel of a submission where its answers go."""

MOST_BYTES = 50_000_000


def hand_over(cell: str, /, **answers: Any) -> None:
    """Write the answers of a check cell, and a copy of the store as it is now, where the one who judges finds them.

    Runs in the learner's process, in place of the check: whatever it writes is looked at as data, and as nothing else.
    """
    import mlflow
    from mlflow.utils.autologging_utils import autologging_is_disabled

    from mlworkbench.workbook import workbook_home

    folder = Path(os.environ[ANSWERS_VARIABLE], cell)
    folder.mkdir(parents=True, exist_ok=True)
    state = {"answers": in_data(answers), "autologging": not autologging_is_disabled("sklearn")}
    text = json.dumps(state)
    if len(text) > MOST_BYTES:
        raise ValueError(f"The answers have {len(text):,} bytes; at most {MOST_BYTES:,} are looked at.")
    mlflow.flush_trace_async_logging()  # what is on its way to the store belongs to the answers
    store = workbook_home() / "mlflow.db"
    if store.exists():
        with sqlite3.connect(store) as now, sqlite3.connect(folder / "mlflow.db") as kept:
            now.backup(kept)
    Path(folder, "answers.json").write_text(text, encoding="utf-8")


def in_data(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers in what JSON holds."""
    if "pandera" in sys.modules:  # a schema is no data: it is asked what it takes
        from mlcourse.market.schema import asked

        answers = {name: asked(answer) or answer for name, answer in answers.items()}
    return {name: as_data(answer) for name, answer in answers.items()}


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
