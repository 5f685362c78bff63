"""Registered models: add a version, list the versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlworkbench.registry import audit_trail, validation
from mlworkbench.registry.trail_entries import STAGES
from mlworkbench.texts import check_model_name

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

_COLUMNS = ["version", "stage", "aliases", "status", "created", "model_uri", "run_id", "description", "tags"]


def register(
    model_uri: str, name: str, *, description: str | None = None, tags: dict[str, str] | None = None
) -> ModelVersion:
    """Register a logged model as a new version, or find the version that it already is.

    Parameters
    ----------
    model_uri : str
        ``models:/m-…`` as `log_model` returns it, ``runs:/…/name``, ``models:/name/1``, or a path.
    name : str
        Name of the registered model; it is made when there is none. Without ``/``, ``:``, ``@``, ``?`` and line breaks.
    description, tags : str, dict of str to str, optional
        Of the version, in Markdown; set on one that is already there too.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        The same for the same model, however often it is registered; two processes at the same moment may make two.

    Raises
    ------
    WorkbenchError
        When there is no model at the URI, or the name is refused (choose another). Nothing has been made then.

    References
    ----------
    https://mlflow.org/docs/latest/ml/model-registry/workflow/#register-a-model
    """
    check_model_name(name)
    validation.check_description(description, {} if tags is None else tags)
    source = validation.stored_model(model_uri)
    with validation.explained(name, writes=True):
        same = [version for version in find_versions(name) if version.source == source]
        found = min(same, key=lambda version: int(version.version)) if same else _new_version(source, name)
        for key, value in (tags or {}).items():
            audit_trail.client().set_model_version_tag(name, found.version, key, str(value))
        if description is not None:
            audit_trail.client().update_model_version(name, found.version, description)
        return audit_trail.client().get_model_version(name, found.version)


def _new_version(source: str, name: str) -> ModelVersion:
    import mlflow

    from mlworkbench.quiet import quiet

    with quiet():
        return audit_trail.write(mlflow.register_model, source, name)  # type: ignore[no-any-return]


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

    References
    ----------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.html#mlflow.search_model_versions

    Examples
    --------
    >>> wb.versions_table("wine").version.tolist()
    [2, 1]
    """
    import pandas as pd

    with validation.explained(name):
        held: dict[int, list[str]] = {}
        for alias, version in sorted(audit_trail.client().get_registered_model(name).aliases.items()):
            held.setdefault(int(version), []).append(alias)
        rows = [_row(version, held.get(int(version.version), [])) for version in find_versions(name)]
    table = pd.DataFrame(rows, columns=_COLUMNS).sort_values("version", ascending=False, ignore_index=True)
    return table.assign(created=pd.to_datetime(table["created"], unit="ms", utc=True, errors="coerce"))


def _row(version: ModelVersion, aliases: list[str]) -> tuple[object, ...]:
    tags = dict(version.tags)
    stage = tags.pop(audit_trail.STAGE_TAG, STAGES[0])
    said = (version.status, version.creation_timestamp, version.source, version.run_id or "", version.description or "")
    return int(version.version), stage, ", ".join(aliases), *said, tags


def find_versions(name: str) -> list[ModelVersion]:
    """Every version of a model, in one search."""
    import mlflow

    return list(mlflow.search_model_versions(filter_string=f"name = {validation.quoted(name)}"))
