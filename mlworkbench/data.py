"""Data sets that are on disk after install. Nothing here uses the network, but for `load_live`."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told, unknown_name
from mlworkbench.waiting import patience

if TYPE_CHECKING:
    import pandas as pd

TICKERS = {"sp500": "^GSPC", "nasdaq": "^IXIC", "vix": "^VIX"}
"""The series that `load_live` knows, with the names under which Yahoo! Finance lists them."""


def load_wine() -> pd.DataFrame:
    """Chemical analysis of 178 Italian wines of three cultivars.

    Returns
    -------
    pandas.DataFrame of shape (178, 14)
        13 float columns with names that are valid Python names (``alcohol`` in percent by volume, …), and
        ``cultivar``, the class to predict: 0, 1 or 2.

    Notes
    -----
    Source: S. Aeberhard and M. Forina, Wine, UCI Machine Learning Repository (1992), CC BY 4.0, as shipped with
    scikit-learn (`sklearn.datasets.load_wine`).
    """
    from sklearn.datasets import load_wine as load

    frame: pd.DataFrame = load(as_frame=True).frame
    return frame.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "od280_od315"})


def load_sp500() -> pd.DataFrame:
    """Daily prices of the S&P 500 index, January 1999 to December 2018.

    Returns
    -------
    pandas.DataFrame of shape (5031, 6)
        Indexed by ``date`` (trading days, ascending). Columns ``open``, ``high``, ``low``, ``close``, ``adj_close``
        in index points and ``volume`` in shares traded. Source: Yahoo! Finance, as shipped in `arch.data.sp500`.
    """
    return _tidy(_shipped("sp500"))


def load_nasdaq() -> pd.DataFrame:
    """Daily prices of the NASDAQ Composite index, as `load_sp500` and on the same days (`arch.data.nasdaq`)."""
    return _tidy(_shipped("nasdaq"))


def load_vix() -> pd.DataFrame:
    """Daily closing values of the VIX, the volatility expected of the S&P 500, January 2014 to January 2019.

    Returns
    -------
    pandas.DataFrame of shape (1259, 1)
        Indexed by ``date``. ``close`` in percent a year. The 46 weekdays without a value, on which the exchange was
        closed, are left out. Source: Cboe, as shipped in `arch.data.vix`.
    """
    return _tidy(_shipped("vix")).rename(columns={"vix": "close"}).dropna()


def load_live(symbol: str = "sp500", *, session: Any = None) -> pd.DataFrame:
    """Daily prices up to now: the bundled ones, and after them those that Yahoo! Finance gives (group ``live``).

    Without yfinance or network, or when the service refuses, a warning says so and the bundled data is all.

    Parameters
    ----------
    symbol : {'sp500', 'nasdaq', 'vix'}
        Which series.
    session : requests.Session, optional
        What talks to the service, where it needs a proxy or headers of its own.

    Returns
    -------
    pandas.DataFrame
        As `load_sp500`, `load_nasdaq` or `load_vix`, with as many rows more as there are newer days.

    Raises
    ------
    WorkbenchError
        For an unknown symbol, with the nearest one.
    """
    if not isinstance(symbol, str) or symbol not in TICKERS:
        raise unknown_name("symbol", symbol, TICKERS)
    prices = {"sp500": load_sp500, "nasdaq": load_nasdaq, "vix": load_vix}[symbol]()
    try:
        newer = _newer(symbol, prices, session)
    except Exception as error:  # whatever goes wrong on the way to somebody else's service
        _warn(symbol, prices, error)
        return prices
    import pandas as pd

    return pd.concat([prices, newer])


def _shipped(name: str) -> pd.DataFrame:
    """Read a file of the package arch as `arch.data` does, without importing arch, which takes seconds."""
    import pandas as pd

    spec = importlib.util.find_spec("arch")
    if spec is None or spec.origin is None:
        raise WorkbenchError("no package 'arch'.", "the package that brings the prices.", "Run `make setup` again.")
    path = Path(spec.origin).parent / "data" / name / f"{name}.csv.gz"
    return pd.read_csv(path, index_col=0, parse_dates=[0], na_values=".")


def _newer(symbol: str, prices: pd.DataFrame, session: Any) -> pd.DataFrame:
    """The days after the last one, in the shape of the others."""
    import yfinance

    ticker = yfinance.Ticker(TICKERS[symbol], session=session)
    found = ticker.history(
        start=prices.index[-1], auto_adjust=False, actions=False, raise_errors=True, timeout=patience(10)
    )
    tidy = _tidy(found.tz_localize(None))[list(prices.columns)].dropna().astype(prices.dtypes.to_dict())
    newer: pd.DataFrame = tidy[tidy.index > prices.index[-1]]
    return newer


def _warn(symbol: str, prices: pd.DataFrame, error: Exception) -> None:
    missing = isinstance(error, ModuleNotFoundError)
    message = WorkbenchError(
        f"no newer prices of {symbol!r} ({told(error)}).",
        f"an answer of Yahoo! Finance. The bundled data goes to {prices.index[-1]:%Y-%m-%d}.",
        "Run `mlworkbench add live`." if missing else "Use the bundled data, or try again.",
    )
    warnings.warn(str(message), stacklevel=3)


def _tidy(prices: pd.DataFrame) -> pd.DataFrame:
    """Columns with names that are valid Python names, indexed by ``date``."""
    prices.columns = [str(name).lower().replace(" ", "_") for name in prices.columns]
    return prices.rename_axis(index="date")
