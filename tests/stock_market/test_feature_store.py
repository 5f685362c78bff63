"""The feature store gives each row what was known at its time, and the server what is known tonight."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_market import feature_store, features

YEAR = slice("2008-06-01", "2009-03-31")


@pytest.fixture(scope="module")
def year(known: pd.DataFrame) -> pd.DataFrame:
    """Features of ten months, across a turn of the year."""
    inside = known["event_timestamp"].between(*(pd.Timestamp(day, tz="UTC") for day in (YEAR.start, YEAR.stop)))
    return known[inside].reset_index(drop=True)


def asked(times: pd.Series | pd.DatetimeIndex, symbol: str = "sp500") -> pd.DataFrame:
    return pd.DataFrame({"symbol": symbol, "event_timestamp": times}).assign(answer=range(len(times)))


def test_no_row_sees_the_future(year: pd.DataFrame) -> None:
    """Each feature is replaced by the time from which it was known: no row gets one that is later than itself.

    Rows are asked for at every hour of the day; an evening gets its own features, a noon those of the evening before.
    """
    clock = year["event_timestamp"].map(pd.Timestamp.timestamp)
    marked = year.assign(**dict.fromkeys(features.MARKET, clock))
    noon = asked(year["event_timestamp"] - timedelta(hours=10))
    evening = asked(year["event_timestamp"])
    joined = feature_store.historical(marked, pd.concat([noon, evening]), "rich")
    when = joined["event_timestamp"].map(pd.Timestamp.timestamp)
    assert len(joined) == 2 * len(year)
    for name in features.MARKET:
        seen = joined[name].notna()
        assert seen.sum() == 2 * len(year) - 1  # nothing was known at the first noon
        assert (joined.loc[seen, name] <= when[seen]).all()
    own = joined[joined["event_timestamp"].dt.hour == 22]
    assert (own["return_1"] == own["event_timestamp"].map(pd.Timestamp.timestamp)).all()


def test_a_change_of_the_future_changes_no_row_before_it(year: pd.DataFrame) -> None:
    """All features from a day on are perturbed, or gone: what is joined to rows before that day stays the same."""
    cut = year["event_timestamp"].iloc[100]
    later = year["event_timestamp"] >= cut
    rows = asked(year.loc[~later, "event_timestamp"])
    before = feature_store.historical(year, rows)
    perturbed = year.copy()
    perturbed.loc[later, features.MARKET] = perturbed.loc[later, features.MARKET] * -7 + 1
    perturbed.loc[later, "day_14"] = 1 - perturbed.loc[later, "day_14"]
    pd.testing.assert_frame_equal(before, feature_store.historical(perturbed, rows))
    pd.testing.assert_frame_equal(before, feature_store.historical(year[~later], rows))


def test_the_join_gives_the_features_of_the_day_and_keeps_the_answers(year: pd.DataFrame) -> None:
    """For rows asked in the evening the store must give just what was computed, in types and values."""
    rows = asked(year["event_timestamp"])
    joined = feature_store.historical(year, rows, "rich")
    assert joined["answer"].to_list() == rows["answer"].to_list()
    columns = features.columns("rich")
    pd.testing.assert_frame_equal(joined[columns], year[columns])
    assert set(feature_store.historical(year, rows[:5], "window")) == {*rows, *features.columns("window")}


def test_features_that_are_too_old_or_of_another_symbol_are_not_joined(year: pd.DataFrame) -> None:
    """A fortnight without features gives NaN, not the last value; another symbol gets none of these."""
    gap = year[(year.index < 50) | (year.index > 60)]
    joined = feature_store.historical(gap, asked(year["event_timestamp"][45:65]))
    assert joined["return_1"].isna().sum() == 6  # of 11 days without features, 5 are within a week
    assert feature_store.historical(year, asked(year["event_timestamp"][:3], "nasdaq"))["return_1"].isna().all()


def test_tonight_is_what_was_refreshed_last_for_each_symbol(year: pd.DataFrame, tmp_path: Path) -> None:
    """The online store has the newest features of each symbol; refreshing one leaves the others as they are."""
    from feast import FeatureStore

    assert feature_store.refresh(tmp_path, year[:100]) == year["event_timestamp"].iloc[99]
    feature_store.refresh(tmp_path, year[:120].assign(symbol="nasdaq"))
    feature_store.refresh(tmp_path, year[:101])
    store = FeatureStore(repo_path=tmp_path)
    rows = [{"symbol": name} for name in ("sp500", "nasdaq", "dax")]
    found = store.get_online_features(features=store.get_feature_service("rich"), entity_rows=rows).to_dict()
    assert found["return_5"][:2] == [year["return_5"].iloc[100], year["return_5"].iloc[119]]
    assert found["day_14"][:2] == [year["day_14"].iloc[100], year["day_14"].iloc[119]]
    assert found["return_5"][2] is None
    assert set(pd.read_parquet(tmp_path / "features.parquet")["symbol"]) == {"sp500", "nasdaq"}


def test_a_store_can_be_copied_to_where_the_model_is_served(year: pd.DataFrame, tmp_path: Path) -> None:
    """Its paths are relative: nothing in it points to where it was made."""
    from feast import FeatureStore

    feature_store.refresh(tmp_path / "here", year)
    moved = (tmp_path / "here").rename(tmp_path / "there")
    store = FeatureStore(repo_path=moved)
    found = store.get_online_features(features=["market:return_1"], entity_rows=[{"symbol": "sp500"}]).to_dict()
    assert found["return_1"] == [year["return_1"].iloc[-1]]
    rows = asked(year["event_timestamp"][-3:])
    joined = store.get_historical_features(entity_df=rows, features=["market:return_1"]).to_df()
    assert np.allclose(joined["return_1"].sort_index(), year["return_1"][-3:])
