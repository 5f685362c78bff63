"""Read the audit trail of a registered model as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench.registry import audit_trail, validation
from mlworkbench.registry.trail_entries import Entry, Trail, Unreadable

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ["when", "who", "action", "version", "stage", "alias", "from", "to", "why", "verdict", "run_id", "status"]


def history(name: str) -> pd.DataFrame:
    """Read the audit trail: who changed what, when and why, in order.

    Parameters
    ----------
    name : str
        Registered model.

    Returns
    -------
    pandas.DataFrame
        A row for each alias that moved, or for each change that moved none: ``when`` (UTC), ``who``, ``action``
        (promote, rollback, transition, migrate, refused, outside), ``version``, ``stage`` (that it has afterwards),
        ``alias``, ``from`` and ``to`` (the versions that held the alias before and after; empty for nobody), ``why``,
        ``verdict`` of the gate, ``run_id`` of the verdict, and ``status`` (done, unfinished, or who repaired it). At
        the end a row for each tag of the trail that somebody made unreadable: it has no effect, ``status`` says why.

    Raises
    ------
    WorkbenchError
        For an unknown model, with the nearest one.

    References
    ----------
    https://mlflow.org/docs/latest/ml/model-registry/

    Examples
    --------
    >>> wb.history("wine").action.tolist()
    ['promote']
    """
    import pandas as pd

    with validation.explained(name):
        now = audit_trail.read(name)
    rows = [row for entry in now.entries for row in _rows(now, entry)] + [_told(bad) for bad in now.unreadable]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    whole = dict.fromkeys(("version", "from", "to"), "Int64")
    return table.assign(when=pd.to_datetime(table["when"], utc=True, format="ISO8601")).astype(whole)


def _told(bad: Unreadable) -> dict[str, Any]:
    """A tag that is no entry, as a row of the history."""
    text, key = (value[:200].encode(errors="replace").decode() for value in (bad.text, bad.key))
    status = f"unreadable: {bad.why}. Delete the tag {key} of the registered model when you know what it was."
    return dict.fromkeys(_COLUMNS) | {"action": "unreadable", "who": "", "why": text, "status": status}


def _rows(now: Trail, entry: Entry) -> list[dict[str, Any]]:
    """One entry as rows of the history."""
    stage = next((stage for version, stage in now.places[entry.key] if version == entry.version), None)
    status = "done" if entry.done_by == entry.who else entry.done_by or "unfinished"
    row = {**vars(entry), "stage": stage, "status": status}
    moves = [{"alias": alias, "from": before, "to": after} for alias, before, after in now.moves[entry.key]]
    return [{**row, **move} for move in moves or [{"from": None, "to": None}]]
