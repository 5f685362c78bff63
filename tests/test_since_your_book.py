"""docs/since-your-book.md: each old call fails or warns with the words that stand there, each new one does neither."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest

from tests.paths import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.slow]

PAGE = (ROOT / "docs" / "since-your-book.md").read_text(encoding="utf-8")
SETUP = re.findall(r"```python setup\n(.*?)```", PAGE, re.DOTALL)[0]
ROW = re.compile(
    r'### ([^\n]+)\n+```(python|sh) old\n(.*?)```\n+It (fails|warns): "(.*?)"\n+```(?:python|sh) now\n(.*?)```',
    re.DOTALL,
)


class Row(NamedTuple):
    """A row of the page: in which language it is written, the old call, what becomes of it, and the new call."""

    language: str
    old: str
    outcome: str
    says: str
    now: str


ROWS = {name: Row(*row) for name, *row in ROW.findall(PAGE)}


class Done(NamedTuple):
    """What a block ended with: its error, empty when there was none, and its warnings."""

    error: str
    warned: str


class Heard(logging.Handler):
    """What MLflow says as a warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def ask(server: Any, request: dict[str, Any]) -> Any:
    """Post to a scoring server, without a port."""
    from fastapi.testclient import TestClient

    return TestClient(server).post("/invocations", json=request)


def python(code: str) -> Done:
    heard, error = Heard(), ""
    logging.getLogger("mlflow").addHandler(heard)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(SETUP + code, {"__name__": "__main__", "ask": ask})  # noqa: S102 (the page is ours)
        except (Exception, AssertionError) as raised:
            error = f"{type(raised).__name__}: {raised}"
    logging.getLogger("mlflow").removeHandler(heard)
    return Done(error, "\n".join([*heard.said, *(str(each.message) for each in caught)]))


def shell(code: str) -> Done:
    done = subprocess.run(["bash", "-ec", code], capture_output=True, text=True, check=False)
    return Done(done.stderr if done.returncode else "", done.stderr)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, made_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a store of its own, and the environment's programs on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    shutil.copy(made_store, tmp_path / "mlflow.db")
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


@pytest.mark.parametrize("name", ROWS)
def test_the_old_call_ends_as_the_page_says(name: str) -> None:
    row = ROWS[name]
    done = (python if row.language == "python" else shell)(row.old)
    if row.outcome == "warns":
        assert not done.error
        assert row.says in done.warned
    else:
        assert done.error
        assert row.says
        assert row.says in done.error


@pytest.mark.parametrize("name", ROWS)
def test_the_new_call_works_and_nothing_is_deprecated(name: str) -> None:
    row = ROWS[name]
    done = (python if row.language == "python" else shell)(row.now)
    assert not done.error
    assert "deprecated" not in done.warned


def test_every_row_was_found() -> None:
    assert len(ROWS) == PAGE.count("\n### ") == len(re.findall(r"^```\w+ old$", PAGE, re.MULTILINE))
