"""Checks of the assignment of part 3 that begin with a registry in which something went wrong: tasks 8 to 10."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import number, sequence, shown, text
from mlcourse.logged_runs import finished_run
from mlcourse.registry import registered_models
from mlcourse.registry.drill import COMPLAINED, COMPLAINT, LEGACY, TRIAGE
from mlworkbench.registry import audit_trail
from mlworkbench.registry.trail_entries import ALIAS_OF
from mlworkbench.tasks import NotYetError

WEEK = "Run the cell that prepares the week in task 8 again"


def at_the_time(version: Any, who: Any, why: Any, complaint: Any) -> str:
    """Task 8: who was in production at the time of a run, by whom and why.

    Recomputed: who held the alias when the run began, from the trail, in which the people are others each time.
    Cross-examined: the run against what the complaint said.
    """
    import pandas as pd

    run = finished_run(complaint, "complaint")
    if run.info.run_name != COMPLAINT or run.data.tags.get("mlflow.note.content") != COMPLAINED:
        raise NotYetError(f"The run {shown(run.info.run_name)} is no complaint.", f"{WEEK}.")
    when = pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
    past, found = registered_models.past(TRIAGE), int(registered_models.version_of(version, TRIAGE).version)
    rows = past[(past["alias"] == "production") & (past["action"] != "refused") & (past["when"] <= when)]
    if rows.empty:
        raise NotYetError("The trail begins after the complaint.", f"{WEEK}.")
    row = rows.iloc[-1]
    if found != row["to"]:
        today = found == audit_trail.read(TRIAGE).aliases.get("production")
        raise NotYetError(
            f"Version {found} {'holds the alias today' if today else 'did not hold the alias then'}.",
            "Take the last row before the complaint that moved the alias: a refusal does not.",
        )
    for what, answer in (("who", who), ("why", why)):
        if text(answer, what).strip() != row[what]:
            raise NotYetError(f"{what} is {shown(answer)}, the trail says another.", "Take it from the same row.")
    return f"Version {found}, by {who}: {why}"


def migrated(production: Any, archived: Any) -> str:
    """Task 9: stages became aliases and tags, by `migrate_stages` or by MLflow's own calls.

    Cross-examined: aliases and tags against the stages that MLflow still shows.
    """
    known = registered_models.versions(LEGACY)
    stages = {number: version.current_stage for number, version in known.items()}
    now = audit_trail.client().get_registered_model(LEGACY).aliases
    if not now and not any("stage" in version.tags for version in known.values()):
        raise NotYetError("Nothing has been migrated.", f"Call wb.migrate_stages({LEGACY!r}), or set alias and tags.")
    for stage, alias in ALIAS_OF.items():
        newest = max(number for number, found in stages.items() if found == stage)
        if int(now.get(alias, 0)) != newest:
            told = f"Version {now[alias]}" if alias in now else "No version"
            raise NotYetError(f"{told} holds the alias {alias!r}.", f"The newest version in {stage} gets it.")
    holder = int(now["production"])
    if int(registered_models.version_of(production, LEGACY, "production").version) != holder:
        raise NotYetError("Another version holds the alias 'production'.", "Look at wb.versions_table.")
    wanted = {n for n, s in stages.items() if s == "Archived" or (s == "Production" and n != holder)}
    tagged = {number for number, version in known.items() if version.tags.get("stage", "").lower() == "archived"}
    if tagged != wanted:
        raise NotYetError(
            f"{len(tagged)} version(s) have the tag stage = 'Archived'.", f"It should be so for {len(wanted)}."
        )
    if {int(number(value, "archived")) for value in sequence(archived, "archived")} != wanted:
        raise NotYetError(
            f"{len(wanted)} version(s) are archived now, and not those you name.",
            "Of two versions in one stage, only the newer can hold the alias. What became of the other?",
        )
    return "One version holds the alias, and what stood beside it is archived."


def repaired(overridden: Any, unexplained: Any) -> str:
    """Task 10: the drill. What went wrong is named, and rollback brought back the version that passed a gate.

    Recomputed: which versions were promoted by override, and by hand, from the trail.
    Cross-examined: who is in production now, and with which verdict.
    Not checked: what the reasons say; that wb has written the trail, whose tags can be set by hand.
    """
    past, now = registered_models.past(TRIAGE), audit_trail.read(TRIAGE)
    forced = set(past.loc[past["verdict"] == "refused, overridden", "to"].dropna())
    if int(registered_models.version_of(overridden, TRIAGE, "overridden").version) not in forced:
        raise NotYetError("That version was not promoted by override.", "Read the column verdict of wb.history.")
    by_hand = {now.strays().get("production"), *past.loc[past["action"] == "outside", "to"].dropna()}
    if int(registered_models.version_of(unexplained, TRIAGE, "unexplained").version) not in by_hand:
        raise NotYetError(
            "No sign that this version got the alias without the trail.",
            f"Compare wb.versions_table with the end of wb.history. If you moved the alias yourself: {WEEK}.",
        )
    holder = registered_models.explained(TRIAGE)
    registered_models.reasoned(past[past["action"] == "rollback"], "A rollback", f"{WEEK}, and give why=… each time.")
    came = past[(past["alias"] == "production") & (past["to"] == holder).fillna(value=False)].iloc[-1]
    promoted = registered_models.moved(past, [holder], "promote")
    if promoted is None or promoted["verdict"] != "passed":
        verdict = "none" if promoted is None else promoted["verdict"]
        further = "Roll back once more, with why=…."
        do = {"refused, overridden": further, "no gate": f"That was one step too far. {WEEK}."}.get(verdict, f"{WEEK}.")
        raise NotYetError(f"Version {holder} is in production, and its verdict is {verdict!r}.", do)
    if came["action"] != "rollback":
        raise NotYetError(f"Version {holder} came back by {came['action']}.", f"{WEEK}, and use wb.rollback.")
    return f"Version {holder}, which passed its gate, is back, and the trail tells why."
