"""Ups and downs: windows of the last days, and the answers that are to be predicted."""

from __future__ import annotations

from numbers import Integral

import pandas as pd

from mlworkbench.errors import WorkbenchError


def ups(close: pd.Series) -> pd.Series:
    """1 on days that closed higher than the day before, else 0; the first day, which has none before, is left out."""
    return (close.diff().iloc[1:] > 0).astype("int64")


def names(length: int = 14) -> list[str]:
    """Names of the columns of a window, the newest day last: ``day_1`` … ``day_14``."""
    return [f"day_{number}" for number in range(1, length + 1)]


def windows(close: pd.Series, length: int = 14) -> pd.DataFrame:
    """For every day, the ups and downs of the days up to and including it.

    Parameters
    ----------
    close : pandas.Series of shape (days,)
        Closing prices, indexed by date.
    length : int, default 14
        Days in a window.

    Returns
    -------
    pandas.DataFrame of shape (days - length, length), int64
        ``day_1`` (the oldest) to ``day_14`` (this day itself), indexed by date.

    Raises
    ------
    WorkbenchError
        When a window is longer than the data, or shorter than one day.
    """
    if not (isinstance(length, Integral) and 1 <= length < len(close)):
        raise WorkbenchError(
            f"a window of {length} days on {len(close)} days of prices.",
            f"1 to {len(close) - 1} days, whole ones: the first day has no day before to compare with.",
            "Choose a shorter window, or longer data.",
        )
    up = ups(close)
    shifted = {name: up.shift(length - 1 - place) for place, name in enumerate(names(length))}
    return pd.DataFrame(shifted).dropna().astype("int64")


def answers(close: pd.Series, horizon: int = 1) -> pd.Series:
    """1 where the close ``horizon`` days later is higher, else 0; the last days, which nobody knows yet, are left out.

    With a horizon above 1 the answers of neighbouring days share days: this is what a random split leaks.
    """
    later = close.shift(-horizon).dropna()
    return (later > close.loc[later.index]).astype("int64").rename("answer")
