"""What the checks of part 5 compute again, by the code of the project, which the notebooks have made importable."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import ROUNDING, shown
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

FITTED_AGAIN = ("logistic", "forest", "xgboost")
"""Candidates that give the same answers each time, within seconds."""

SEEDS = 0.015
"""So far apart lie the claims of random splits with different seeds."""

_NOISE = 1e-9  # of one digit more or less in a sum

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
    return found


@cache
def all_windows(symbol: str) -> pd.DataFrame:
    """Windows and answers of every day, as lesson 5.1 makes them, which needs no features of the market."""
    from stock_market import windows

    close = _series(symbol)[symbol]["close"]
    found: pd.DataFrame = windows.windows(close).join(windows.answers(close), how="inner")
    return found


@cache
def against_the_rule(symbol: str, model: str, rule: str) -> dict[str, float]:
    """What task 3 wants of a model: how it does under walk-forward validation, and what it gains on a rule."""
    from stock_market import criterion
    from stock_market.heuristics import HEURISTICS

    said = walked(symbol, "rich", model)
    days = by_day(symbol).loc[said.index]
    theirs = HEURISTICS[rule](days)
    gains = criterion.gain(said, theirs, days["answer"].to_numpy())
    found = criterion.summary(said == days["answer"], against=float((theirs == days["answer"]).mean()))
    return {**found, **dict(zip(("gain_low", "gain", "gain_high"), gains, strict=True))}


@cache
def scored(window: int, model: str, threshold: float, days: float | None = None) -> dict[str, float]:
    """A setting of the sweep of lesson 5.7; how many days were walked tells in how many folds."""
    from stock_market import sweep

    series = _series("sp500")
    rows = len(sweep.table(series, "sp500", window))
    folds = next((each for each in range(2, 11) if rows // (each + 1) * each == days), 5)
    (found,) = sweep.score(series, window, model, [threshold], folds=folds)
    return {name: float(found[name]) for name in ("invested", "return_a_year", "hold_a_year")}


@cache
def leakage(symbol: str, model: str, horizon: int) -> dict[str, float]:
    """What a random split claims, with the seed 0, and what is honest."""
    from stock_market import walk_forward
    from stock_market.features import columns

    found = walk_forward.leakage(table(symbol, horizon), columns("rich"), model, horizon=horizon)
    return {str(name): float(value) for name, value in found.items()}


@cache
def held_out(until: str, window: int, model: str, days: int) -> tuple[bool, dict[str, float]]:
    """What the pipeline of lesson 5.4 measures on the days held out; and whether its gate lets the model pass."""
    from stock_market import candidates, features, heuristics, prices, sweep, walk_forward

    series = {name: prices.checked(found) for name, found in prices.load_with_companions(until=until).items()}
    known, held = walk_forward.split_off(sweep.table(series, "sp500", window), days, window)
    columns = features.columns("rich", window)
    fitted = candidates.fit(model, known[columns], known["answer"])
    said = candidates.probability(fitted, held[columns]) > 0.5  # noqa: PLR2004
    right = float((said == held["answer"]).mean())
    scores = heuristics.scores(held)
    return passes(said, held), {"accuracy": right, "heuristic_always_up": float(scores["always_up"])}


def passes(said: Any, held: pd.DataFrame) -> bool:
    """Whether a model that says this of the days held out meets both demands of the gate."""
    from stock_market import heuristics
    from stock_market.gate import MARGIN

    found, rule = gate(said, held), float(heuristics.scores(held).iloc[0])
    return found["accuracy_score"] - rule > MARGIN - _NOISE and found["gain_low"] >= 0


def gate(said: Any, held: pd.DataFrame) -> dict[str, float]:
    """What the gate sees of a model that says this of the days held out."""
    from stock_market import criterion, heuristics

    answers, rule = held["answer"].to_numpy(), heuristics.HEURISTICS[heuristics.scores(held).index[0]]
    low, _, _ = criterion.gain(said, rule(held), answers)
    return {"accuracy_score": float((said == answers).mean()), "gain_low": low}


def problems(folder: Path) -> set[str]:
    """What is wrong with the prices in a folder, in the words of the project."""
    from stock_market import prices

    return {str(found) for file in folder.glob("*.csv") for found in prices.problems(prices.read(file))["found"]}


def agree_on_leakage(run: Run, expected: dict[str, float], do: str) -> None:
    """The run has these numbers; another seed of the random split changes its claim a little."""
    agree(run, {name: expected[name] for name in ("walk_forward", "best_rule")}, do)
    logged_runs.agree(run, {"random_split": expected["random_split"]}, do, SEEDS)


@cache
def walked(symbol: str, group: str, model: str, folds: int = 5, horizon: int = 1) -> pd.Series:
    """Whether a model says up, on each day that walking forward predicts, indexed by day."""
    from stock_market import walk_forward
    from stock_market.features import columns

    days = table(symbol, horizon)
    said = walk_forward.walk_forward(days, columns(group), model, folds=folds, horizon=horizon)
    up: pd.Series = said["probability"] > 0.5  # noqa: PLR2004
    return up


def predicted(days: pd.DataFrame) -> pd.DataFrame:
    """The days that walking forward predicts, in five folds."""
    from stock_market import walk_forward

    return days.iloc[walk_forward.splits(len(days))[0][1][0] :]


def right_where_walked(symbol: str, rule: str) -> float:
    """How often a rule is right on the days that walking forward predicts."""
    from stock_market.heuristics import scores

    return float(scores(predicted(table(symbol)))[rule])


def agree(run: Run, expected: dict[str, float], do: str) -> None:
    """The run has these metrics."""
    for name, value in expected.items():
        logged_runs.agree(run, {name: value}, do, LUCK if name == "months_by_luck" else ROUNDING)


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
