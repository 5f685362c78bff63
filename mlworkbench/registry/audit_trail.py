"""The audit trail of a registered model: a log that comes first, and aliases and stages that follow from it.

Every change is one *entry*, a tag of the registered model with a key of its own. A change (1) writes its entry, (2)
sets aliases and ``stage`` tags to what the whole trail says, reads the trail again, and repeats that as long as
somebody has added to it meanwhile, and (3) marks the entry as done. ``docs/registry.md`` tells what that guarantees.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError
from mlworkbench.mlflow_internals import registry_writer
from mlworkbench.registry.trail_entries import DONE, PREFIX, Entry, Trail
from mlworkbench.registry.trail_tags import entries_of
from mlworkbench.texts import require_text

if TYPE_CHECKING:
    from mlflow import MlflowClient

STAGE_TAG = "stage"

PATIENCE = 30.0
"""How old an entry must be, in seconds, before another process takes its writer for dead and marks it as repaired."""

COURTESY, LONGEST_WAIT = 5.0, 20.0
"""How old an entry may be, in seconds, for others to let its writer finish first, and for how long: it saves work."""

_LONGEST = 2000  # characters of a reason; PostgreSQL takes 5000 for the whole entry
_ATTEMPTS = 5


def read(name: str) -> Trail:
    """Read the trail and the aliases of a registered model in one call."""
    model = client().get_registered_model(name)
    return Trail(*entries_of(model.tags), {alias: int(version) for alias, version in model.aliases.items()})


def open_trail(name: str) -> Trail:
    """Read the trail; first finish what a killed process left, and enter what was changed without the trail."""
    now = _when_quiet(name)
    stale = [entry.key for entry in now.unfinished() if _age(entry) > PATIENCE]
    if stale:
        _finish(name, stale, who=f"repaired by {user()}")
        now = read(name)
    if now.strays() and not now.unfinished():
        # Twice the same, with no entry in between, is no promotion that has just begun.
        again = read(name)
        if again.entries == now.entries and again.strays() == now.strays():
            told = {"who": "unknown", "why": "Changed without the trail."}
            for alias, version in again.strays().items():
                now, _ = add(name, now, "outside", version, alias=alias, **told)
        now = read(name)
    return now


def _when_quiet(name: str) -> Trail:
    """Read the trail when nobody is at work on it, or after a while all the same.

    A time in the trail, whose clock may be wrong, can make the wait shorter; how long it is at most, this process sees.
    """
    begun, pause, seen = time.monotonic(), 0.05, dict[str, float]()
    while True:
        now, instant = read(name), time.monotonic()
        young = [entry.key for entry in now.unfinished() if _age(entry) < COURTESY]
        at_work = [key for key in young if instant - seen.setdefault(key, instant) < COURTESY]
        if not at_work or instant - begun > LONGEST_WAIT:
            return now
        time.sleep(random.uniform(0.01, pause))  # noqa: S311 (so that those who wait do not begin at once)
        pause = min(2 * pause, 0.5)  # each look costs as much as a change


def add(name: str, now: Trail, action: str, version: int | None, **facts: Any) -> tuple[Trail, Entry]:
    """Write an entry behind those of ``now``, carry it out, mark it as done; returns the trail then, and the entry."""
    number = max((entry.number for entry in now.entries), default=0) + 1
    key = f"{PREFIX}{number:06d}.{uuid.uuid4().hex[:8]}"
    facts = {"who": user(), "when": _now(), **facts}
    text = json.dumps({"action": action, "version": version, **facts}, ensure_ascii=False)
    write(registry_writer().set_registered_model_tag, name, key, text)
    after = _finish(name, [key], who=facts["who"])
    if entry := next((entry for entry in after.entries if entry.key == key), None):
        return after, entry
    raise WorkbenchError(
        f"the entry {key!r} is no longer in the trail of {name!r}: somebody deleted it meanwhile.",
        "a trail that nobody edits.",
        "Look at history and versions_table, and make the same call again.",
    )


def _finish(name: str, keys: list[str], who: str) -> Trail:
    """Carry out these entries, and all others that are not marked as done, until nobody adds to them meanwhile."""
    now, written = read(name), dict[tuple[str, Any], Any]()
    while missing := _missing(now, keys, written):
        for (kind, what), value in sorted(missing.items(), key=str):  # aliases first: they decide what is served
            _set(name, kind, what, value)
        written |= missing
        now = read(name)
    for key in keys:
        write(registry_writer().set_registered_model_tag, name, key + DONE, json.dumps({"who": who, "when": _now()}))
    return now


def _missing(now: Trail, keys: list[str], written: dict[tuple[str, Any], Any]) -> dict[tuple[str, Any], Any]:
    """What the trail says of everything that depends on the open entries, but for what was written just so."""
    begun = [*keys, *(entry.key for entry in now.unfinished())]
    wanted = {what: now.value(*what) for what in now.touched(begun) | set(written)}
    return {what: value for what, value in wanted.items() if what not in written or written[what] != value}


def _set(name: str, kind: str, what: Any, value: Any) -> None:
    from mlflow.exceptions import MlflowException

    try:
        if kind == "stage":
            write(registry_writer().set_model_version_tag, name, str(what), STAGE_TAG, value)
        elif value is None:
            write(registry_writer().delete_registered_model_alias, name, what)
        else:
            write(registry_writer().set_registered_model_alias, name, what, str(value))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # a version that was deleted: the next call enters that
            raise


def write(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call MLflow; again when two processes made the same row at the same moment, or the database was busy."""
    from mlflow.exceptions import MlflowException

    begun = time.monotonic()
    for attempt in range(_ATTEMPTS):
        try:
            return call(*arguments)
        except MlflowException as error:
            clash = "IntegrityError" in str(error) or "UniqueViolation" in str(error) or "is locked" in str(error)
            if not clash or attempt == _ATTEMPTS - 1 or time.monotonic() - begun > COURTESY:  # somebody holds it
                raise
            time.sleep(0.05 * 2**attempt)
    return None


def reason(text: str, *, required: bool = False) -> str:
    """A reason as it goes into the trail; refused when it is too long, or is needed and says nothing."""
    text = require_text(text, "a reason").strip()
    if required and not text:
        raise WorkbenchError("an override without a reason.", "a sentence.", "Write override='why it must be'.")
    if len(text) > _LONGEST:
        do = "Shorten it, and link to the long story."
        raise WorkbenchError(f"a reason of {len(text)} characters.", f"at most {_LONGEST}.", do)
    return text


def user() -> str:
    """Who is entered: the name at the tracking server if there is one, else the user of this process."""
    import os

    from mlflow.tracking.context.default_context import DefaultRunContext
    from mlflow.utils.mlflow_tags import MLFLOW_USER

    return os.environ.get("MLFLOW_TRACKING_USERNAME") or str(DefaultRunContext().tags()[MLFLOW_USER])


def client() -> MlflowClient:
    """A client of the registry that is set now."""
    from mlflow import MlflowClient

    return MlflowClient()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _age(entry: Entry) -> float:
    """How far the time of an entry is from this clock's, in seconds: one from tomorrow shows that a clock is wrong."""
    return abs((datetime.now(UTC) - datetime.fromisoformat(entry.when)).total_seconds())
