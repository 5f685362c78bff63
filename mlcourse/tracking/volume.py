"""The check of lesson 1.2: what was logged about the volume, compared with the prices."""

from __future__ import annotations

import json
from typing import Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import shown
from mlcourse.tracking import lesson_data
from mlworkbench.tasks import NotYetError

TWO_DIGITS = 0.0051
YEARS = range(1999, 2019)  # of the S&P 500 data
LEAST_VOLUME, MOST_VOLUME = 0.1, 10  # billions of shares a day


def logged_volume(run_id: Any) -> str:
    """Lesson 1.2: parameter, stepped metric, table and data set of the volume.

    Recomputed: the mean volume of each year, and the number of days.
    Cross-examined: metric and table against it; years, columns, context.
    """
    run = logged_runs.run_in("1.2 logging", run_id)
    column = logged_runs.parameter(run, "column")
    if column != "volume":
        raise NotYetError(f"The parameter column is {shown(column)}.", "Log it as 'volume'.")
    logged_runs.metric(run, "mean_volume", LEAST_VOLUME, MOST_VOLUME)
    history = logged_runs.metric_history(run, "mean_volume", 5)
    _every_year({point.step for point in history})
    table = run_files.table(run, "volume.json", {"year", "mean_volume"})
    _billions(table["mean_volume"])
    used = logged_runs.data_set(run, "analysis")
    _means({point.step: point.value for point in history}, "the metric mean_volume")
    _means(dict(zip(table["year"], table["mean_volume"], strict=True)), "volume.json")
    if (found := json.loads(used.profile or "{}").get("num_rows")) != lesson_data.days():
        raise NotYetError(
            f"The data set has {found} rows, the daily prices have {lesson_data.days()}.", "Log prices, all of it."
        )
    return f"The volume of {len(YEARS)} years, its table and its data set are in the store."


def _means(found: dict[Any, float], where: str) -> None:
    """Each year has its mean volume."""
    expected = lesson_data.volume()
    for year, value in found.items():
        if int(year) in expected.index and abs(value - expected[int(year)]) > TWO_DIGITS:
            raise NotYetError(
                f"In {where}, {int(year)} has {value:.3f}; the mean volume of its days is {expected[int(year)]:.3f}.",
                "prices['volume'].groupby(prices.index.year).mean() / 1e9.",
            )


def _every_year(steps: set[int]) -> None:
    """The steps are the years of the data."""
    if not steps <= set(YEARS):
        raise NotYetError(
            f"The steps of mean_volume go from {min(steps)} to {max(steps)}.",
            f"Log each mean with its year as the step; the data have the years {YEARS[0]} to {YEARS[-1]}.",
        )
    if len(steps) < len(YEARS):
        raise NotYetError(f"mean_volume has {len(steps)} of {len(YEARS)} years.", "Log one step for each year.")


def _billions(values: Any) -> None:
    """The values of a column of volumes are in billions of shares."""
    import pandas as pd

    told = pd.to_numeric(values, errors="coerce")
    bad = told[~told.between(LEAST_VOLUME, MOST_VOLUME)]
    if len(bad):
        raise NotYetError(
            f"The column mean_volume of the table holds {bad.iloc[0]:.3g}.", "Give billions of shares: divide by 1e9."
        )
