"""The success criterion: right on more than 60 % of the days of a month, with what can be known about it."""

from __future__ import annotations

import numpy as np
import pandas as pd

WANTED = 0.6
Z = 1.96  # of the normal distribution, for 95 %


def wilson(right: int, days: int) -> tuple[float, float]:
    """Wilson's interval: where the true accuracy lies with 95 %, after being right on some of the days.

    Examples
    --------
    >>> low, high = wilson(13, 21)  # a good month says little: 41 to 79 %
    """
    if days == 0:
        return 0.0, 1.0
    part, extra = right / days, Z**2 / days
    middle = (part + extra / 2) / (1 + extra)
    half = Z / (1 + extra) * np.sqrt(part * (1 - part) / days + extra / (4 * days))
    return float(middle - half), float(middle + half)


def by_month(right: pd.Series) -> pd.DataFrame:
    """Judge each month.

    Parameters
    ----------
    right : pandas.Series of bool
        Whether the prediction was right, indexed by day.

    Returns
    -------
    pandas.DataFrame of shape (months, 6), indexed by ``month``
        ``days``, ``accuracy``, ``low`` and ``high`` (Wilson, 95 %), ``met`` (accuracy above 60 %) and ``sure`` (the
        whole interval is above 60 %: the month was more than luck).
    """
    months = right.groupby(right.index.tz_localize(None).to_period("M").rename("month")).agg(["size", "sum"])
    table = months.rename(columns={"size": "days"})
    table["accuracy"] = table["sum"] / table["days"]
    bounds = [wilson(int(row["sum"]), int(row["days"])) for _, row in table.iterrows()]
    table[["low", "high"]] = np.array(bounds).reshape(-1, 2)
    table["met"], table["sure"] = table["accuracy"] > WANTED, table["low"] > WANTED
    return table.drop(columns="sum")


def summary(right: pd.Series) -> dict[str, float]:
    """Numbers for a run: accuracy with its interval, and the part of months that meet the criterion.

    ``months_by_luck`` is the part that a coin which falls right with this accuracy would meet: most of what looks like
    a good month is that.
    """
    from scipy.stats import binom

    months = by_month(right)
    low, high = wilson(int(right.sum()), len(right))
    accuracy = float(right.mean())
    needed = np.floor(WANTED * months["days"] + 1e-9)  # more than that
    return {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "months": len(months),
        "months_met": float(months["met"].mean()),
        "months_sure": float(months["sure"].mean()),
        "months_by_luck": float(binom.sf(needed, months["days"], accuracy).mean()),
    }
