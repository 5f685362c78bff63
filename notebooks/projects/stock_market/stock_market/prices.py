"""Daily prices: where they come from, and what they must be before anything is learnt from them."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mlworkbench as wb
from mlworkbench.errors import WorkbenchError, told, unknown_name

LONGEST_GAP = pd.Timedelta(days=7)
"""The longest time between two trading days in 20 years: 10 to 17 September 2001."""

FEWEST_DAYS = 100


def planted(seed: int = 7) -> pd.DataFrame:
    """An invented market with a rule to be found: after 14 days with few ups, an up comes in 70 of 100 cases.

    After many ups it is a down, after seven nobody knows. Real markets have no such rule. This one shows what a gate
    does when there is something to learn.

    Returns
    -------
    pandas.DataFrame of shape (5031, 1)
        ``close`` on the days of the S&P 500, with moves of the same sizes.
    """
    real = wb.load_sp500()["close"]
    sizes = np.log(real).diff().abs().to_numpy()[1:]
    rng = np.random.default_rng(seed)
    ups = list(rng.integers(0, 2, 14))
    for draw in rng.random(len(sizes) - 14):
        ups.append(int(draw < 0.5 - 0.2 * np.sign(sum(ups[-14:]) - 7)))
    moves = sizes * (2 * np.array(ups) - 1)
    close = real.iloc[0] * np.exp(np.concatenate([[0.0], moves.cumsum()]))
    return pd.DataFrame({"close": close}, index=real.index)


COMPANION = {"sp500": "nasdaq", "planted": "nasdaq", "nasdaq": "sp500", "vix": "sp500"}
"""The index whose moves are features of another."""

SYMBOLS = {"sp500": wb.load_sp500, "nasdaq": wb.load_nasdaq, "vix": wb.load_vix, "planted": planted}


def load(symbol: str = "sp500", source: str = "bundled", until: str = "") -> pd.DataFrame:
    """Read prices as they are, unchecked.

    Parameters
    ----------
    symbol : {'sp500', 'nasdaq', 'vix', 'planted'}
        Which series.
    source : {'bundled', 'live'} or path
        Where from: what is installed, that and what the network adds, or a CSV file with dates in its first column.
    until : str
        Last date that is used (``2006-12-31``); all if empty. What comes later does not exist for the pipeline.

    Returns
    -------
    pandas.DataFrame of shape (days, columns)
        With a column ``close``; texts when it comes from a file.

    Raises
    ------
    WorkbenchError
        For an unknown symbol (with the nearest one), for what is no date, and for a file that is not there or no CSV.
    """
    if symbol not in SYMBOLS:
        raise unknown_name("symbol", symbol, SYMBOLS)
    if source not in ("bundled", "live"):
        prices = read(source)
    elif source == "live" and symbol != "planted":
        prices = wb.load_live(symbol)
    else:
        prices = SYMBOLS[symbol]()
    return prices[prices.index.astype(str) <= _day(until)] if until else prices


def _day(until: str) -> str:
    try:
        return dt.date.fromisoformat(until).isoformat()
    except ValueError as error:
        raise WorkbenchError(
            f"until = {until!r}.", "a date such as '2018-12-31'.", "Correct it, or leave it out for all days."
        ) from error


def load_with_companions(symbol: str = "sp500", source: str = "bundled", until: str = "") -> dict[str, pd.DataFrame]:
    """Read the prices of a symbol and of those indexes that its features look at, unchecked.

    A file holds the prices of the symbol alone; the others come from where they always do. The VIX is left out as long
    as there are too few days of it: it begins in 2014.

    Returns
    -------
    dict of str to pandas.DataFrame
        As `load` returns them, by symbol.
    """
    series = {symbol: load(symbol, source, until)}
    others = {name: load(name, "live" if source == "live" else "bundled", until) for name in (COMPANION[symbol], "vix")}
    return series | {name: found for name, found in others.items() if name not in series and len(found) >= FEWEST_DAYS}


def read(path: str | Path) -> pd.DataFrame:
    """Read a CSV file of prices as texts, so that what is wrong with it can be seen; an empty price is missing."""
    if not Path(path).is_file():
        raise WorkbenchError(
            f"no file {str(path)!r}.",
            "'bundled', 'live', or a CSV file with dates in its first column and a column 'close'.",
            "Correct the path; a relative one is seen from where you are.",
        )
    try:
        prices = pd.read_csv(path, dtype=str, index_col=0, keep_default_na=False, na_values=[""])
    except ValueError as error:  # not text, no columns, or rows of different lengths
        raise WorkbenchError(
            f"{str(path)!r} cannot be read as a table ({told(error)}).",
            "a CSV file with dates in its first column and a column 'close'.",
            "Open it in an editor, and get it again from its source.",
        ) from error
    return prices.rename_axis(index="date")


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce")


def _dates(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, errors="coerce", format="ISO8601")


@functools.cache
def _schema() -> Any:
    """Each check says of every value whether it is right; what it cannot judge, another check refuses."""
    import pandera.pandas as pa

    def check(name: str, test: Any) -> pa.Check:
        return pa.Check(test, name=name, error=name, ignore_na=False)

    close = pa.Column(
        nullable=True,
        checks=[
            check("missing price", lambda close: close.notna()),
            check("text instead of a price", lambda close: close.isna() | _numbers(close).notna()),
            check("price that is not positive", lambda close: ~(_numbers(close) <= 0)),
            check("infinite price", lambda close: ~np.isinf(_numbers(close))),
        ],
    )
    index = pa.Index(
        nullable=True,
        checks=[
            check("no date", lambda dates: _dates(dates).notna()),
            check("day twice", lambda dates: ~dates.duplicated()),
            check("day before the one above", lambda dates: ~(_dates(dates).diff() < pd.Timedelta(0))),
            check("gap", lambda dates: ~(_dates(dates).diff() > LONGEST_GAP)),
        ],
    )
    enough = check("too few days", lambda prices: len(prices) >= FEWEST_DAYS)
    return pa.DataFrameSchema({"close": close}, index=index, checks=enough)


NO_COLUMN = "column_in_dataframe"
"""What pandera calls it."""

CURES = {
    "missing price": ("a closing price for every day.", "Get the price from the source, or leave the day out."),
    "text instead of a price": ("numbers only, with a point.", "Find out what the source means by it."),
    "price that is not positive": ("prices above 0.", "Get the price again; a sign or a decimal point is lost."),
    "infinite price": ("prices that are numbers.", "Get the price again; somewhere it was divided by 0."),
    "no date": ("dates such as 2008-10-15.", "Write the dates in ISO format."),
    "day twice": ("every day once.", "Keep the row that the source confirms."),
    "day before the one above": ("days in ascending order.", "Sort the rows by date."),
    "gap": (f"at most {LONGEST_GAP.days} days between two rows.", "Get the missing days from the source."),
    "too few days": (f"at least {FEWEST_DAYS} days.", "Begin earlier, or set `until` later."),
    NO_COLUMN: ("a column 'close'.", "Rename the column that holds the closing prices."),
}


def problems(prices: pd.DataFrame) -> pd.DataFrame:
    """List what is wrong with prices.

    Returns
    -------
    pandas.DataFrame of shape (problems, 5)
        ``found``, ``rows`` (how many), ``first`` (the first of them), ``expected``, ``do``; empty if all is well.
    """
    import pandera.pandas as pa

    try:
        _schema().validate(prices, lazy=True)
        cases = pd.DataFrame(columns=["check", "failure_case", "index"])
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    rows = [
        (name.replace(NO_COLUMN, "no closing prices"), len(group), _first(group.iloc[0], prices), *CURES[name])
        for name, group in cases.groupby("check", sort=False)
    ]
    return pd.DataFrame(rows, columns=["found", "rows", "first", "expected", "do"])


def _first(case: pd.Series, prices: pd.DataFrame) -> str:
    """Where it is: day and value of a row, or the value alone."""
    if case["check"] in ("too few days", NO_COLUMN):
        return f"{len(prices)} days, columns {list(prices.columns)}"
    place = str(case["failure_case"]) if case["column"] is None else f"{case['index']}: {case['failure_case']}"
    return place.replace(" 00:00:00", "")


def checked(prices: pd.DataFrame, name: str = "these prices") -> pd.DataFrame:
    """Give prices as numbers, indexed by dates, if nothing is wrong with them.

    Raises
    ------
    WorkbenchError
        Naming every problem, how often it occurs, and where first.
    """
    found = problems(prices)
    if len(found):
        listed = [f"{row.found} ({row.rows} row(s), first {row.first})" for row in found.itertuples()]
        expected = ", ".join(found["expected"].str.rstrip("."))
        raise WorkbenchError(f"{name}: {'; '.join(listed)}.", f"{expected}.", " ".join(found["do"].drop_duplicates()))
    clean = prices.apply(pd.to_numeric, errors="coerce").astype({"close": float})
    return clean.set_axis(pd.to_datetime(clean.index, format="ISO8601").as_unit("ns").rename("date"))
