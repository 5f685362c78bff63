"""The success criterion: right on more than 60 % of the days of a month, with what can be known about it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlworkbench.errors import WorkbenchError

WANTED = 0.6
MONTHS_WANTED = 0.5
"""Part of the months that must meet the criterion: what a true accuracy of 60 % gives."""

Z = 1.96  # of the normal distribution, for 95 %


def wilson(right: int, days: int) -> tuple[float, float]:
    """Wilson's interval: where the true accuracy lies with 95 %, after being right on some of the days.

    Examples
    --------
    >>> low, high = wilson(13, 21)  # a good month says little: 41 to 79 %
    """
    from scipy.stats import binomtest

    if days == 0:
        return 0.0, 1.0
    interval = binomtest(int(right), int(days)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


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
        whole interval is above 60 %). Of 240 months, about one is ``sure`` by luck alone.
    """
    if not isinstance(right, pd.Series) or not isinstance(right.index, pd.DatetimeIndex):
        raise WorkbenchError(
            f"right is a {type(right).__name__} with a {type(right.index).__name__}.",
            "a column of True and False, indexed by dates.",
            "Compare two columns that are indexed by day: table.set_index('event_timestamp').",
        )
    months = right.groupby(right.index.tz_localize(None).to_period("M").rename("month")).agg(["size", "sum"])
    table = months.rename(columns={"size": "days"})
    table["accuracy"] = table["sum"] / table["days"]
    bounds = [wilson(int(row["sum"]), int(row["days"])) for _, row in table.iterrows()]
    table[["low", "high"]] = np.array(bounds).reshape(-1, 2)
    table["met"], table["sure"] = table["accuracy"] > WANTED, table["low"] > WANTED
    return table.drop(columns="sum")


def summary(right: pd.Series, *, against: float) -> dict[str, float]:
    """Numbers for a run: accuracy with its interval, and the part of months that meet the criterion.

    Parameters
    ----------
    right : pandas.Series of bool
        As for `by_month`.
    against : float
        Accuracy of the best rule on the same days. ``months_by_luck`` is the part of months that a coin would meet
        which falls right so often: without any skill beyond the rule.
    """
    from scipy.stats import binom

    months = by_month(right)
    low, high = wilson(int(right.sum()), len(right))
    needed = np.floor(WANTED * months["days"] + 1e-9)  # more than that
    return {
        "accuracy": float(right.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "months": len(months),
        "months_met": float(months["met"].mean()),
        "months_sure": float(months["sure"].mean()),
        "months_by_luck": float(binom.sf(needed, months["days"], against).mean()),
    }


def gain(ours: np.ndarray, theirs: np.ndarray, answers: np.ndarray) -> tuple[float, float, float]:
    """How much more often ours is right, day by day on the same days, with an interval.

    Returns
    -------
    (low, middle, high)
        Difference of the accuracies and its interval of 95 %.
    """
    difference = (np.asarray(ours) == answers).astype(int) - (np.asarray(theirs) == answers).astype(int)
    middle, half = difference.mean(), Z * difference.std() / np.sqrt(len(difference))
    return float(middle - half), float(middle), float(middle + half)


def reached(months_met: float, gain_low: float) -> bool:
    """The whole target: the criterion is met in half of the months, and the interval of the gain lies above 0."""
    return months_met >= MONTHS_WANTED and gain_low > 0
