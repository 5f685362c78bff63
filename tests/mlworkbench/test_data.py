"""The data sets are there, whole and without the network."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

import mlworkbench as wb

pytestmark = pytest.mark.processes

RECORDED = Path(__file__).parent / "recorded" / "chart_sp500.json"


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


@pytest.mark.parametrize("name", ["sp500", "nasdaq", "vix"])
def test_the_prices_are_those_of_arch_which_is_not_imported(name: str) -> None:
    """Importing arch takes seconds, since it brings statsmodels along; its files are read without it."""
    probe = f"import sys, mlworkbench as wb; wb.load_{name}(); sys.exit('arch' in sys.modules)"
    subprocess.run([sys.executable, "-c", probe], check=True)
    theirs = importlib.import_module(f"arch.data.{name}").load().dropna()
    assert np.array_equal(getattr(wb, f"load_{name}")().to_numpy(), theirs.to_numpy())
    assert getattr(wb, f"load_{name}")().index.equals(theirs.index)


def test_nasdaq_has_the_days_of_the_sp500() -> None:
    prices = wb.load_nasdaq()
    assert prices.index.equals(wb.load_sp500().index)
    assert prices.columns.equals(wb.load_sp500().columns)


def test_vix_is_without_the_days_on_which_the_exchange_was_closed() -> None:
    prices = wb.load_vix()
    assert prices.shape == (1259, 1)
    assert prices.close.between(5, 60).all()
    assert prices.index.is_monotonic_increasing


class Recorded(requests.adapters.BaseAdapter):
    """Gives recorded answers in place of a network: the chart of two days, one of them known already."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self.status, self.asked = status, []

    def send(self, request, **_):
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = self.status, request, request.url
        answer._content = b"crumb"
        if "/v8/finance/chart/" in request.url:
            self.asked.append(request.url)
            answer._content = RECORDED.read_bytes() if self.status == 200 else b"Too Many Requests"
        return answer

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def service(tmp_path: Path) -> Callable[[int], requests.Session]:
    yfinance = pytest.importorskip("yfinance")
    yfinance.set_tz_cache_location(str(tmp_path))

    def make(status: int = 200) -> requests.Session:
        session = requests.Session()
        session.mount("https://", Recorded(status))
        return session

    return make


def test_newer_prices_follow_the_bundled_ones_in_the_same_shape(service) -> None:
    """The recorded answer holds the last bundled day and one that follows: only the latter is added."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        live = wb.load_live("sp500", session=service())
    bundled = wb.load_sp500()
    assert live[:-1].equals(bundled)
    assert live.dtypes.equals(bundled.dtypes)
    assert live.index[-1] == pd.Timestamp("2019-01-02")
    assert live.close.iloc[-1] == pytest.approx(2510.03, abs=0.01)


def test_a_service_that_refuses_is_told_and_the_bundled_data_is_used(service) -> None:
    with pytest.warns(UserWarning, match=r"no newer prices of 'nasdaq' (?s:.*)bundled data goes to 2018-12-31"):
        live = wb.load_live("nasdaq", session=service(429))
    assert live.equals(wb.load_nasdaq())


def test_without_a_network_the_bundled_data_is_used(service) -> None:
    """The proxy that the session is told to use does not exist: a real refusal of a connection."""
    session = requests.Session()
    session.proxies = {"https": "http://127.0.0.1:9", "http": "http://127.0.0.1:9"}
    with pytest.warns(UserWarning, match="no newer prices of 'vix'"):
        assert wb.load_live("vix", session=session).equals(wb.load_vix())


def test_without_the_extra_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.warns(UserWarning, match=r"Do this: Run `mlworkbench add live`"):
        assert wb.load_live("vix").equals(wb.load_vix())


def test_an_unknown_symbol_is_told_with_the_nearest() -> None:
    with pytest.raises(wb.WorkbenchError, match=r"no symbol is called 'nasdak'(?s:.*)Did you mean 'nasdaq'"):
        wb.load_live("nasdak")


@pytest.mark.parametrize("symbol", [None, 5, "", ["sp500"], "\ud800"])
def test_what_is_no_symbol(symbol: object) -> None:
    with pytest.raises(wb.WorkbenchError, match="no symbol is called"):
        wb.load_live(symbol)  # type: ignore[arg-type]
