"""Checks of part 3, the registry. Each reads the registry and its trail, and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse.registry import filters, registered_models
from mlcourse.registry.called import called
from mlworkbench.tasks import NotYetError, Task

_AT_LEAST = 2


def registered(name: Any, filter_string: Any) -> str:
    """Lesson 3.1: a second version with a description and a purpose, and a filter that finds it by that.

    Recomputed: what the filter finds.
    Cross-examined: version, description and tag in the registry.
    Not checked: what the descriptions say.
    """
    known = registered_models.versions(name)
    if len(known) < _AT_LEAST:
        raise NotYetError(f"{name!r} has one version.", "Register another model under the same name.")
    newest = known[max(known)]
    registered_models.described(
        newest.description, f"version {newest.version}", "client.update_model_version(…, description=…)"
    )
    purpose = registered_models.tagged(newest, "purpose")
    count = filters.finds(filter_string, name, "purpose", purpose)
    return f"Your filter finds the version(s) whose purpose is {purpose!r}: {count} of {len(known)}."


def lived(name: Any) -> str:
    """Lesson 3.2: two versions went through Staging to Production, and the first of them to Archived.

    Cross-examined: stages and their order in the trail; without a trail, MLflow's aliases and tags with each other.
    Not checked: what the reasons say; without a trail, that both were in Staging, since a tag keeps one value.
    """
    past = registered_models.past(name)
    if past.empty:
        return _lived_by_tags(name)
    holder = registered_models.explained(name)
    registered_models.through_staging(past, holder)
    others = past[(past["alias"] == "production") & past["to"].isin(set(registered_models.versions(name)) - {holder})]
    if others.empty:
        raise NotYetError(
            f"Nobody else was in Production before version {holder}.",
            "Move another version through Staging to Production.",
        )
    replaced = others["to"].iloc[-1]
    registered_models.through_staging(past, replaced)
    stage = registered_models.versions(name)[replaced].tags.get("stage")
    if stage != "Archived":
        raise NotYetError(f"Version {replaced} has the stage {stage}.", "Archive it with wb.transition, with why=….")
    return f"Version {holder} replaced version {replaced}, which is archived, and the trail tells how and why."


def _lived_by_tags(name: str) -> str:
    """The same, told by plain aliases and tags: who is in production, whom it replaced, and why."""
    known, aliases = registered_models.versions(name), registered_models.aliases(name)
    if (holder := aliases.get("production")) is None:
        raise NotYetError(f"No version of {name!r} holds the alias 'production'.", "Look at wb.versions_table.")
    replaced = registered_models.tagged(known[holder], "replaces")
    if replaced not in {str(number) for number in known if number != holder}:
        raise NotYetError(f"Version {holder} replaces {replaced!r}.", "Name the version that was there before it.")
    for number, stage in ((holder, "Production"), (int(replaced), "Archived")):
        registered_models.tagged(known[number], "stage", stage)
        registered_models.tagged(known[number], "why")
    if holder in (left := {alias: number for alias, number in aliases.items() if alias != "production"}).values():
        raise NotYetError(
            f"Version {holder} still holds {', '.join(left)}.", "Its trial is over: take that alias away."
        )
    return f"Version {holder} replaced version {replaced}, which is archived, and their tags tell why."


def rolled_back(name: Any) -> str:
    """Lesson 3.3: a promotion through a gate, and the way back.

    Cross-examined: aliases, trail and the verdict in the run that it names.
    Not checked: what the gate asks for, and what the reasons say.
    """
    past = registered_models.past(name)
    promoted = past[(past["action"] == "promote") & (past["alias"] == "production")]
    newest = None if promoted.empty else promoted.iloc[-1]
    if newest is not None and newest.isna()["from"]:
        raise NotYetError(
            f"Nobody was in production before version {newest['to']}: it needs no gate.",
            "Now promote another version, with gate=….",
        )
    passed = registered_models.passed(newest, f"a version of {name!r}")
    registered_models.with_a_verdict(passed)
    challenger = passed["to"]
    back = past[(past["action"] == "rollback") & (past["from"] == challenger).fillna(value=False)].tail(1)
    if back.empty:
        call = f"wb.rollback({name!r}, why='…')"
        raise NotYetError(f"Version {challenger} was promoted, and not rolled back.", f"Call {call}.")
    anew = f"Move version {challenger} to Staging, promote it through the gate again, then roll back once with why=…."
    registered_models.reasoned(back, "The rollback", f"Do not roll back again. {anew}")
    holder, brought = registered_models.explained(name), back["to"].item()
    if holder != brought:
        raise NotYetError(f"Version {holder} is in production, the rollback brought {brought}.", anew)
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
            "The sections 'Promote a version' and 'Replace it, and archive it' have all of it, with another name: the "
            "alias production, and the tags stage, why and replaces.",
            "client.set_registered_model_alias(my_model, 'production', '2') takes it from version 1. Then five calls "
            "of client.set_model_version_tag: stage, why and replaces for version 2, stage and why for version 1.",
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
    "3.4": Task(
        called,
        (
            "The sections 'Start the gate by a call' and 'Trace it' have all of it, with another name.",
            "client.update_webhook(hook.webhook_id, status='ACTIVE'), then offer(my_model, better, '…'), then "
            "until(lambda: 'gate' in client.get_model_version(my_model, my_version).tags). The tags of the version "
            "hold 'delivery' and 'gate_run'.",
        ),
    ),
}
