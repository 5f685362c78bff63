"""What task 9 of part 5 begins with: pilots in the registry, some of which knew the future."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from mlcourse.market import recomputed
from mlcourse.registry.drill import fresh

if TYPE_CHECKING:
    import pandas as pd

SYMBOLS = ("nasdaq", "vix")
FEATURES = ("return_5", "distance_20", "companion_5")
VERSIONS, TABLE, HELD_OUT, MOST_DAYS = 4, "features.csv", 250, 3
HONEST = (FEATURES[0], 0)


def pilots(symbol: str) -> str:
    """Register four versions of a pilot, of which the last one is in production.

    Two of them have a feature of a later evening, up to three days ahead; one has a feature of an earlier evening.

    Returns
    -------
    str
        The name of the registered model. Which versions and features are concerned is another matter of luck each time.
    """
    from mlworkbench.registry import audit_trail

    name = name_of(symbol)
    if symbol not in SYMBOLS:
        print("Choose your market above, and run this cell again.")  # noqa: T201 (a cell that comes before the answer)
        return name
    fresh(name)
    ahead, behind, last = ((random.choice(FEATURES), random.randint(1, MOST_DAYS)) for _ in range(3))  # noqa: S311
    earlier = [HONEST, behind, (ahead[0], -ahead[1])]
    random.shuffle(earlier)
    for feature, days in (*earlier, (last[0], -last[1])):
        _pilot(name, symbol, feature, days)
    audit_trail.client().set_registered_model_alias(name, "production", str(VERSIONS))
    return name


def name_of(symbol: str) -> str:
    """Of the registered model."""
    return f"exercise-pilot-{symbol}"


def table(symbol: str, feature: str, days: int) -> pd.DataFrame:
    """Features and answers, of which one feature is of so many days earlier; later, where days are negative."""
    found = recomputed.by_day(symbol)
    return found.assign(**{feature: found[feature].shift(days)}).dropna()


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The days of learning, and those held out after a gap."""
    from stock_market import walk_forward

    before, held = walk_forward.split_off(rows.reset_index(), HELD_OUT)
    return before, held.set_index("event_timestamp")


def accuracy(symbol: str, feature: str, days: int) -> float:
    """How often such a pilot is right on the days held out."""
    return _fitted(table(symbol, feature, days))[1]


def _fitted(rows: pd.DataFrame) -> tuple[object, float]:
    from stock_market import candidates, windows

    columns, (before, held) = [*windows.names(), *FEATURES], split(rows)
    model = candidates.fit("logistic", before[columns], before["answer"])
    said = candidates.probability(model, held[columns]) > 0.5  # noqa: PLR2004
    return model, float((said == held["answer"]).mean())


def _pilot(name: str, symbol: str, feature: str, days: int) -> None:
    import mlflow

    from mlworkbench.registry.versions import register
    from stock_market import candidates, windows

    rows = table(symbol, feature, days)
    (before, held), (model, right) = split(rows), _fitted(rows)
    with mlflow.start_run(run_name="pilot"):
        mlflow.log_params({"symbol": symbol, "model": "logistic"})
        mlflow.log_metric("accuracy", right)
        mlflow.log_text(held[[*FEATURES, "answer"]].to_csv(), TABLE)
        stored = candidates.log(model, before[[*windows.names(), *FEATURES]].head(3).astype(float))
    register(stored.model_uri, name)
