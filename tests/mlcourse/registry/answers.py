"""Makers of right and wrong answers to the tasks of part 3."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import MetricThreshold
from mlflow.models.model import ModelInfo
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

import mlworkbench as wb
from mlcourse.registry import drill
from mlcourse.registry.assignment import CELLS
from mlcourse.registry.drill import LEGACY, TRIAGE
from mlworkbench.verdict import Verdict

EXPERIMENT, OTHER = "exercises: registry", "exercise-other"
SAMPLES = load_breast_cancer(as_frame=True)
TABLE = SAMPLES.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - SAMPLES.target)
TRAIN, TEST = train_test_split(TABLE, random_state=7, stratify=TABLE["malignant"])
X, ROWS = TRAIN.drop(columns="malignant"), TEST.drop(columns="malignant")
KINDS = {
    "stump": DecisionTreeClassifier(max_depth=1),
    "forest": RandomForestClassifier(n_estimators=50, random_state=7),
    "hasty": RandomForestClassifier(n_estimators=1, max_depth=1, max_features=1, random_state=7),
    "majority": DummyClassifier(strategy="most_frequent"),
}
for model in KINDS.values():
    model.fit(X, TRAIN["malignant"])
TAGS = {"stump": "decision tree", "forest": "random forest", "hasty": "random forest", "majority": "majority"}
STUMP, FOREST, HASTY, MAJORITY = 1, 2, 3, 4  # as `cells` registers them
RECALL = MetricThreshold(threshold=0.8, greater_is_better=True)
BETTER = MetricThreshold(min_absolute_change=0.01, greater_is_better=True)
BY_TAG = f"name = '{CELLS}' and tags.algorithm = 'random forest'"


@cache
def stored() -> dict[str, ModelInfo]:
    """The four models, once for all tests."""
    return {name: wb.log_model(model, name, example=X.head(3)) for name, model in KINDS.items()}


def uri(kind: str) -> str:
    return stored()[kind].model_uri


@cache
def verdict(candidate: str, baseline: str = "stump", both: bool = True, training: bool = False) -> Verdict:
    """What a gate says, once for all tests."""
    wanted = {"recall_score": RECALL, "accuracy_score": BETTER} if both else {"accuracy_score": BETTER}
    data = TRAIN if training else TEST
    return wb.validate(uri(candidate), uri(baseline), data, target="malignant", thresholds=wanted)


def client() -> MlflowClient:
    return MlflowClient()


def cells(tags: dict[str, str] = TAGS) -> None:
    """All four models, registered and tagged; another model beside them that has the same tag."""
    drill.fresh(CELLS, OTHER)
    for kind in KINDS:
        wb.register(uri(kind), CELLS, tags={"algorithm": tags[kind]})
    wb.register(uri("forest"), OTHER, tags={"algorithm": "random forest"})


def described(
    kind: str = "stump",
    whole: str = "Finds malignant samples.",
    own: str = "A single question.",
    tag: str = "decision tree",
) -> dict:
    drill.fresh(CELLS)
    version = mlflow.register_model(uri(kind), CELLS, tags={"algorithm": tag} if tag else None)
    client().update_registered_model(CELLS, whole)
    client().update_model_version(CELLS, version.version, own)
    return {"version": version, "model_uri": uri("stump")}


def nothing() -> dict:
    drill.fresh(CELLS)
    return {"version": 1, "model_uri": uri("stump")}


def another() -> dict:
    cells()
    return {"version": FOREST, "model_uri": uri("stump")}


def elsewhere() -> dict:
    right = described()
    return right | {"version": mlflow.register_model(uri("stump"), OTHER)}


def search(condition: Any, tags: dict[str, str] = TAGS) -> dict:
    cells(tags)
    return {"filter_string": condition}


def alone() -> dict:
    """A filter that asks for the tag only, while no other model has it."""
    right = search("tags.algorithm = 'random forest'")
    drill.fresh(OTHER)
    return right


def loaded(version: int | None = FOREST, address: str = f"models:/{CELLS}@candidate", **wrong: Any) -> dict:
    cells()
    if version:
        client().set_registered_model_alias(CELLS, "candidate", version)
    right = {"predictions": KINDS["forest"].predict(ROWS), "model_uri": uri("forest"), "rows": ROWS}
    return {"address": address, **right, **wrong}


def staged(
    *stages: str, whys: tuple[str, ...] = ("Tried.", "Tested.", "Best."), archive: str | None = "Useless.", **wrong: Any
) -> dict:
    cells()
    for stage, why in zip(stages or ("Staging", "Production"), whys, strict=False):
        wb.transition(CELLS, STUMP, stage, why=why)
    if archive is not None:
        wb.transition(CELLS, MAJORITY, "Archived", why=archive)
    right = {"production": STUMP, "archived": MAJORITY, "stump": uri("stump"), "majority": uri("majority")}
    return {**right, **wrong}


def staged_anew() -> dict:
    """First without any reason, then as the messages ask for it."""
    right = staged(whys=("", ""), archive="")
    for version, stage in (
        (STUMP, "Staging"),
        (STUMP, "Production"),
        (MAJORITY, "Development"),
        (MAJORITY, "Archived"),
    ):
        wb.transition(CELLS, version, stage, why="It was tested.")
    return right


def promoted(
    gate: Verdict | None = None, before: Any = STUMP, first: bool = True, ask: bool = True, **options: Any
) -> dict:
    cells()
    if first:
        wb.promote(CELLS, STUMP)
    if ask:
        wb.promote(CELLS, FOREST, gate=gate, **options)
    return {"before": before, "model_uri": uri("forest"), "test": TEST}


def promoted_anew() -> dict:
    """First without a gate, then with one."""
    right = promoted()
    wb.rollback(CELLS)
    wb.transition(CELLS, FOREST, "Staging")
    wb.promote(CELLS, FOREST, gate=verdict("forest"))
    return right


def against_the_hasty() -> Verdict:
    """A verdict that compares with a model that is not in production."""
    return verdict("forest", "hasty")


def refused(run_id: Any = None, ask: bool = True, **options: Any) -> dict:
    cells()
    wb.promote(CELLS, STUMP)
    if ask:
        with contextlib.suppress(wb.WorkbenchError):
            wb.promote(CELLS, HASTY, gate=verdict("hasty"), **options)
    return {"run_id": run_id or verdict("hasty").run_id, "model_uri": uri("hasty")}


def refused_anew() -> dict:
    """First by override, then as it should be."""
    right = refused(override="It is fast.")
    wb.rollback(CELLS)
    wb.transition(CELLS, HASTY, "Staging")
    with contextlib.suppress(wb.WorkbenchError):
        wb.promote(CELLS, HASTY, gate=verdict("hasty"))
    return right


def scored(address: str = f"models:/{CELLS}@production", rows: pd.DataFrame = ROWS, **wrong: Any) -> dict:
    cells()
    wb.promote(CELLS, FOREST)
    return {"scores": wb.score(address, rows), "algorithm": "random forest", "rows": ROWS, **wrong}


def tampered() -> dict:
    right = scored()
    return right | {"scores": right["scores"].assign(prediction=0.0)}


def triage() -> Any:
    """The broken registry, with verdicts that were made once."""
    kinds = ["stump", "forest", "majority", "hasty"]
    return drill.broken_registry(stored(), lambda new, old: verdict(kinds[int(new.rpartition("/")[2]) - 1]))


def complained(**wrong: Any) -> dict:
    complaint = triage()
    row = wb.history(TRIAGE).query("to == 3").iloc[-1]
    return {"version": 3, "who": row["who"], "why": row["why"], "complaint": complaint, **wrong}


def somebody_else() -> dict:
    right = complained()
    return right | {"who": wb.history(TRIAGE)["who"].iloc[0]}


def by_today() -> dict:
    """A run that began when the week was over, as the complaint."""
    right = complained()
    with mlflow.start_run(run_name="today") as run:
        pass
    return right | {"complaint": run}


def migrated(call: bool = True, **wrong: Any) -> dict:
    drill.legacy_registry(stored())
    if call:
        wb.migrate_stages(LEGACY)
    return {"production": 3, "archived": [1, 2], **wrong}


def by_plain_calls(production: int = 3, staging: int = 4, archived: tuple[int, ...] = (1, 2), **wrong: Any) -> dict:
    """Migrated with MLflow's own calls."""
    drill.legacy_registry(stored())
    for alias, version in (("production", production), ("staging", staging)):
        client().set_registered_model_alias(LEGACY, alias, version)
    for version in archived:
        client().set_model_version_tag(LEGACY, str(version), "stage", "Archived")
    return {"production": production, "archived": list(archived), **wrong}


