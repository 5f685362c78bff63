"""Registered models: add a version, list the versions, read the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench import refusals, trail
from mlworkbench.audit import STAGES, Entry, Trail

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion


def register(
    model_uri: str, name: str, *, description: str | None = None, tags: dict[str, str] | None = None
) -> ModelVersion:
    """Register a logged model as a new version, or find the version that it already is.

    Parameters
    ----------
    model_uri : str
        ``models:/m-…`` as `log_model` returns it, ``runs:/…/name``, ``models:/name/1``, or a path.
    name : str
        Name of the registered model; it is made when there is none. No ``/`` and no ``:``.
    description : str, optional
        Of the version; Markdown.
    tags : dict of str to str, optional
        Tags of the version, set on one that is already there too.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        The same for the same model, however often it is registered; two processes at the same moment may make two.

    Raises
    ------
    WorkbenchError
        When there is no model at the URI, or MLflow refuses the name. Nothing has been made then.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/model-registry/workflow/#register-a-model

    Examples
    --------
    >>> version = wb.register(info.model_uri, "wine", description="The forest of lesson 2.")  # doctest: +SKIP
    """
    import mlflow

    from mlworkbench.flavors import quiet

    refusals.check_name(name)
    source = refusals.stored_model(model_uri)
    with refusals.explained(name):
        same = [version for version in find_versions(name) if version.source == source]
        if not same:
            with quiet():
                version = mlflow.register_model(source, name, tags=tags)
        else:
            version = min(same, key=lambda version: int(version.version))
            for key, value in (tags or {}).items():
                trail.client().set_model_version_tag(name, version.version, key, value)
        if description is not None:
            trail.client().update_model_version(name, version.version, description)
        return trail.client().get_model_version(name, version.version)


def versions_table(name: str) -> pd.DataFrame:
    """Every version of a registered model, the newest first.

    Parameters
    ----------
    name : str
        Registered model.

    Returns
    -------
    pandas.DataFrame of shape (versions, 9)
        ``version``, ``stage``, ``aliases`` (joined by commas), ``status``, ``created`` (UTC), ``model_uri`` (what was
        registered), ``run_id``, ``description`` and ``tags`` (a dict, without the stage).

    Raises
    ------
    WorkbenchError
        For an unknown model, with the nearest one.

    See Also
    --------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.html#mlflow.search_model_versions
    """
    import pandas as pd

    with refusals.explained(name):
        held: dict[int, list[str]] = {}
        for alias, version in sorted(trail.client().get_registered_model(name).aliases.items()):
            held.setdefault(int(version), []).append(alias)
        rows = [
            {
                "version": int(version.version),
                "stage": version.tags.get(trail.STAGE_TAG, STAGES[0]),
                "aliases": ", ".join(held.get(int(version.version), [])),
                "status": version.status,
                "created": version.creation_timestamp,
                "model_uri": version.source,
                "run_id": version.run_id or "",
                "description": version.description or "",
                "tags": {key: value for key, value in version.tags.items() if key != trail.STAGE_TAG},
            }
            for version in find_versions(name)
        ]
    columns = ["version", "stage", "aliases", "status", "created", "model_uri", "run_id", "description", "tags"]
    table = pd.DataFrame(rows, columns=columns).sort_values("version", ascending=False, ignore_index=True)
    return table.assign(created=pd.to_datetime(table["created"], unit="ms", utc=True))


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
        ``verdict`` of the gate, ``run_id`` of the verdict, and ``status`` (done, unfinished, or who repaired it).

    Raises
    ------
    WorkbenchError
        For an unknown model, with the nearest one.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/model-registry/

    Notes
    -----
    The trail is kept in tags of the registered model (``mlworkbench.trail.…``). Deleting the model deletes it.
    """
    import pandas as pd

    with refusals.explained(name):
        now = trail.read(name)
    columns = ["when", "who", "action", "version", "stage", "alias", "from", "to", "why", "verdict", "run_id", "status"]
    table = pd.DataFrame([row for entry in now.entries for row in _rows(now, entry)], columns=columns)
    whole = dict.fromkeys(("version", "from", "to"), "Int64")
    return table.assign(when=pd.to_datetime(table["when"], utc=True, format="ISO8601")).astype(whole)


def _rows(now: Trail, entry: Entry) -> list[dict[str, Any]]:
    """One entry as rows of the history."""
    stage = next((stage for version, stage in now.places[entry.key] if version == entry.version), None)
    status = "done" if entry.done_by == entry.who else entry.done_by or "unfinished"
    row = {**vars(entry), "stage": stage, "status": status}
    moves = [{"alias": alias, "from": before, "to": after} for alias, before, after in now.moves[entry.key]]
    return [{**row, **move} for move in moves or [{"from": None, "to": None}]]


def find_versions(name: str) -> list[ModelVersion]:
    """Every version of a model, in one search."""
    import mlflow

    return list(mlflow.search_model_versions(filter_string=f"name = {refusals.quoted(name)}"))
