"""What the checks of part 5 compute again, by the code of the project, which the notebooks have made importable."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import ROUNDING, apart, shown
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

FITTED_AGAIN = ("logistic", "forest", "xgboost")
"""Candidates that give the same answers each time, within seconds."""

LUCK = 0.01
"""The accuracy of the best rule, from which ``months_by_luck`` is made, may be rounded to two digits."""


@cache
def table(symbol: str, horizon: int = 1) -> pd.DataFrame:
    """Features and answers of every day."""
    from stock_market import sweep

    found: pd.DataFrame = sweep.table(_series(symbol), symbol, horizon=horizon)
    return found


def _series(symbol: str) -> dict[str, pd.DataFrame]:
    from stock_market.prices import checked, load_with_companions

    return {name: checked(found) for name, found in load_with_companions(symbol).items()}


@cache
def _features(symbol: str) -> pd.DataFrame:
    """Features of every evening, also of the newest one, whose answer nobody knows yet."""
    from stock_market import features

    found: pd.DataFrame = features.features(_series(symbol), symbol)
    return found


def newest(symbol: str) -> pd.Series:
    """Features of the newest evening."""
    return _features(symbol).iloc[-1]


def evenings(symbol: str, year: str) -> pd.DataFrame:
    """The windows of a year."""
    from stock_market import windows

    found: pd.DataFrame = _features(symbol).set_index("event_timestamp").loc[year, windows.names()]
    return found


def served(model: str, rows: pd.DataFrame, **params: float) -> list[bool]:
    """What a version of the registry answers."""
    import mlflow

    return [bool(each) for each in mlflow.pyfunc.load_model(model).predict(rows.to_numpy(), params=params)]


def by_day(symbol: str, horizon: int = 1) -> pd.DataFrame:
    """The same, indexed by day."""
    return table(symbol, horizon).set_index("event_timestamp")


def summary(said: Any, days: pd.DataFrame, rules: tuple[str, ...] = ()) -> dict[str, float]:
    """What criterion.summary gives for these answers, against the best of the rules (of all, if none is named)."""
    from stock_market import criterion, heuristics

    scores = heuristics.scores(days)
    found: dict[str, float] = criterion.summary(
        said == days["answer"], against=scores[list(rules or scores.index)].max()
    )
    return {name: found[name] for name in ("accuracy", "months_met", "months_by_luck")}


def walked(symbol: str, group: str, model: str, folds: int = 5, horizon: int = 1) -> pd.Series:
    """Whether a model says up, on each day that walking forward predicts, indexed by day."""
    from stock_market import walk_forward
    from stock_market.features import columns

    days = table(symbol, horizon)
    said = walk_forward.walk_forward(days, columns(group), model, folds=folds, horizon=horizon)
    up: pd.Series = said["probability"] > 0.5  # noqa: PLR2004
    return up


@cache
def months(first: str, last: str, watched: str) -> pd.DataFrame:
    """Drift of each month of a year against a calm reference. The prediction is any: drift is of the features."""
    from stock_market.monitor import by_month

    days = by_day("sp500").assign(prediction=1)
    found: pd.DataFrame = by_month(days.loc[first:last], days.loc[watched])
    return found


def predicted(days: pd.DataFrame) -> pd.DataFrame:
    """The days that walking forward predicts, in five folds."""
    from stock_market import walk_forward

    return days.iloc[walk_forward.splits(len(days))[0][1][0] :]


def agree(run: Run, expected: dict[str, float], do: str) -> None:
    """The run has these metrics."""
    for name, value in expected.items():
        close = LUCK if name == "months_by_luck" else ROUNDING
        if not math.isclose(found := logged_runs.metric(run, name), value, abs_tol=close):
            told, wanted = apart(found, value)
            raise NotYetError(f"{name} of {shown(run.info.run_name)} is {told}; computed again it is {wanted}.", do)


def whole(run: Run, name: str, least: int, do: str) -> int:
    """A parameter that is a whole number, and at least so large."""
    value = logged_runs.parameter(run, name)
    if not value.isdigit() or int(value) < least:
        raise NotYetError(f"The parameter {name} is {shown(value)}.", do)
    return int(value)


def known(model: str) -> None:
    """The model can be fitted again."""
    if model not in FITTED_AGAIN:
        raise NotYetError(f"The model is {shown(model)}.", f"Take one of {', '.join(FITTED_AGAIN)}.")