def drilled(times: int = 2, whys: tuple[str, ...] = ("By hand.", "All benign.", "Older."), **wrong: Any) -> dict:
    triage()
    for why in whys[:times]:
        wb.rollback(TRIAGE, why=why)
    return {"overridden": 3, "unexplained": 4, **wrong}


def by_hand(times: int) -> dict:
    right = drilled(times)
    client().set_registered_model_alias(TRIAGE, "production", 2)
    return right


def promoted_back() -> dict:
    right = drilled(times=1)
    wb.transition(TRIAGE, 2, "Staging")
    wb.promote(TRIAGE, 2, gate=verdict("forest"))
    return right


def outdated() -> dict:
    """Scores of the version that was in production before."""
    cells()
    wb.promote(CELLS, STUMP)
    scores = wb.score(f"models:/{CELLS}@production", ROWS)
    wb.promote(CELLS, FOREST)
    return {"scores": scores, "algorithm": "decision tree", "rows": ROWS}


def shuffled() -> dict:
    right = scored()
    return right | {"scores": right["scores"].sort_values("prediction")}


def perfect() -> str:
    """A forest that has seen the test rows."""
    model = RandomForestClassifier(50, random_state=7).fit(ROWS, TEST["malignant"])
    return wb.log_model(model, "perfect", example=X.head(3)).model_uri


@cache
def too_strict() -> Verdict:
    """A refusal by another gate."""
    return wb.validate(uri("hasty"), uri("stump"), TEST, target="malignant", thresholds={"accuracy_score": BETTER})


def refused_otherwise() -> dict:
    cells()
    wb.promote(CELLS, STUMP)
    with contextlib.suppress(wb.WorkbenchError):
        wb.promote(CELLS, HASTY, gate=too_strict())
    return {"run_id": too_strict().run_id, "model_uri": uri("hasty")}


def by_hand_only() -> dict:
    """The alias without the trail."""
    cells()
    client().set_registered_model_alias(CELLS, "production", FOREST)
    return {"before": STUMP, "model_uri": uri("forest"), "test": TEST}
