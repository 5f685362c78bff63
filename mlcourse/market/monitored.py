"""What checks look at in the files that `monitor.log` leaves in a run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mlcourse import run_files
from mlcourse.answers import same
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run


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
    except (ValueError, KeyError) as error:
        raise NotYetError("months.csv is no table of months.", "Let `monitor.log` write it.") from error
    if [str(month) for month in values.index] != [str(month) for month in expected.index]:
        raise NotYetError("months.csv is about other months.", "Let `monitor.log` write it.")
    for name in expected:
        if not all(map(same, values[name], expected[name].astype(float))):
            raise NotYetError(f"months.csv has another {name} than the watched days.", "Let `monitor.log` write it.")
