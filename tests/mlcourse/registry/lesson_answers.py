"""Makers of right and wrong answers to the tasks of the lessons of part 3."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient

import mlworkbench as wb
from mlcourse.registry import drill
from mlworkbench.verdict import MET, VERDICT_TAG, Verdict

NAME, BY_PURPOSE = "my-model", "name = 'my-model' and tags.purpose = 'to practise'"


def client() -> MlflowClient:
    return MlflowClient()


def fresh(versions: int = 3) -> None:
    """The registered model with versions that have no files, and another one."""
    drill.fresh(NAME, "another")
    for name in (NAME, "another"):
        client().create_registered_model(name)
    for number in range(versions):
        client().create_model_version(NAME, f"/nowhere/{number}")


def verdict(result: str = MET, said: str | None = None) -> Verdict:
    """What a gate says, and the run that says the same."""
    row = ("accuracy_score", 0.9, 0.8, "at least 0.9", result)
    columns = ["metric", "candidate", "baseline", "wanted", "result"]
    told = said or ("passed" if result == MET else "refused")
    with mlflow.start_run(tags={VERDICT_TAG: told}) as run:
        pass
    return Verdict(result == MET, pd.DataFrame([row], columns=columns), run.info.run_id)


def registered(
    condition: Any = BY_PURPOSE, said: str = "A forest of 20 trees.", purpose: str = "to practise", **wrong: Any
) -> dict:
    """A third version with a description and a purpose."""
    fresh()
    client().update_model_version(NAME, "3", said)
    if purpose:
        client().set_model_version_tag(NAME, "3", "purpose", purpose)
    return {"name": NAME, "filter_string": condition, **wrong}


def lived(*moves: tuple[int, str], why: str = "It was tried.", by_hand: int = 0) -> dict:
    """Two versions that went through their stages, if nothing else is said."""
    fresh()
    usual = [(version, stage) for version in (1, 2) for stage in ("Staging", "Production")]
    for version, stage in moves or usual:
        wb.transition(NAME, version, stage, why=why)
    if by_hand:
        client().set_registered_model_alias(NAME, "production", by_hand)
    return {"name": NAME}


def lived_by_hand(**changed: str | None) -> dict:
    """Two versions whose lives MLflow's own aliases and tags tell; `changed` are other tags of version 2."""
    fresh()
    ends = {"1": {"stage": "Archived", "why": "It was replaced."}, "2": {"stage": "Production", "replaces": "1"}}
    ends["2"] |= {"why": "Its trial.", **changed}
    for version, tags in ends.items():
        client().set_registered_model_alias(NAME, "production", version)
        for tag, value in tags.items():
            if value is not None:
                client().set_model_version_tag(NAME, version, tag, value)
    return {"name": NAME}


def rolled_back(gate: Verdict | None = None, *whys: str, first: bool = True, **options: Any) -> dict:
    """A promotion through a gate, and the way back."""
    fresh()
    if first:
        wb.promote(NAME, 1)
    wb.promote(NAME, 2, gate=gate, **options)
    for why in whys:
        wb.rollback(NAME, why=why)
    return {"name": NAME}
