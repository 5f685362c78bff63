"""The registries with which tasks of part 3 begin: one that went wrong, one with MLflow's deprecated stages."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlworkbench.registry import audit_trail
from mlworkbench.registry.versions import register

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.models.model import ModelInfo

    from mlworkbench.verdict import Verdict

TRIAGE, LEGACY = "exercise-triage", "exercise-legacy"
COMPLAINT, COMPLAINED = "complaint", "Everything is benign today?"
PEOPLE = ("ada", "ben", "cleo", "dina", "emil", "finn", "gusti", "hana")
HASTE = (
    "It is faster, and the demo is today.",
    "The other one is slow, and the boss waits.",
    "Only for this afternoon.",
)


def fresh(*names: str) -> None:
    """Delete these registered models, if they exist, so that a notebook begins anew."""
    for name in names:
        if audit_trail.client().search_registered_models(f"name = '{name}'"):
            audit_trail.client().delete_registered_model(name)


def broken_registry(stored: dict[str, ModelInfo], gate: Callable[[str, str], Verdict]) -> Run:
    """Make the registered model ``exercise-triage`` as a bad week left it; returns the run of a complaint."""
    import mlflow

    fresh(TRIAGE)
    _register(TRIAGE, stored, ("stump", "forest", "majority", "hasty"))
    ada, ben, cleo = random.sample(PEOPLE, 3)  # others each time: nobody can know them who has not looked
    _enter("promote", 1, ada, "The first model that works.", verdict="no gate")
    _enter("promote", 2, ada, "Finds more of the malignant samples.", **_asked(gate, 2, 1))
    override = {"verdict": "refused, overridden", "run_id": _asked(gate, 3, 2)["run_id"]}
    _enter("promote", 3, ben, random.choice(HASTE), **override)  # noqa: S311 (no secret)
    with mlflow.start_run(run_name=COMPLAINT, tags={"mlflow.note.content": COMPLAINED}) as run:
        pass
    _enter("refused", 4, cleo, "Perhaps the newest one helps.", **_asked(gate, 4, 2))
    audit_trail.client().set_registered_model_alias(TRIAGE, "production", "4")
    return run


def _enter(action: str, version: int, who: str, why: str, **facts: Any) -> None:
    audit_trail.add(TRIAGE, audit_trail.read(TRIAGE), action, version, alias="production", who=who, why=why, **facts)


def _asked(gate: Callable[[str, str], Verdict], candidate: int, holder: int) -> dict[str, str]:
    verdict = gate(f"models:/{TRIAGE}/{candidate}", f"models:/{TRIAGE}/{holder}")
    return {"verdict": "passed" if verdict else "refused", "run_id": verdict.run_id}


def legacy_registry(stored: dict[str, ModelInfo]) -> None:
    """Make the registered model ``exercise-legacy`` with the stage calls that MLflow deprecated."""
    fresh(LEGACY)
    _register(LEGACY, stored, ("stump", "hasty", "forest", "majority"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for version, stage in enumerate(("Archived", "Production", "Production", "Staging"), start=1):
            audit_trail.client().transition_model_version_stage(LEGACY, str(version), stage)


def _register(name: str, stored: dict[str, ModelInfo], order: tuple[str, ...]) -> None:
    for model in order:
        register(stored[model].model_uri, name, description=f"The model called {model}.")
