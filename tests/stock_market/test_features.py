"""Windows, features and answers are right, and nothing of a day is made from what came after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlworkbench as wb
from stock_market import features, prices, windows


def closes(*values: float) -> pd.Series:
    return pd.Series(values, pd.bdate_range("2008-01-02", periods=len(values)), dtype=float)


def test_a_window_holds_the_ups_of_the_last_days_the_newest_last() -> None:
    found = windows.windows(closes(1, 2, 1, 1, 5, 6), 3)
    assert found.to_numpy().tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1]]
    assert found.columns.to_list() == ["day_1", "day_2", "day_3"]
    assert set(found.dtypes) == {np.dtype("int64")}


def test_answers_tell_of_the_days_ahead_and_end_before_the_future_begins() -> None:
    assert windows.answers(closes(1, 2, 1, 1, 5, 6)).to_list() == [1, 0, 0, 1, 1]
    assert windows.answers(closes(1, 2, 1, 1, 5, 6), horizon=3).to_list() == [0, 1, 1]


@pytest.mark.parametrize("length", [0, 6, 100])
def test_a_window_that_does_not_fit_is_refused(length: int) -> None:
    with pytest.raises(wb.WorkbenchError, match=f"a window of {length} days on 6 days(?s:.*)1 to 5 days"):
        windows.windows(closes(1, 2, 1, 1, 5, 6), length)


def test_features_of_a_day_are_what_they_are_called(series: dict[str, pd.DataFrame], known: pd.DataFrame) -> None:
    close = series["sp500"]["close"]
    row = known[known["event_timestamp"] == pd.Timestamp("2008-10-15 22:00", tz="UTC")].iloc[0]
    until = close[:"2008-10-15"]
    assert row["return_5"] == pytest.approx(np.log(until.iloc[-1] / until.iloc[-6]))
    assert row["volatility_20"] == pytest.approx(np.log(until).diff()[-20:].std())
    assert row["distance_20"] == pytest.approx(until.iloc[-1] / until[-20:].mean() - 1)
    assert row["companion_1"] == pytest.approx(np.log(series["nasdaq"]["close"]).diff()["2008-10-15"])
    assert row["day_14"] == 0  # it fell by 9 %
    assert np.isnan(row["vix_level"])  # which begins in 2014
    assert known["vix_level"].iloc[-1] == series["vix"]["close"]["2018-12-31"]


def test_groups_of_features() -> None:
    assert features.columns("window", 3) == ["day_1", "day_2", "day_3"]
    assert features.columns("rich") == [*windows.names(), *features.MARKET]
    with pytest.raises(wb.WorkbenchError, match=r"no group of features is called 'ritch'(?s:.*)'rich'"):
        features.columns("ritch")
    with pytest.raises(wb.WorkbenchError, match="no symbol is called 'dax'"):
        features.features({}, "dax")


SHORT = {name: table["2013-09":"2014-12"] for name, table in prices.load_with_companions("sp500").items()}
BEFORE = features.features(SHORT)


@settings(max_examples=40, deadline=None)
@given(
    cut=st.integers(70, 300),
    changed=st.sampled_from(["sp500", "nasdaq", "vix"]),
    factors=st.lists(st.floats(0.01, 100), min_size=1, max_size=20),
    dropped=st.booleans(),
)
def test_no_feature_sees_the_future(cut: int, changed: str, factors: list[float], dropped: bool) -> None:
    """Whatever the prices of any index do after an evening, or if they end there: its features stay the same."""
    day = SHORT["sp500"].index[cut]
    future = {name: table.copy() for name, table in SHORT.items()}
    later = future[changed].index > day
    future[changed].loc[later, "close"] *= np.resize(factors, later.sum())
    if dropped:
        future[changed] = future[changed][~later]
    after = features.features(future)
    evening = day.tz_localize("UTC") + features.KNOWN_AFTER
    was, now = (table[table["event_timestamp"] <= evening] for table in (BEFORE, after))
    pd.testing.assert_frame_equal(was, now)
