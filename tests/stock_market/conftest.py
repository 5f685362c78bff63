"""Prices, features and the table to learn from, made once for all tests."""

from __future__ import annotations

import pandas as pd
import pytest

from stock_market import features, prices, sweep


@pytest.fixture(scope="session")
def series() -> dict[str, pd.DataFrame]:
    """Checked prices of every symbol."""
    return {name: prices.checked(prices.load(name), name) for name in prices.SYMBOLS}


@pytest.fixture(scope="session")
def known(series: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every feature of every day of the S&P 500."""
    return features.features(series)


@pytest.fixture(scope="session")
def table(series: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Features and answers of the S&P 500."""
    return sweep.table(series)
