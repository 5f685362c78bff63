"""Prices are what they are said to be, or they are refused with the place and the cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from stock_market import prices


@pytest.mark.parametrize("symbol", prices.SYMBOLS)
def test_the_series_that_come_with_the_workbook_are_in_order(symbol: str) -> None:
    """Twenty years of prices pass every check (five of the VIX), and come out as numbers by day."""
    found = prices.checked(prices.load(symbol))
    assert found.index.dtype == "datetime64[ns]"
    assert found["close"].dtype == float
    assert len(found) > 1200


def test_the_planted_market_has_its_rule_and_the_sizes_of_real_moves() -> None:
    """After few ups an up comes in about 70 of 100 cases; heuristics see nothing of that."""
    planted, real = (prices.load(name)["close"] for name in ("planted", "sp500"))
    up = (planted.diff() > 0)[1:]
    few = up.rolling(14).sum().shift(1) < 7
    assert up[few].mean() == pytest.approx(0.7, abs=0.03)
    assert up.mean() == pytest.approx(0.5, abs=0.03)
    sizes = [np.sort(np.log(series).diff().abs().dropna()) for series in (planted, real)]
    assert np.allclose(*sizes)


def rows(days: int = 120) -> pd.DataFrame:
    """A file of prices as read: texts."""
    index = pd.bdate_range("2008-01-02", periods=days).strftime("%Y-%m-%d")
    return pd.DataFrame({"close": [f"{1000 + day}.5" for day in range(days)]}, index=pd.Index(index, name="date"))


def with_close(value: object) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        found = rows()
        found.iloc[50, 0] = value
        return found

    return make


def with_dates(change: Callable[[list[str]], list[str]]) -> Callable[[], pd.DataFrame]:
    return lambda: rows().set_axis(pd.Index(change(list(rows().index)), name="date"))


BAD = {
    "NaN": (with_close(np.nan), "missing price (1 row(s), first 2008-03-12: nan)", "a closing price for every day"),
    "text": (with_close("n/a"), "text instead of a price (1 row(s), first 2008-03-12: n/a)", "numbers only"),
    "negative": (with_close("-1050.5"), "price that is not positive (1 row(s), first 2008-03-12", "prices above 0"),
    "zero": (with_close("0"), "price that is not positive (1 row(s)", "prices above 0"),
    "duplicate": (with_dates(lambda d: [*d[:50], d[49], *d[51:]]), "day twice (1 row(s), first 2008-03-11)", "once"),
    "unordered": (
        with_dates(lambda d: [*d[:50], d[51], d[50], *d[52:]]),
        "day before the one above (1 row(s), first 2008-03-12)",
        "ascending order",
    ),
    "no date": (with_dates(lambda d: [*d[:50], "-3", *d[51:]]), "no date (1 row(s), first -3)", "such as 2008-10-15"),
    "gap": (lambda: rows().drop(rows().index[50:60]), "gap (1 row(s), first 2008-03-26)", "at most 7 days"),
    "too short": (lambda: rows(40), "too few days (1 row(s), first 40 days", "at least 100 days"),
    "no close": (
        lambda: rows().rename(columns={"close": "price"}),
        "no closing prices (1 row(s), first 120 days, columns ['price'])",
        "a column 'close'",
    ),
    "infinite": (with_close(np.inf), "infinite price (1 row(s), first 2008-03-12: inf)", "that are numbers"),
}


@pytest.mark.parametrize(("make", "found", "expected"), BAD.values(), ids=BAD)
def test_bad_prices_are_refused(make: Callable[[], pd.DataFrame], found: str, expected: str) -> None:
    """Each kind of bad data is named with the first place where it is, what should be there, and what to do."""
    with pytest.raises(wb.WorkbenchError) as refused:
        prices.checked(make(), "the prices")
    assert found in refused.value.found
    assert expected in refused.value.expected
    assert refused.value.do


def test_every_problem_is_told_at_once() -> None:
    """Nobody has to mend one thing to learn of the next."""
    bad = with_close("n/a")()
    bad.iloc[[60, 61], 0] = np.nan
    found = prices.problems(bad)
    assert dict(zip(found["found"], found["rows"], strict=True)) == {
        "missing price": 2,
        "text instead of a price": 1,
    }


def test_a_file_keeps_its_texts(tmp_path: Path) -> None:
    """What a source writes for a missing price is seen as it stands there; an empty price is missing."""
    bad = rows().astype(object)
    bad.iloc[3, 0], bad.iloc[4, 0] = "n/a", None
    bad.to_csv(tmp_path / "prices.csv")
    found = prices.problems(prices.read(tmp_path / "prices.csv"))
    assert set(found["found"]) == {"text instead of a price", "missing price"}
    assert found["first"].str.endswith("n/a").any()


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe junk", b"a,close\n1,2,3\n4,5,6,7,8\n"])
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prices.csv").write_bytes(content)
    with pytest.raises(wb.WorkbenchError, match="cannot be read as a table"):
        prices.load("sp500", str(tmp_path / "prices.csv"))


@pytest.mark.parametrize("until", ["soon", "2018-13-01", "31.12.2018"])
def test_a_last_day_that_is_no_date(until: str) -> None:
    """Compared as a text it would let all days pass, or none."""
    with pytest.raises(wb.WorkbenchError, match="a date such as '2018-12-31'"):
        prices.load("sp500", until=until)


def test_prices_end_where_they_are_told_to(tmp_path: Path) -> None:
    """What comes after `until` does not exist, whatever the source; the VIX is not there before 2014."""
    assert prices.load("sp500", until="2006-12-31").index[-1] == pd.Timestamp("2006-12-29")
    rows().to_csv(tmp_path / "prices.csv")
    assert prices.load("sp500", str(tmp_path / "prices.csv"), "2008-02-01").index[-1] == "2008-02-01"
    assert set(prices.load_with_companions("sp500", until="2008-12-31")) == {"sp500", "nasdaq"}
    assert set(prices.load_with_companions("nasdaq")) == {"sp500", "nasdaq", "vix"}


def test_what_does_not_exist_is_told() -> None:
    with pytest.raises(wb.WorkbenchError, match=r"no symbol is called 'sp50'(?s:.*)Did you mean 'sp500'"):
        prices.load("sp50")
    with pytest.raises(wb.WorkbenchError, match=r"no file 'nowhere.csv'"):
        prices.load("sp500", "nowhere.csv")
