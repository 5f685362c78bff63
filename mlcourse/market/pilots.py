"""The check of task 9 of part 5: pilots of which some knew the future, one of them in production."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import shown
from mlcourse.market import drill, recomputed
from mlcourse.market.own_project import own_run, ups
from mlcourse.registry import registered_models
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

ALIAS, TAG = "production", "refused"


def honest_pilot(symbol: Any, knew: Any) -> str:
    """Task 9: which pilots knew the future by which feature, and production without one.

    Recomputed: the features of each pilot from the prices, how many days ahead they are, and its accuracy.
    Cross-examined: the versions that are named, and their features; who holds the alias, and the tags of all versions.
    Not checked: what the tag refused says beyond the name of the feature. What the model of a version answers.
    """
    ups(symbol)
    name = drill.name_of(symbol)
    if len(versions := registered_models.versions(name)) != drill.VERSIONS:
        raise NotYetError(f"{name} has {len(versions)} of its {drill.VERSIONS} versions.", "Register them again.")
    found = {number: _ahead(version, symbol) for number, version in versions.items()}
    ahead = {number: feature for number, feature in found.items() if feature}
    if not ahead:
        raise NotYetError("No pilot in this registry knows the future.", "Run the cell that registers them again.")
    _named(ahead, knew)
    for number, version in versions.items():
        if number in ahead and ahead[number] not in registered_models.tagged(version, TAG):
            told = shown(version.tags[TAG])
            raise NotYetError(f"The tag {TAG} of version {number} is {told}.", "Let it name the feature.")
        if number not in ahead and TAG in version.tags:
            raise NotYetError(f"Version {number} is tagged as {TAG}.", "It knew nothing of the future: take that away.")
    _in_production(registered_models.aliases(name), set(ahead), max(set(versions) - set(ahead)))
    told = ", ".join(f"version {number} knew {feature} of later evenings" for number, feature in ahead.items())
    return f"{told[0].upper()}{told[1:]}; version {max(set(versions) - set(ahead))} is in production."


def _ahead(version: ModelVersion, symbol: str) -> str:
    """The feature of a pilot that is of a later evening, if there is one; its accuracy is that of such features."""
    run = own_run(version.run_id, symbol, f"The run of version {version.version}")
    days = {name: found for name, found in _days(run, symbol).items() if found}
    feature, shift = next(iter(days.items()), drill.HONEST)
    if len(days) > 1 or _apart(run, drill.accuracy(symbol, feature, shift)):
        raise NotYetError(
            f"The accuracy of version {version.version} is not that of its {drill.TABLE}.",
            "Run the cell that registers the pilots again, and leave their runs as they are.",
        )
    return feature if shift < 0 else ""


def _apart(run: Run, expected: float) -> bool:
    return abs(logged_runs.metric(run, "accuracy") - expected) > 1 / drill.HELD_OUT


def _days(run: Run, symbol: str) -> dict[str, int]:
    """Of how many days earlier each feature of a run is; later, where that is negative."""
    import numpy as np

    found, known = _table(run), recomputed.by_day(symbol)
    shifts: dict[str, int] = {}
    for name in drill.FEATURES:
        for days in sorted(range(-drill.MOST_DAYS, drill.MOST_DAYS + 1), key=abs):
            if np.allclose(known[name].shift(days).reindex(found.index), found[name]):
                shifts[name] = days
                break
        else:
            raise NotYetError(f"{name} in {drill.TABLE} of {shown(run.info.run_id)} is of no evening.", "Leave it.")
    return shifts


def _table(run: Run) -> pd.DataFrame:
    import pandas as pd

    try:
        found = pd.read_csv(io.StringIO(run_files.text(run, drill.TABLE)), index_col=0, parse_dates=True)
        numbers: pd.DataFrame = found[[*drill.FEATURES]].astype(float)
    except (ValueError, KeyError) as error:
        raise NotYetError(f"{drill.TABLE} of {shown(run.info.run_id)} is no table of features.", "Leave it.") from error
    if len(numbers) != drill.HELD_OUT:
        raise NotYetError(f"{drill.TABLE} of {shown(run.info.run_id)} has {len(numbers)} days.", "Leave it.")
    return numbers


def _named(ahead: dict[int, str], knew: Any) -> None:
    """The answer has the versions, each with its feature."""
    if not isinstance(knew, Mapping) and type(knew).__name__ != "Series":
        raise NotYetError(f"knew is of type {type(knew).__name__}.", "Give a dictionary: {3: 'return_5'}.")
    named = {str(version).removesuffix(".0"): str(feature) for version, feature in knew.items()}
    right = {str(version): feature for version, feature in ahead.items()}
    if others := set(named) - set(right):
        raise NotYetError(
            f"{len(others)} of the versions in knew had no feature of a later evening.",
            f"A feature of an earlier evening is honest: shift yours both ways, and compare it with {drill.TABLE}.",
        )
    if missing := set(right) - set(named):
        raise NotYetError(f"knew names {len(named)} of {len(named | right)} versions.", f"Look at all {len(missing)}.")
    if wrong := [version for version, feature in named.items() if feature != right[version]]:
        raise NotYetError(
            f"In version {wrong[0]} it is not {shown(named[wrong[0]])} that is of a later evening.",
            "Compare each feature alone with the one that you make from the prices.",
        )


def _in_production(aliases: dict[str, int], ahead: set[int], newest: int) -> None:
    if ALIAS not in aliases:
        raise NotYetError(f"No version holds the alias {ALIAS!r}.", "Give it to the newest one that is honest.")
    if (held := aliases[ALIAS]) in ahead:
        raise NotYetError(f"Version {held} is in {ALIAS}, and knew the future.", "Move the alias.")
    if held != newest:
        raise NotYetError(f"Version {held} is in {ALIAS}; a newer one is honest, too.", "Move the alias on.")
