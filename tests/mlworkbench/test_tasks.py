"""A check ends no notebook, whatever it is given, unless it is interrupted, and finds its file in any state."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

import mlworkbench as wb
from mlworkbench import tasks
from mlworkbench.cli import main


class Own(BaseException):
    """An error that is no `Exception`, and whose text is one as well."""

    def __str__(self) -> str:
        raise SystemExit


class Bad:
    """Raises at whatever is asked of it."""

    def __init__(self, error: type[BaseException]) -> None:
        object.__setattr__(self, "error", error)

    def _raise(self, *_: object) -> None:
        raise object.__getattribute__(self, "error")

    __getattribute__ = __repr__ = __str__ = __eq__ = __len__ = __iter__ = __bool__ = __float__ = __format__ = _raise  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, MemoryError, RecursionError, Own])
def test_an_answer_that_raises_ends_no_notebook(home: Path, error: type[BaseException]) -> None:
    for name, task in tasks.known_tasks().items():
        wanted = tasks.inspect.signature(task.function).parameters
        feedback = wb.check(name, **dict.fromkeys(wanted, Bad(error)))
        assert (wanted and not feedback) or not wanted
        assert feedback.message
    assert wb.check(Bad(error)).status == "Not yet"  # type: ignore[arg-type]


def test_an_interrupted_check_ends_its_cell(home: Path) -> None:
    """As Jupyter's users expect of whatever they stop: what stands below in the cell does not run."""
    before = tasks.outcomes()
    with pytest.raises(KeyboardInterrupt):
        wb.check("1.1", parent_run_id=Bad(KeyboardInterrupt))
    assert tasks.outcomes() == before


@pytest.mark.parametrize("answer", [None, "\ud800", "a\0", 10**400, b"", [], {}, object(), ["\ud800"], {"\ud800": 1}])
def test_a_strange_answer_is_told_in_words_that_a_notebook_can_hold(home: Path, answer: object) -> None:
    for name, task in tasks.known_tasks().items():
        if wanted := tasks.inspect.signature(task.function).parameters:
            feedback = wb.check(name, **dict.fromkeys(wanted, answer))
            assert f"{feedback!r} {feedback._repr_html_()}".encode()


def test_a_lessons_number_is_its_name(home: Path) -> None:
    assert wb.check(1.1, answer=...).task == "1.1"  # type: ignore[arg-type]
    assert "no task" not in wb.check(1.1).message  # type: ignore[arg-type]
    assert wb.hint(1.1) == wb.hint("1.1")  # type: ignore[arg-type]
    assert wb.hint(0) == wb.hint("0")  # type: ignore[arg-type]


@pytest.mark.parametrize("task", [None, 7, [], b"1.1", "\ud800", "a\0"])
def test_what_is_no_task_is_told(home: Path, task: object) -> None:
    assert "no task is called" in wb.check(task).message  # type: ignore[arg-type]
    with pytest.raises(wb.WorkbenchError, match="no task is called"):
        wb.hint(task)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, -1, 99, None, "2", 1.5, 10**400, float("nan")])
def test_a_hint_of_another_number_says_which_there_are(number: object) -> None:
    assert wb.hint("1.1", number).startswith("Task 1.1 has the hints 1 to ")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["null", "5", "[1]", '"x"', "{", '{"tracking.1": [1]}', "[" * 100_000, "\0\0"])
def test_progress_survives_any_file(home: Path, content: str) -> None:
    """It is read as empty, and the next check mends it."""
    file = home / "progress.json"
    file.write_text(content)
    assert CliRunner().invoke(main, ["progress"]).exit_code == 0
    assert not wb.check("tracking.1", run_id=5)
    assert json.loads(file.read_text()) == {"tracking.1": "Not yet"}


def test_a_check_goes_on_where_nothing_can_be_kept(home: Path) -> None:
    (home / "progress.json").mkdir()
    assert wb.check("tracking.1", run_id=5).status == "Not yet"


def test_checks_of_eight_threads_are_all_kept(home: Path) -> None:
    names = [f"tracking.{number}" for number in range(1, 9)]
    together = threading.Barrier(8)

    def work(name: str) -> None:
        together.wait()
        wb.check(name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, names))
    assert set(tasks.outcomes()) == set(names)
