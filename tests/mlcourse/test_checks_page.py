"""What the checks know is told on a page that is made from them."""

from __future__ import annotations

import pytest

from mlcourse.checks_page import known, page
from mlcourse.tasks import TASKS
from tests.paths import ROOT


def test_the_page_is_what_the_checks_say() -> None:
    assert (ROOT / "docs" / "checks.md").read_text() == page(ROOT), "run `python -m mlcourse.checks_page`"


@pytest.mark.parametrize("task", TASKS)
def test_each_check_knows_something(task: str) -> None:
    assert set(known(task)) & {"Recomputed", "Cross-examined"}
    assert all(said.endswith(".") for said in known(task).values())
