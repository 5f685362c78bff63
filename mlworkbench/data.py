"""Data sets that are on disk after install. Nothing here uses the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


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
        in index points and ``volume`` in shares traded.

    Notes
    -----
    Source: Yahoo! Finance, as shipped with the package arch (`arch.data.sp500`).
    """
    from arch.data import sp500

    frame: pd.DataFrame = sp500.load()
    frame.columns = [name.lower().replace(" ", "_") for name in frame.columns]
    return frame.rename_axis(index="date")
