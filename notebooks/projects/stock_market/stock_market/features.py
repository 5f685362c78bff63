"""Features of a day, from what was known in its evening: the window, the market around it, and the VIX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlworkbench.errors import unknown_name
from stock_market.prices import COMPANION
from stock_market.windows import names, windows

LOOK_BACK = 60
"""The most days that a feature of the market looks back."""

MARKET = [
    "return_1",
    "return_5",
    "return_20",
    "return_60",
    "volatility_20",
    "volatility_ratio",
    "distance_20",
    "companion_1",
    "companion_5",
]
VIX = ["vix_level", "vix_5"]
GROUPS = {"window": [], "rich": MARKET, "vix": [*MARKET, *VIX]}
"""What a model may take beyond the window. The VIX begins in 2014, so that models with it have fewer days."""

# The New York stock exchange closes at 20:00 or 21:00 UTC.
KNOWN_AFTER = pd.Timedelta(hours=22)


def market(close: pd.Series, companion: pd.Series) -> pd.DataFrame:
    """What the market did: returns over 1 to 60 days, how restless it is, and what the companion did.

    Parameters
    ----------
    close, companion : pandas.Series of shape (days,)
        Closing prices by date.

    Returns
    -------
    pandas.DataFrame of shape (days, 9)
        Logarithmic returns; standard deviations of daily returns; the distance of the close from its mean of 20 days,
        as a part of it. NaN on days that have too few before them.
    """
    daily, other = (np.log(series.astype(float)).diff() for series in (close, companion))
    # A day's companion is the last one known by then: never a later one.
    other = other.reindex(close.index, method="ffill", tolerance=pd.Timedelta(days=5))
    volatility = daily.rolling(20).std()
    columns = {
        "return_1": daily,
        "return_5": daily.rolling(5).sum(),
        "return_20": daily.rolling(20).sum(),
        "return_60": daily.rolling(LOOK_BACK).sum(),
        "volatility_20": volatility,
        "volatility_ratio": volatility / daily.rolling(LOOK_BACK).std(),
        "distance_20": close / close.rolling(20).mean() - 1,
        "companion_1": other,
        "companion_5": other.rolling(5).sum(),
    }
    return pd.DataFrame(columns)[MARKET]


def features(prices: Mapping[str, pd.DataFrame], symbol: str = "sp500", window: int = 14) -> pd.DataFrame:
    """Every feature of every day of a symbol, as the feature store takes them.

    Parameters
    ----------
    prices : mapping of str to DataFrame
        Prices by symbol, as `stock_market.prices.load_with_companions` gives them.
    symbol : str
        Whose features.
    window : int, default 14
        Days in a window.

    Returns
    -------
    pandas.DataFrame of shape (days, window + 13)
        ``symbol``, ``event_timestamp`` (when the features were known: that evening, UTC), ``day_1`` …, the columns of
        `MARKET`, and those of `VIX` (NaN before 2014). Days without a whole window or market are left out.

    Raises
    ------
    WorkbenchError
        For an unknown symbol (with the nearest one), and a window longer than the data.
    """
    if symbol not in COMPANION:
        raise unknown_name("symbol", symbol, COMPANION)
    close = prices[symbol]["close"]
    table = windows(close, window).join(market(close, prices[COMPANION[symbol]]["close"])).dropna()
    vix = prices["vix"]["close"] if "vix" in prices else pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    vix = vix.reindex(table.index, method="ffill", tolerance=pd.Timedelta(days=5))
    table["vix_level"], table["vix_5"] = vix, np.log(vix).diff(5)
    table.insert(0, "symbol", symbol)
    table.insert(1, "event_timestamp", known_at(table.index))
    return table.reset_index(drop=True)


def known_at(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The moment from which the features of a day are known."""
    return dates.tz_localize("UTC") + KNOWN_AFTER


def columns(group: str = "rich", window: int = 14) -> list[str]:
    """Names of the features that a model of this group takes, in order.

    Raises
    ------
    WorkbenchError
        For an unknown group, with the nearest one.
    """
    if group not in GROUPS:
        raise unknown_name("group of features", group, GROUPS)
    return [*names(window), *GROUPS[group]]
