"""The check of task 7 of the assignment of part 5: months under the monitor, measured again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import same, shown
from mlcourse.market import monitored, recomputed
from mlcourse.market.own_project import own_run, ups
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

FEWEST_WATCHED = 3
FEWEST_CALM, MOST_CALM, TOO_GOOD = 180, 550, 0.8


def watched(symbol: Any, run: Any, reference: Any, current: Any, first_alert: Any) -> str:
    """Task 7: months of monitoring as metrics over time, and the first alert.

    Recomputed: the features and answers of the days, how calm the reference is, drift and accuracy of each month, and
    the first alert.
    Cross-examined: months and steps; months.csv against the tables; days without a gap; predictions that are the
    answers.
    Plausible: report.html is a page that names every feature.
    Not checked: which rule or model has made each prediction; other metrics and other parameters, which monitor.log
    writes; the windows day_* of the days, which no drift is measured of, and their symbol; a row less at the end of
    reference, which moves no number by 0.001; other columns of months.csv.
    """
    ups(symbol)
    mine = own_run(run, symbol)
    for name, days in (("reference", reference), ("current", current)):
        _of_the_index(days, name, symbol)
    months = current.index.tz_localize(None).to_period("M").unique()
    if len(months) < FEWEST_WATCHED or (months[-1] - months[0]).n + 1 != len(months):
        raise NotYetError(f"You watch {', '.join(map(str, months[:6]))}.", "Watch at least three months in a row.")
    _in_a_row(symbol, reference=reference, current=current)
    if reference.index.max() >= current.index.min():
        raise NotYetError("The reference does not end before the watched days begin.", "Take a calm time before them.")
    steps = [point.step for point in logged_runs.metric_history(mine, "drift_share", 1)]
    if steps != [month.year * 100 + month.month for month in months]:
        raise NotYetError(
            f"The steps go from {steps[0]} to {steps[-1]}, the watched months from {months[0]} to {months[-1]}.",
            "Let monitor.log write these months, as in 200810 for October 2008.",
        )
    monitored.report(mine)
    _calm(reference, symbol)
    _foretold(reference, current)
    logged = _measured(mine, reference, current)
    if str(first_alert) != logged:
        raise NotYetError(f"first_alert is {shown(first_alert)}.", "Read the run's tag alert: a month, or 'none'.")
    return f"{len(months)} months were watched; first alert: {logged}."


def _calm(reference: pd.DataFrame, symbol: str) -> None:
    """The reference has one or two years, in which prices moved less than they mostly did."""
    if not FEWEST_CALM <= len(reference) <= MOST_CALM:
        raise NotYetError(f"The reference has {len(reference)} days.", "Take one or two years.")
    found, usual = reference["return_1"].std(), recomputed.by_day(symbol)["return_1"].std()
    if found > usual:
        raise NotYetError(
            f"On the days of the reference the return spreads by {found:.2g}, on all days by {usual:.2g}.",
            "Choose a calm time as the reference.",
        )


def _foretold(*tables: pd.DataFrame) -> None:
    """Predictions that were made the evening before are not all right."""
    for days in tables:
        right = float((days["prediction"].astype(bool) == days["answer"].astype(bool)).mean())
        if right > TOO_GOOD:
            raise NotYetError(
                f"The predictions are right on {right:.2f} of the days, as if they had been told the answer.",
                "Give what the best rule of task 2, or a model of yours, said of each day.",
            )


def _of_the_index(days: Any, name: str, symbol: str) -> None:
    """A table holds days of the index with a prediction, indexed by time."""
    import numpy as np
    import pandas as pd

    from stock_market.features import MARKET

    seen = [*MARKET, "answer"]

    if not isinstance(days, pd.DataFrame) or not isinstance(days.index, pd.DatetimeIndex) or days.empty:
        raise NotYetError(f"{name} is no table indexed by time.", "days.loc['2005':'2006'] takes two years of it.")
    if missing := sorted({*seen, "prediction"} - set(days.columns)):
        raise NotYetError(f"{name} has no column {', '.join(missing)}.", "Add prediction with .assign(prediction=…).")
    if not np.allclose(days[seen].astype(float), recomputed.by_day(symbol)[seen].reindex(days.index)):
        raise NotYetError(f"{name} does not hold days of {symbol}.", f"Take them from sweep.table(series, {symbol!r}).")
    if not days["prediction"].isin([0, 1]).all():
        raise NotYetError(f"A prediction of {name} is neither 0 nor 1.", "Give what was said of each day, up or not.")


def _in_a_row(symbol: str, **tables: pd.DataFrame) -> None:
    """No day is left out between the first and the last of each table."""
    for name, days in tables.items():
        every = recomputed.by_day(symbol).loc[days.index.min() : days.index.max()]
        if not days.index.sort_values().equals(every.index):
            raise NotYetError(
                f"{name} has {len(days)} rows; from its first day to its last {symbol} has {len(every)}.",
                "Take all days in a row: days.loc['2008-08':'2008-11'].",
            )


def _measured(run: Run, reference: pd.DataFrame, current: pd.DataFrame) -> str:
    """The run has drift and accuracy of each month; returns the first month with an alert."""
    from stock_market.monitor import alerts

    months = monitored.by_month(reference, current)
    for name in ("drift_share", "accuracy"):
        found = [point.value for point in logged_runs.metric_history(run, name, len(months))]
        for month, value, expected in zip(months.index, found, months[name], strict=False):
            if not same(value, float(expected)):
                raise NotYetError(
                    f"{name} of {month} is {value:.3f}; computed again from your tables it is {expected:.3f}.",
                    "Give monitor.by_month and monitor.log the tables that you give here.",
                )
    right = alerts(months)
    monitored.months(run, months[["drift_share", "accuracy", "days"]])
    expected, tag = (str(right.index[0]) if len(right) else "none"), run.data.tags.get("alert", "")
    if tag.partition(":")[0] != expected:
        raise NotYetError(f"The tag alert is {shown(tag)}.", "Let monitor.log write it.")
    return expected
