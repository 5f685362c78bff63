"""Task 9 of part 5: pilots that knew the future are found, and production has none; nothing else passes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlcourse.market import drill, recomputed
from tests.refusals import refused

pytestmark = pytest.mark.usefixtures("session")

NAME = drill.name_of("nasdaq")


def stored(run_id: str) -> pd.DataFrame:
    text = mlflow.artifacts.load_text(f"{mlflow.get_run(run_id).info.artifact_uri}/{drill.TABLE}")
    return pd.read_csv(io.StringIO(text), index_col=0, parse_dates=True)


def found() -> tuple[dict[int, str], list[int]]:
    """The versions that knew the future with their features, and the others, from the tables alone."""
    known, knew, honest = recomputed.by_day("nasdaq"), {}, []
    for version in MlflowClient().search_model_versions(f"name = '{NAME}'"):
        table, number = stored(version.run_id), int(version.version)
        for name in drill.FEATURES:
            if any(np.allclose(known[name].shift(-days).reindex(table.index), table[name]) for days in (1, 2, 3)):
                knew[number] = name
        honest += [] if number in knew else [number]
    return knew, sorted(honest)


def in_order(change: Callable[[dict, list], None] | None = None, **answers: Any) -> dict:
    """The registry in order, with what else was changed in it, and answers of which some are others."""
    drill.pilots("nasdaq")
    knew, honest = found()
    for number, name in knew.items():
        MlflowClient().set_model_version_tag(NAME, str(number), "refused", f"{name} is of tomorrow")
    MlflowClient().set_registered_model_alias(NAME, "production", str(honest[-1]))
    if change:
        change(knew, honest)
    return {"symbol": "nasdaq", "knew": {name: make(knew) for name, make in answers.items()}.get("knew", knew)}


def untouched() -> dict:
    drill.pilots("nasdaq")
    return {"symbol": "nasdaq", "knew": found()[0]}


def by_promotion(knew: dict, honest: list) -> None:
    """The alias went through the trail."""
    MlflowClient().delete_registered_model_alias(NAME, "production")
    wb.promote(NAME, honest[-1], why="It knew nothing of the future.")


def older(knew: dict, honest: list) -> None:
    MlflowClient().set_registered_model_alias(NAME, "production", str(honest[0]))


def nobody(knew: dict, honest: list) -> None:
    MlflowClient().delete_registered_model_alias(NAME, "production")


def still(knew: dict, honest: list) -> None:
    MlflowClient().set_registered_model_alias(NAME, "production", str(max(knew)))


def without_reason(knew: dict, honest: list) -> None:
    MlflowClient().set_model_version_tag(NAME, str(max(knew)), "refused", "bad")


def without_tag(knew: dict, honest: list) -> None:
    MlflowClient().delete_model_version_tag(NAME, str(max(knew)), "refused")


def all_tagged(knew: dict, honest: list) -> None:
    MlflowClient().set_model_version_tag(NAME, str(honest[0]), "refused", "return_5")


def deleted(knew: dict, honest: list) -> None:
    MlflowClient().delete_model_version(NAME, str(max(knew)))


def run_of(number: int) -> str:
    return str(MlflowClient().get_model_version(NAME, str(number)).run_id)


def whitewashed(knew: dict, honest: list) -> None:
    """The table of a pilot that knew the future was written anew, from an honest one."""
    text = stored(run_of(honest[0])).to_csv()
    MlflowClient().log_text(run_of(max(knew)), text, drill.TABLE)


def of_no_evening(knew: dict, honest: list) -> None:
    run_id = run_of(max(knew))
    MlflowClient().log_text(run_id, stored(run_id).assign(return_5=0.0).to_csv(), drill.TABLE)


def cut(knew: dict, honest: list) -> None:
    run_id = run_of(max(knew))
    MlflowClient().log_text(run_id, stored(run_id).head(0).to_csv(), drill.TABLE)


def no_table(knew: dict, honest: list) -> None:
    MlflowClient().log_text(run_of(max(knew)), "<html>", drill.TABLE)


def retyped(knew: dict, honest: list) -> None:
    MlflowClient().log_metric(run_of(max(knew)), "accuracy", 0.5)


def another(name: str) -> str:
    return next(each for each in drill.FEATURES if each != name)


def with_decoy(knew: dict[int, str]) -> dict[int, str]:
    """Every version with a feature that is not of its own evening."""
    known = recomputed.by_day("nasdaq")
    return knew | {
        number: name
        for number in found()[1]
        for name in drill.FEATURES
        if not np.allclose(known[name].reindex(stored(run_of(number)).index), stored(run_of(number))[name])
    }


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("market.9", in_order),
    ("market.9", lambda: in_order(by_promotion)),
    ("market.9", lambda: in_order(knew=pd.Series)),
    ("market.9", lambda: in_order(knew=lambda knew: {str(number): name for number, name in knew.items()})),
    ("market.9", lambda: in_order(knew=lambda knew: {np.int64(number): name for number, name in knew.items()})),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("market.9", untouched, "has no tag 'refused'"),
    ("market.9", lambda: in_order(still), "is in production, and knew the future"),
    ("market.9", lambda: in_order(older), "a newer one is honest, too"),
    ("market.9", lambda: in_order(nobody), "No version holds the alias 'production'"),
    ("market.9", lambda: in_order(without_tag), "has no tag 'refused'"),
    ("market.9", lambda: in_order(without_reason), "is 'bad'. Let it name the feature"),
    ("market.9", lambda: in_order(all_tagged), "It knew nothing of the future: take that away"),
    ("market.9", lambda: in_order(deleted), "has 3 of its 4 versions"),
    ("market.9", lambda: in_order(whitewashed), "is not that of its features.csv"),
    ("market.9", lambda: in_order(retyped), "is not that of its features.csv"),
    ("market.9", lambda: in_order(of_no_evening), "return_5 in features.csv of"),
    ("market.9", lambda: in_order(cut), "has 0 days"),
    ("market.9", lambda: in_order(no_table), "is no table of features"),
    ("market.9", lambda: in_order(knew=with_decoy), "1 of the versions in knew had no feature of a later evening"),
    ("market.9", lambda: in_order(knew=lambda _: {}), "knew names 0 of 2 versions"),
    ("market.9", lambda: in_order(knew=lambda knew: {max(knew): knew[max(knew)]}), "knew names 1 of 2 versions"),
    ("market.9", lambda: in_order(knew=lambda knew: {n: another(f) for n, f in knew.items()}), "it is not '"),
    ("market.9", lambda: in_order(knew=list), "knew is of type list"),
    ("market.9", lambda: in_order() | {"symbol": "sp500"}, "Choose 'nasdaq' or 'vix'"),
    ("market.9", lambda: in_order() | {"symbol": "vix"}, "The registry has no version of 'exercise-pilot-vix'"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_a_registry_in_order_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{n} {w[2]}" for n, w in enumerate(WRONG)])
def test_one_that_is_not_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_what_knows_the_future_is_right_more_often() -> None:
    """That is why nobody asked."""
    honest = drill.accuracy("nasdaq", *drill.HONEST)
    assert all(drill.accuracy("nasdaq", name, -days) > honest + 0.05 for name in drill.FEATURES for days in (1, 2, 3))
