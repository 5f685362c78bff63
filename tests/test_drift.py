"""`make drift` finds the release that breaks something."""

from __future__ import annotations

import pytest

from tests.drift import culprit

GOOD = {"numpy": "2.0", "pandas": "2.2", "scipy": "1.16", "mlflow": "3.17.0"}
BAD = {**GOOD, "numpy": "2.4", "pandas": "3.1", "scipy": "1.17", "new": "1.0"}


@pytest.mark.parametrize("name", ["new", "numpy", "pandas", "scipy"])
def test_the_release_is_named_that_makes_the_difference(name: str) -> None:
    def breaks(pins: dict[str, str]) -> bool:
        return pins.get(name) == BAD[name]

    assert culprit(GOOD, BAD, breaks) == f"{name} {BAD[name]} ({GOOD.get(name, 'nothing')} is locked)"


def test_what_fails_with_the_lock_as_well_is_no_releases_fault() -> None:
    assert culprit(GOOD, BAD, lambda pins: True) == "no release: it fails with the lock as well"
