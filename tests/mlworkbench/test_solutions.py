"""A worked solution is shown after an honest try, to be read, and every other wish gets three sentences."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import pytest

import mlworkbench as wb
from mlworkbench.solutions import Solution
from mlworkbench.workbook import MARKER
from tests.paths import ROOT


def plain(rich: str) -> str:
    """The words of a text in HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", rich))


def test_a_solution_is_shown_after_a_try_that_failed(home: Path) -> None:
    assert not wb.check("1.1", parent_run_id="no run")
    found = wb.solution("1.1")
    assert 'with mlflow.start_run(run_name="my forest") as my_parent:' in repr(found)
    assert "".join(repr(found).replace("`", "").split()) == "".join(plain(found._repr_html_()).split())
    assert repr(wb.solution(1.1)) == repr(found)  # type: ignore[arg-type]


def refused(task: object) -> list[str]:
    """What is found, expected and to be done."""
    with pytest.raises(wb.WorkbenchError) as refusal:
        wb.solution(task)  # type: ignore[arg-type]
    lines = str(refusal.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["Found", "Expected", "Do this"]
    return lines


@pytest.mark.parametrize("answers", [None, {}, {"parent_run_id": ...}, {"run": "x"}])
def test_before_a_try_there_is_none(home: Path, answers: dict[str, object] | None) -> None:
    """Dots are no try, and neither is a check without answers or with those of another task."""
    if answers is not None:
        wb.check("1.1", **answers)
    wb.check("1.2", run_id="a try of another task")
    found, expected, do = refused("1.1")
    assert "no try of task 1.1" in found
    assert "in place of the dots" in expected
    assert "wb.hint('1.1')" in do


def test_the_dots_of_a_lesson_that_is_run_again_take_no_try_back(home: Path) -> None:
    wb.check("1.1", parent_run_id="no run")
    wb.check("1.1", parent_run_id=...)
    wb.check("1.1")
    assert wb.solution("1.1")
    assert json.loads((home / "progress.json").read_text()) == {"1.1": "Not yet"}


def test_a_task_of_an_assignment_has_none_whether_it_was_tried_or_not(home: Path) -> None:
    assert "task tracking.1 belongs to an assignment" in refused("tracking.1")[0]
    wb.check("tracking.1", run_id="no run")
    assert "only those have a worked solution" in refused("tracking.1")[1]


@pytest.mark.parametrize(
    "task", [None, 7, 1.25, True, [], b"1.1", "", "1.11", "\ud800", "a\0", "../lessons/1.1", "a\nb"]
)
def test_what_is_no_task_is_told(home: Path, task: object) -> None:
    found, expected, _ = refused(task)
    assert "no task is called" in found
    assert expected.startswith("Expected: one of: ")


@pytest.mark.parametrize("content", ["null", "[1]", '{"1.1": 5}', "{"])
def test_a_broken_file_of_outcomes_holds_no_try(home: Path, content: str) -> None:
    (home / "progress.json").write_text(content)
    assert "no try" in refused("1.1")[0]


def test_a_copy_without_solutions_says_where_they_should_be(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as what a student gets."""
    (tmp_path / MARKER).parent.mkdir()
    shutil.copy(ROOT / MARKER, tmp_path / MARKER)
    monkeypatch.chdir(tmp_path)
    wb.check("1.1", parent_run_id="no run")
    found, expected, _ = refused("1.1")
    assert str(tmp_path / "solutions" / "lessons" / "1.1.py") in found
    assert "a clone of the whole workbook" in expected


def test_outside_of_a_workbook_that_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wb.check("1.1", parent_run_id="no run")
    assert "no workbook at or above" in refused("1.1")[0]


def test_code_and_words_are_escaped_and_no_colour_is_fixed() -> None:
    shown = Solution("<b>", "if 1 < 2:\n    print('<script>')  # &amp;", "Since <i>1 & `2 < 3`</i>.")._repr_html_()
    assert not re.search("<(b|i|script)>", shown)
    assert "if 1 < 2:\n    print('<script>')  # &amp;" in plain(shown)
    assert "Since <i>1 & 2 < 3</i>." in plain(shown)
    assert "<code>2 &lt; 3</code>" in shown
    assert not re.search(r"(color|background):(?! var\()", shown)
