"""The life of a version: through the stages, promoted through a gate, rolled back; each change goes through the trail.

``Production`` and ``Staging`` are the aliases ``production`` and ``staging``, which one version each can hold; every
version has its stage in the tag ``stage`` too. A version that loses its alias to another becomes ``Archived``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, unknown_name
from mlworkbench.registry import audit_trail, validation
from mlworkbench.registry.gate import ask_gate
from mlworkbench.registry.trail_entries import ALIAS_OF, STAGES, Trail
from mlworkbench.registry.versions import find_versions, versions_table
from mlworkbench.texts import require_text

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

    from mlworkbench.verdict import Verdict

    Gate = Verdict | Callable[[str, str | None], Verdict]


def transition(name: str, version: int | str, stage: str, *, why: str = "") -> ModelVersion:
    """Move a version to a stage.

    To Production or Staging, the version gets the alias of that name, and the one that held it is archived. To
    Development or Archived, it gives up these aliases, and when archived every other alias as well.

    Parameters
    ----------
    name, version : str, int or str
        Registered model, and number of the version.
    stage : {'Development', 'Staging', 'Production', 'Archived'}
        In capitals or not.
    why : str, optional
        Goes into the trail.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        As it is afterwards, with ``aliases`` and the tag ``stage``.

    Raises
    ------
    WorkbenchError
        For what is unknown (with the nearest one), not ready, or archived (go to Staging before Production).
    """
    require_text(stage, "a stage")
    wanted = {known.lower(): known for known in STAGES}.get(stage.lower())
    if wanted is None:
        raise unknown_name("stage", stage, STAGES)
    alias, why = ALIAS_OF.get(wanted), audit_trail.reason(why)
    with validation.explained(name, writes=True):
        now = audit_trail.open_trail(name)
        number = int(validation.get_version(name, version).version)
        if now.stages.get(number) != wanted or now.unfinished():
            if alias:
                validation.check_ready(name, number, now, archived_too=wanted == "Production")
            audit_trail.add(name, now, "transition", number, alias=alias, stage=wanted, why=why)
        return validation.get_version(name, number)


def promote(
    name: str,
    version: int | str,
    *,
    alias: str = "production",
    gate: Gate | None = None,
    override: str | None = None,
    why: str = "",
) -> ModelVersion | None:
    """Give an alias to a version, through a gate, and enter that in the audit trail.

    Parameters
    ----------
    name, version : str, int or str
        Registered model, and number of the version.
    alias : str, default 'production'
        The alias that it gets. With ``production`` and ``staging``, stages follow as with `transition`.
    gate : Verdict or function, optional
        What `validate` returned, or ``lambda new, old: wb.validate(new, old, …)``, where old is None if there is none.
    override, why : str, optional
        The reason to promote although the gate refuses, and the reason otherwise.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion or None
        What held the alias before. The version itself if it holds the alias already: nothing is asked or entered then.

    Raises
    ------
    WorkbenchError
        For what is unknown, archived or failed, and a gate that refuses or cannot decide. The alias stays then.
    """
    validation.check_alias(alias)
    why, override = audit_trail.reason(why), None if override is None else audit_trail.reason(override, required=True)
    with validation.explained(name, writes=True):
        now = audit_trail.open_trail(name)
        candidate = validation.check_ready(name, version, now)
        if now.holder(alias) == int(candidate.version) and not now.unfinished():
            return candidate
        return _through(gate, now, candidate, alias, why, override)


def _through(
    gate: Gate | None, now: Trail, candidate: ModelVersion, alias: str, why: str, override: str | None
) -> ModelVersion | None:
    """Ask the gate, enter what it said, and promote the version if it may; returns what held the alias before."""
    name, number = candidate.name, int(candidate.version)
    answer = ask_gate(gate, candidate, now.holder(alias))
    if callable(gate):  # it took time: the version may have been archived
        now = audit_trail.read(name)
        validation.check_ready(name, number, now)
    facts: dict[str, Any] = {"alias": alias, "why": why, "verdict": answer.word, "run_id": answer.run_id}
    if answer.word == "refused" and override is None:
        audit_trail.add(name, now, "refused", number, **facts)
        raise validation.gate_refuses(candidate, answer.headline)
    if answer.word == "refused":
        facts |= {"why": override, "verdict": "refused, overridden"}
    after, entry = audit_trail.add(name, now, "promote", number, **facts)
    if after.aliases.get(alias) != number:
        validation.get_version(name, number)  # deleted meanwhile?
    before = next((before for moved, before, _ in after.moves[entry.key] if moved == alias), number)
    return _version_or_none(name, before)


def rollback(name: str, *, alias: str = "production", why: str = "") -> ModelVersion:
    """Give an alias back to the version that held it before; once more, to the one before that.

    Versions that were deleted, archived by `transition`, or rolled back before are passed over.

    Parameters
    ----------
    name, alias : str
        Registered model, and the alias that goes back; a version that loses ``production`` or ``staging`` is archived.
    why : str, optional
        Goes into the trail.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion
        What holds the alias now.

    Raises
    ------
    WorkbenchError
        For what is unknown (with the nearest one), and when no earlier version is left: promote one.
    """
    why, alias = audit_trail.reason(why), require_text(alias, "an alias")
    with validation.explained(name, writes=True):
        now = audit_trail.open_trail(name)
        if alias not in now.holders:
            raise validation.unknown_alias(name, alias, now.holders)
        holder = now.holder(alias)
        earlier = [version for version in reversed(now.holders[alias][:-1]) if version not in (None, holder)]
        target = next((v for v in earlier if getattr(_version_or_none(name, v), "status", "") == "READY"), None)
        if target is None:
            raise WorkbenchError(
                f"no version that held {alias!r} of {name!r} before version {holder} and could take it again.",
                "an earlier holder in history(name) that was neither deleted nor archived.",
                "Promote the version that shall take over.",
            )
        audit_trail.add(name, now, "rollback", target, alias=alias, why=why)
        return validation.get_version(name, target)


def migrate_stages(name: str) -> pd.DataFrame:
    """Carry the stages of MLflow's deprecated calls over to aliases and tags.

    Of several versions in Production (or Staging) the newest gets the alias, the others are archived; `rollback` knows
    them. MLflow's own stages stay as they are. Versions that have a stage here already, and aliases that somebody
    holds, are left alone; a second call changes nothing.

    Parameters
    ----------
    name : str
        Registered model.

    Returns
    -------
    pandas.DataFrame
        As `versions_table`, with MLflow's stage in the column ``legacy``.

    Raises
    ------
    WorkbenchError
        For an unknown model, with the nearest one.

    References
    ----------
    https://mlflow.org/docs/latest/ml/model-registry/workflow/#migrating-from-stages

    Examples
    --------
    >>> table = wb.migrate_stages("wine")
    """
    with validation.explained(name, writes=True):
        begun = now = audit_trail.open_trail(name)
        legacy = {int(version.version): version.current_stage or "None" for version in find_versions(name)}
        for version, stage in sorted(legacy.items()):
            alias = ALIAS_OF.get(stage)
            if stage in STAGES and version not in begun.stages and not (alias and begun.holder(alias)):
                why = f"Was in MLflow's {stage}."
                now, _ = audit_trail.add(name, now, "migrate", version, alias=alias, stage=stage, why=why)
    table = versions_table(name)
    return table.assign(legacy=table["version"].map(legacy))


def _version_or_none(name: str, version: int | None) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(MlflowException):
        return None if version is None else audit_trail.client().get_model_version(name, str(version))
    return None
