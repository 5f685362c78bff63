"""Checks of the assignment of part 3 that begin with a registry in which something went wrong: tasks 8 to 10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse.answers import number, sequence, shown
from mlcourse.logged_runs import finished_run
from mlcourse.registry import registered_models
from mlcourse.registry.drill import LEGACY, TRIAGE
from mlworkbench.registry import audit_trail
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    pass

WEEK = "Run the cell that prepares the week in task 8 again"


def at_the_time(version: Any, who: Any, why: Any, complaint: Any) -> str:
    """Task 8: who was in production at the time of a run, by whom and why.

    Recomputed: who held the alias when the run began, from the trail.
    """
    import pandas as pd

    when = pd.Timestamp(finished_run(complaint, "complaint").info.start_time, unit="ms", tz="UTC")
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
        if str(answer).strip() != row[what]:
            raise NotYetError(f"{what} is {shown(answer)}, the trail says another.", "Take it from the same row.")
    return f"Version {found}, by {who}: {why}"


def migrated(production: Any, archived: Any) -> str:
    """Task 9: stages became aliases and tags.

    Cross-examined: aliases and tags against the stages that MLflow still shows.
    """
    past = registered_models.past(LEGACY)
    if not (past["action"] == "migrate").any():
        raise NotYetError("Nothing has been migrated.", f"Call wb.migrate_stages({LEGACY!r}).")
    if int(registered_models.version_of(production, LEGACY, "production").version) != registered_models.explained(
        LEGACY
    ):
        raise NotYetError("Another version holds the alias 'production'.", "Look at wb.versions_table.")
    wanted = {n for n, version in registered_models.versions(LEGACY).items() if version.tags.get("stage") == "Archived"}
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
