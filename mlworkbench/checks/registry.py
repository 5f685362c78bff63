"""Checks of part 3, the registry. Each reads the registry and its trail, and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlworkbench.checks import look_registry as look
from mlworkbench.checks.feedback import NotYetError, Task

_AT_LEAST = 2


def registered(name: Any, filter_string: Any) -> str:
    """Lesson 3.1: a second version with a description and a purpose, and a filter that finds it by that."""
    known = look.versions(name)
    if len(known) < _AT_LEAST:
        raise NotYetError(f"{name!r} has one version.", "Register another model under the same name.")
    newest = known[max(known)]
    look.described(newest.description, f"Version {newest.version}", "client.update_model_version(…, description=…)")
    purpose = look.tagged(newest, "purpose")
    count = look.finds(filter_string, name, "purpose", purpose)
    return f"Your filter finds the version(s) whose purpose is {purpose!r}: {count} of {len(known)}."


def lived(name: Any) -> str:
    """Lesson 3.2: a version went through Staging to Production, and the one before it to Archived."""
    look.versions(name)
    holder = look.explained(name)
    row = look.through_staging(look.past(name), holder)
    if row.isna()["from"]:
        raise NotYetError(
            f"Nobody was in Production before version {holder}.", "Move another version through Staging to Production."
        )
    stage = look.versions(name)[row["from"]].tags.get("stage")
    if stage != "Archived":
        raise NotYetError(f"Version {row['from']} has the stage {stage}.", "Archive it with wb.transition.")
    return f"Version {holder} replaced version {row['from']}, which is archived, and the trail tells how."


def rolled_back(name: Any) -> str:
    """Lesson 3.3: a promotion through a gate, and the way back."""
    past = look.past(name)
    promoted = past[(past["action"] == "promote") & (past["alias"] == "production")]
    newest = None if promoted.empty else promoted.iloc[-1]
    challenger = look.passed(newest, f"a version of {name!r}")["to"]
    backs = past[(past["action"] == "rollback") & (past["from"] == challenger).fillna(value=False)]
    if backs.empty:
        raise NotYetError(f"Version {challenger} was promoted, and not rolled back.", f"Call wb.rollback({name!r}).")
    look.reasoned(backs.iloc[-1], "The rollback")
    holder, back = look.explained(name), backs.iloc[-1]["to"]
    if holder != back:
        raise NotYetError(f"Version {holder} is in production, the rollback brought {back}.", "Roll back once more.")
    return f"Version {challenger} came through the gate and went back; version {holder} is in production again."


TASKS = {
    "3.1": Task(
        registered,
        (
            "The sections on describing, tagging and searching have all of it, with another name.",
            "client.set_model_version_tag(my_model, version, 'purpose', '…'); then the filter is "
            "\"name = '…' and tags.purpose = '…'\".",
        ),
    ),
    "3.2": Task(
        lived,
        (
            "Two calls of wb.transition, with another version in Production before.",
            "wb.transition(my_model, 2, 'Staging'), then with 'Production'. The old one is archived by itself.",
        ),
    ),
    "3.3": Task(
        rolled_back,
        (
            "Two calls: wb.promote with a gate that the challenger passes, then wb.rollback with a reason.",
            "wb.promote(my_model, version, gate=lambda new, old: wb.validate(new, old, …)), and then "
            "wb.rollback(my_model, why='…').",
        ),
    ),
}
