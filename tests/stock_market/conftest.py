"""Prices, features and the table to learn from, made once for all tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import mlworkbench as wb
from stock_market import features, prices, sweep


@contextlib.contextmanager
def session_in(home: Path) -> Iterator[None]:
    """A session for a fixture of a module, which nothing of other modules gets into, and which leaves nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLWORKBENCH_HOME", str(home))
        patched.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")  # MLflow itself leaves it behind
        wb.start("stock market")
        yield


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
