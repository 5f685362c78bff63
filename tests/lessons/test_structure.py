"""Every lesson keeps the cell contract, and every rule of it fires on a notebook that breaks it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest

from mlcourse.lessons import Lesson, lessons
from tests.lessons.rules import EXEMPT_TAGS, RULES, SEEN, an_idea_drawn, code, not_deprecated, now_look, tags
from tests.lessons.truth import TRUTH, claims_shown, nothing_twice, pictures_shown, verdicts_computed
from tests.paths import ROOT

LESSONS = lessons(root=ROOT)
MOST_EXEMPT = 0.15
MENDED = ("0", "1", "2", "3", "4", "5", "6", "A")  # parts of which the rules on truth and pictures hold already


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_a_lesson_keeps_the_contract(lesson: Lesson) -> None:
    notebook = read(lesson.path)
    rules = [*RULES, *(SEEN + TRUTH if lesson.id[0] in MENDED else [])]
    problems = [f"{rule.__name__}: {problem}" for rule in rules for problem in rule(notebook)]
    assert not problems, "\n".join(problems)


def linked(lesson: Lesson, *, before: bool) -> list[Path]:
    """The notebooks that the first cell names as previous, or as next."""
    previous, _, following = read(lesson.path).cells[0].source.partition("next:")
    links = re.findall(r"]\((.+?)\)", previous if before else following)
    return [(lesson.path.parent / link).resolve() for link in links]


@pytest.mark.parametrize("lesson", [each for each in LESSONS if each.id[0] != "A"], ids=lambda lesson: lesson.id)
def test_the_lesson_before_leads_to_this_one(lesson: Lesson) -> None:
    """An appendix hangs beside the way."""
    before = [each for each in LESSONS if each.path.resolve() in linked(lesson, before=True)]
    assert bool(before) == (lesson.id != "0")
    assert all(lesson.path.resolve() in linked(each, before=False) for each in before)


def broken(name: str) -> nbformat.NotebookNode:
    return read(Path(__file__).with_name("broken") / f"{name}.ipynb")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_fires_on_a_broken_notebook(rule) -> None:
    assert list(rule(broken("breaks_every_rule")))


def test_a_lesson_without_a_picture_and_without_a_way_to_the_ui() -> None:
    assert list(an_idea_drawn(broken("says_nothing_of_the_ui")))
    assert list(now_look(broken("says_nothing_of_the_ui")))
    assert not list(an_idea_drawn(broken("pictures_shown")))
    assert not list(now_look(broken("pictures_shown")))


FOUND = {
    nothing_twice: [
        "said 2 times: # keep no copy of each epoch",
        "said 2 times: a child has one more tag the id of its parent",
    ],
    pictures_shown: ["'## Log an image' speaks of a picture and shows none: The image comes back. No pattern"],
    verdicts_computed: [
        "a verdict without a value: The forest is better",
        "a verdict without a value: none is better",
        "a verdict without a value: the best of all",
        "a verdict without a value: never worse",
        "a verdict without a value: No depth stands out",
    ],
    claims_shown: [
        "claimed, and no cell beside it tries it: MLflow refuses a second value.",
        "claimed, and no cell beside it tries it: `IN` is not allowed here.",
        "claimed, and no cell beside it tries it: Spark rejects it.",
    ],
}


@pytest.mark.parametrize("rule", TRUTH, ids=lambda rule: rule.__name__)
def test_a_rule_of_truth_finds_what_is_broken_and_nothing_else(rule) -> None:
    problems = list(rule(broken(rule.__name__)))
    assert len(problems) == len(FOUND[rule]), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, FOUND[rule], strict=True)), problems


def test_mlflow_ui_is_no_deprecated_command() -> None:
    cell = nbformat.v4.new_code_cell('print("mlflow ui --port 5000")')
    assert not list(not_deprecated(nbformat.v4.new_notebook(cells=[cell])))


def test_few_cells_are_exempt_from_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    every = [cell for lesson in LESSONS for cell in code(read(lesson.path))]
    exempt = [cell.metadata.reason for cell in every if tags(cell) & EXEMPT_TAGS]
    with capsys.disabled():
        sys.stdout.write("\n".join([f"\n{len(exempt)} of {len(every)} cells are exempt from comparison", *exempt, ""]))
    assert len(exempt) <= MOST_EXEMPT * len(every)


def test_notebooks_are_small() -> None:
    sizes = {lesson.id: lesson.path.stat().st_size for lesson in LESSONS}
    assert max(sizes.values()) <= 1_000_000, sizes
    assert sum(sizes.values()) <= 15_000_000
