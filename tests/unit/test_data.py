"""The data sets are there, whole and without the network."""

from __future__ import annotations

import mlworkbench as wb


def test_wine() -> None:
    wine = wb.load_wine()
    assert wine.shape == (178, 14)
    assert sorted(wine.cultivar.unique()) == [0, 1, 2]
    assert all(name.isidentifier() for name in wine.columns)
    assert not wine.isna().to_numpy().any()


def test_sp500() -> None:
    prices = wb.load_sp500()
    assert prices.shape == (5031, 6)
    assert prices.columns.tolist() == ["open", "high", "low", "close", "adj_close", "volume"]
    assert prices.index.name == "date"
    assert prices.index.is_monotonic_increasing
    assert prices.index.is_unique
    assert (prices.high >= prices.low).all()
    assert wb.load_sp500() is not prices
