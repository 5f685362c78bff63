"""What the entries of an audit trail add up to: who holds which alias, which stage a version has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PREFIX, DONE = "mlworkbench.trail.", ".done"
ACTIONS = ("promote", "rollback", "transition", "migrate", "refused", "outside")
STAGES = ("Development", "Staging", "Production", "Archived")
ALIAS_OF = {"Staging": "staging", "Production": "production"}
STAGE_OF = {alias: stage for stage, alias in ALIAS_OF.items()}


@dataclass(frozen=True)
class Entry:
    """One line of the trail.

    With an ``alias``, that goes to ``version`` (None: to nobody); without one, ``version`` goes to ``stage``.
    """

    key: str
    action: str
    version: int | None
    alias: str | None = None
    stage: str | None = None
    why: str = ""
    verdict: str = ""
    run_id: str = ""
    who: str = ""
    when: str = ""
    done_by: str | None = None

    @property
    def number(self) -> int:
        """Its place in the order, which two simultaneous entries may share."""
        return int(self.key.removeprefix(PREFIX).split(".")[0])


class Unreadable(NamedTuple):
    """A tag of the trail that is no entry, as somebody edited it; it is told, and stepped over."""

    key: str
    text: str
    why: str


@dataclass
class Trail:
    """What the entries of a model add up to.

    Attributes
    ----------
    entries, unreadable : list of Entry, list of Unreadable
        In order; what is unreadable has no effect.
    aliases : dict of str to int
        The aliases as they are in the registry.
    holders : dict of str to list of int or None
        By alias the versions that held it, without those that were rolled back; the last one holds it.
    stages : dict of int to str
        By version.
    moves, places : dict of str to list
        By the key of an entry, what it did: ``(alias, from, to)`` and ``(version, stage)``.
    """

    entries: list[Entry]
    unreadable: list[Unreadable]
    aliases: dict[str, int]
    holders: dict[str, list[int | None]] = field(default_factory=dict)
    stages: dict[int, str] = field(default_factory=dict)
    moves: dict[str, list[tuple[str, int | None, int | None]]] = field(default_factory=dict)
    places: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.entries:
            self._apply(entry)

    def holder(self, alias: str) -> int | None:
        """The version that holds an alias, by the trail."""
        return self.holders[alias][-1] if self.holders.get(alias) else None

    def unfinished(self) -> list[Entry]:
        """Entries whose writer has not come to the end: it is at work, or was killed."""
        return [entry for entry in self.entries if entry.done_by is None]

    def strays(self) -> dict[str, int | None]:
        """Aliases that are elsewhere than the trail says, and where."""
        every = {*self.aliases, *self.holders}
        return {a: self.aliases.get(a) for a in sorted(every) if self.aliases.get(a) != self.holder(a)}

    def touched(self, keys: Iterable[str]) -> set[tuple[str, Any]]:
        """The aliases and stages that depend on the first of these entries, or on one that comes after it."""
        every = [entry.key for entry in self.entries]
        later = every[min((every.index(key) for key in keys if key in self.moves), default=len(every)) :]
        aliases = {("alias", alias) for key in later for alias, _, _ in self.moves[key]}
        return aliases | {("stage", version) for key in later for version, _ in self.places[key]}

    def value(self, kind: str, name: Any) -> int | str | None:
        """What the trail says an alias or a stage has to be."""
        return self.holder(name) if kind == "alias" else self.stages.get(name, STAGES[0])

    def _apply(self, entry: Entry) -> None:
        self.moves[entry.key], self.places[entry.key] = [], []
        if entry.action == "refused":
            return
        if entry.alias:
            self._move(entry, entry.alias, entry.version)
        elif entry.version and entry.stage:
            self._place(entry, entry.version, entry.stage)

    def _move(self, entry: Entry, alias: str, to: int | None) -> None:
        before, stage = self.holder(alias), STAGE_OF.get(alias)
        if before == to:  # somebody was faster with the same
            self.moves[entry.key].append((alias, before, to))
            return
        self._hold(entry, alias, to)
        if before and stage:
            self._set_stage(entry, before, "Archived")
        if to and stage:
            self._leave(entry, to, [other for other in STAGE_OF if other != alias])
            self._set_stage(entry, to, stage)

    def _place(self, entry: Entry, version: int, stage: str) -> None:
        archived = stage == "Archived"
        self._leave(entry, version, list(self.holders) if archived else list(STAGE_OF))
        if archived:  # nobody rolls back to it any more
            for alias, versions in self.holders.items():
                self.holders[alias] = [held for held in versions if held != version]
        self._set_stage(entry, version, stage)

    def _leave(self, entry: Entry, version: int, aliases: list[str]) -> None:
        for alias in aliases:
            if self.holder(alias) == version:
                self._hold(entry, alias, None)

    def _hold(self, entry: Entry, alias: str, to: int | None) -> None:
        versions = self.holders.setdefault(alias, [])
        self.moves[entry.key].append((alias, self.holder(alias), to))
        if entry.action == "rollback" and to in versions:
            while versions[-1] != to:
                versions.pop()
        if not versions or versions[-1] != to:
            versions.append(to)

    def _set_stage(self, entry: Entry, version: int, stage: str) -> None:
        if self.stages.get(version) != stage:
            self.stages[version] = stage
            self.places[entry.key].append((version, stage))
