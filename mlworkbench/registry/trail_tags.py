"""The tags of a registered model read as its trail: each is looked at by itself, so a bad one harms only itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from mlworkbench import mlflow_internals
from mlworkbench.registry.trail_entries import ACTIONS, DONE, PREFIX, STAGES, Entry, Unreadable

_KEY = re.compile(r"[0-9]{6,100}\.[0-9a-z]+", re.ASCII)
_LARGEST_VERSION = 2**31 - 1  # that a database takes
_WIDEST_GAP = 1000  # numbers follow on each other; where somebody deleted entries, some are left out
_YEARS = range(2000, 2200)  # that pandas and a picture can show


def entries_of(tags: Mapping[str, str]) -> tuple[list[Entry], list[Unreadable]]:
    """The entries among these tags in their order, and the tags of the trail that are none, with the reason."""
    mine = {key: value for key, value in tags.items() if key.startswith(PREFIX)}
    entries, unreadable = [], []
    for key, text in mine.items():
        try:
            if not key.endswith(DONE):
                entries.append(_entry(key, text, mine.get(key + DONE)))
            elif key.removesuffix(DONE) not in mine:
                unreadable.append(Unreadable(key, text, "marks an entry as done that is not there"))
        except (ValueError, RecursionError) as error:
            unreadable.append(Unreadable(key, text, " ".join(str(error).split())[:200]))
    entries.sort(key=lambda entry: (entry.number, entry.key))
    numbers = [0, *(entry.number for entry in entries)]
    # One far behind the others did not come about by counting, nor did what follows on it.
    forged = next((at for at in range(len(entries)) if numbers[at + 1] - numbers[at] > _WIDEST_GAP), len(entries))
    unreadable += [Unreadable(e.key, mine[e.key], "its number does not follow on the others") for e in entries[forged:]]
    return entries[:forged], sorted(unreadable)


def _entry(key: str, text: str, mark: str | None) -> Entry:
    if not _KEY.fullmatch(key.removeprefix(PREFIX)):
        raise ValueError("its key is not a number, a dot and letters")
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError(f"JSON, but of type {type(facts).__name__}")
    known = {field.name for field in fields(Entry)} - {"key", "done_by"}
    if missing := {"action", "version", "who", "when"} - set(facts):
        raise ValueError(f"without {min(missing)}")
    if unknown := set(facts) - known:
        raise ValueError(f"with {min(unknown)!r}, which entries do not have")
    _check(facts)
    return Entry(key, done_by=_doer(mark), **facts)


def _check(facts: dict[str, Any]) -> None:
    """Refuse, with a ValueError, what no change would have written."""
    version, alias, stage = facts["version"], facts.get("alias"), facts.get("stage")
    for name, value in facts.items():
        if name != "version" and not (isinstance(value, str) or (value is None and name in ("alias", "stage"))):
            raise ValueError(f"{name} is of type {type(value).__name__}")
        str(value).encode()  # half of a surrogate pair cannot be shown
    if facts["action"] not in ACTIONS:
        raise ValueError(f"the action {facts['action'][:50]!r}")
    if type(version) is not int and not (version is None and facts["action"] == "outside"):
        raise ValueError(f"version is of type {type(version).__name__}")
    if version is not None and not 0 < version <= _LARGEST_VERSION:
        raise ValueError("a version that no database has")
    if stage is not None and stage not in STAGES:
        raise ValueError(f"the stage {stage[:50]!r}")
    if alias is not None and not mlflow_internals.is_alias(alias):
        raise ValueError(f"the alias {alias[:50]!r}")
    when = datetime.fromisoformat(facts["when"])
    if when.tzinfo is None or when.year not in _YEARS:
        raise ValueError(f"the time {facts['when'][:50]!r}")


def _doer(mark: str | None) -> str | None:
    """Who marked an entry as done; nobody when the mark says nothing, so that the next change writes it anew."""
    try:
        who = json.loads(mark or "")["who"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return who if isinstance(who, str) else None
