"""Registered models: add a version, list the versions, read the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlworkbench.registry import audit_trail, validation
from mlworkbench.registry.trail_entries import STAGES

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

    from mlworkbench.quiet import quiet

    validation.check_name(name)
    source = validation.stored_model(model_uri)
    with validation.explained(name):
        same = [version for version in find_versions(name) if version.source == source]
        if not same:
            with quiet():
                version = mlflow.register_model(source, name, tags=tags)
        else:
            version = min(same, key=lambda version: int(version.version))
            for key, value in (tags or {}).items():
                audit_trail.client().set_model_version_tag(name, version.version, key, value)
        if description is not None:
            audit_trail.client().update_model_version(name, version.version, description)
        return audit_trail.client().get_model_version(name, version.version)


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

    with validation.explained(name):
        held: dict[int, list[str]] = {}
        for alias, version in sorted(audit_trail.client().get_registered_model(name).aliases.items()):
            held.setdefault(int(version), []).append(alias)
        rows = [
            {
                "version": int(version.version),
                "stage": version.tags.get(audit_trail.STAGE_TAG, STAGES[0]),
                "aliases": ", ".join(held.get(int(version.version), [])),
                "status": version.status,
                "created": version.creation_timestamp,
                "model_uri": version.source,
                "run_id": version.run_id or "",
                "description": version.description or "",
                "tags": {key: value for key, value in version.tags.items() if key != audit_trail.STAGE_TAG},
            }
            for version in find_versions(name)
        ]
    columns = ["version", "stage", "aliases", "status", "created", "model_uri", "run_id", "description", "tags"]
    table = pd.DataFrame(rows, columns=columns).sort_values("version", ascending=False, ignore_index=True)
    return table.assign(created=pd.to_datetime(table["created"], unit="ms", utc=True))


def find_versions(name: str) -> list[ModelVersion]:
    """Every version of a model, in one search."""
    import mlflow

    return list(mlflow.search_model_versions(filter_string=f"name = {validation.quoted(name)}"))
