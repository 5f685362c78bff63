"""What the monitor of part 5 measures, computed again, and the files that `monitor.log` leaves in a run."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from mlcourse import run_files
from mlcourse.answers import same
from mlcourse.market import recomputed
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run


@cache
def of_a_year(first: str, last: str, watched: str) -> pd.DataFrame:
    """Drift of each month of a year against a calm reference. The prediction is any: drift is of the features."""
    days: Any = recomputed.by_day("sp500").assign(prediction=1)
    return by_month(days.loc[first:last], days.loc[watched])


def by_month(reference: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """What monitor.by_month gives: drift of each watched month, and how often the predictions are right.

    Evidently makes a page of each month, and takes a second for it; its measure is one line of SciPy.
    """
    import pandas as pd

    from stock_market import criterion, features, monitor

    rows, times = {}, pd.DatetimeIndex(current.index)
    for month, days in current.groupby(times.tz_localize(None).to_period("M")):
        moved = {f"drift_{name}": _moved(reference[name], days[name]) for name in features.MARKET}
        right = int((days["answer"] == days["prediction"]).sum())
        low, high = criterion.wilson(right, len(days))
        share = sum(value >= monitor.LIMIT for value in moved.values()) / len(moved)
        found = {"accuracy": right / len(days), "days": len(days), "accuracy_low": low, "accuracy_high": high}
        rows[month] = {**moved, "drift_share": share, **found}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="month")


def _moved(reference: pd.Series, current: pd.Series) -> float:
    """Wasserstein's distance, in standard deviations of the reference, as Evidently takes it."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(reference, current) / max(reference.std(ddof=0), 0.001))


def report(run: Run) -> None:
    """The run has the page of a report, which names every feature of the market."""
    from stock_market.features import MARKET

    run_files.artifact(run, "report.html", "`monitor.log`")
    page = run_files.text(run, "report.html")
    if "<html" not in page.lower() or any(name not in page for name in MARKET):
        raise NotYetError("report.html is no report on the features.", "Let `monitor.log` write it.")


def months(run: Run, expected: pd.DataFrame) -> None:
    """The run has a table of the months, with these numbers."""
    import pandas as pd

    run_files.artifact(run, "months.csv", "`monitor.log`")
    try:
        found = pd.read_csv(io.StringIO(run_files.text(run, "months.csv")), index_col="month")
        values = found[list(expected.columns)].astype(float)
    except Exception as error:  # whatever lies there is no table of months
        raise NotYetError("months.csv is no table of months.", "Let `monitor.log` write it.") from error
    if [str(month) for month in values.index] != [str(month) for month in expected.index]:
        raise NotYetError("months.csv is about other months.", "Let `monitor.log` write it.")
    for name in expected:
        if not all(map(same, values[name], expected[name].astype(float))):
            raise NotYetError(f"months.csv has another {name} than the watched days.", "Let `monitor.log` write it.")
