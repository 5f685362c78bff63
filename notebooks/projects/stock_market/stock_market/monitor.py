"""Watch the model month by month: has the market changed, is the model still right, and when is it time to act?"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlworkbench.errors import WorkbenchError
from stock_market.criterion import wilson
from stock_market.features import MARKET

if TYPE_CHECKING:
    from evidently.core.report import Snapshot
    from mlflow.entities import Run

METHOD, LIMIT = "wasserstein", 1.0
"""A feature has drifted when its distribution has moved by a standard deviation of the reference.

Evidently's default for so few rows, a Kolmogorov-Smirnov test at 5 %, finds drift in half of the calm months too:
features that look back over 20 days hardly vary within a month, so that a month is always unlike two years.
"""

SHARE = 0.5
IN_A_ROW = 2


def report(reference: pd.DataFrame, current: pd.DataFrame, *, method: str = METHOD, limit: float = LIMIT) -> Snapshot:
    """Let Evidently compare days with a calm reference: drift of the features, and quality of the predictions.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        Days with the features of `MARKET`, ``answer`` and ``prediction`` (0 or 1).
    method, limit
        When a feature has drifted: Evidently's name of a measure, and its limit.

    Returns
    -------
    evidently.core.report.Snapshot
        ``.dict()`` for the numbers, ``.save_html(path)`` for a page of 4 MB.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what its imports use
        from evidently.presets import ClassificationPreset, DataDriftPreset

    moved = DataDriftPreset(columns=MARKET, num_method=method, num_threshold=limit)
    return _run([moved, ClassificationPreset()], reference, current)


def _run(metrics: list[Any], reference: pd.DataFrame, current: pd.DataFrame) -> Snapshot:
    from evidently import BinaryClassification, DataDefinition, Dataset, Report

    definition = DataDefinition(
        numerical_columns=MARKET,
        classification=[BinaryClassification(target="answer", prediction_labels="prediction")],
    )
    given = [
        Dataset.from_pandas(days[[*MARKET, "answer", "prediction"]].reset_index(drop=True), data_definition=definition)
        for days in (current, reference)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of precision, where a model never says one of the two answers
        return Report(metrics).run(*given)


def drift(reference: pd.DataFrame, current: pd.DataFrame, *, method: str = METHOD, limit: float = LIMIT) -> pd.Series:
    """How far the features have moved, by Evidently, without the pictures of `report`, which take most of its time.

    Returns
    -------
    pandas.Series of float
        ``drift_share``, the part of the features that drifted, and ``drift_<feature>`` of each.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what its imports use
        from evidently.metrics import DriftedColumnsCount, ValueDrift

    share = DriftedColumnsCount(columns=MARKET, num_method=method, num_threshold=limit)
    each = [ValueDrift(column=name, method=method, threshold=limit) for name in MARKET]
    values = [metric["value"] for metric in _run([share, *each], reference, current).dict()["metrics"]]
    found = dict(zip(MARKET, values[1:], strict=True)) | {"share": values[0]["share"]}
    return pd.Series(found, dtype=float).add_prefix("drift_")


def by_month(reference: pd.DataFrame, current: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """The numbers of each month.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        As for `report`, indexed by time.
    **options
        ``method`` and ``limit``, as for `report`.

    Returns
    -------
    pandas.DataFrame of shape (months, 14), indexed by ``month``
        ``drift_share`` (of the features), ``drift_<feature>``, ``accuracy`` with its interval, and ``days``.
    """
    if missing := {*MARKET, "answer", "prediction"} - ({*reference.columns} & {*current.columns}):
        raise WorkbenchError(
            f"days without {', '.join(sorted(missing))}.",
            "the features of the market, the answer and the prediction of each day.",
            "Add the predictions with .assign(prediction=…), to both tables.",
        )
    rows = {}
    for month, days in current.groupby(current.index.tz_localize(None).to_period("M")):
        right = int((days["answer"] == days["prediction"]).sum())
        low, high = wilson(right, len(days))
        rows[month] = {
            **drift(reference, days, **options),
            "accuracy": right / len(days),
            "days": len(days),
            "accuracy_low": low,
            "accuracy_high": high,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="month")


def alerts(months: pd.DataFrame, *, share: float = SHARE, in_a_row: int = IN_A_ROW) -> pd.Series:
    """Say in which months somebody has to look.

    Parameters
    ----------
    months : pandas.DataFrame
        As `by_month` returns it.
    share : float
        Part of the features that must have drifted.
    in_a_row : int
        In so many months in a row: one wild month is no new world.

    Returns
    -------
    pandas.Series of str, indexed by ``month``
        The reason; only months with an alert.
    """
    drifted = (months["drift_share"] >= share).astype(int).rolling(in_a_row).sum() == in_a_row
    worse = months["accuracy_high"] < 0.5  # the whole interval: surely worse than a coin
    reasons = pd.Series(np.where(worse, "worse than a coin", np.where(drifted, "drift", "")), months.index)
    return reasons[reasons != ""].rename("reason")


def log(reference: pd.DataFrame, current: pd.DataFrame, months: pd.DataFrame) -> None:
    """Log to the active run: a metric for each number with a step a month, the table, and one report on all days.

    Steps are months as MLflow's axis can show them: 200801 for January 2008. The parameters ``reference`` and
    ``current`` say which days were compared.
    """
    import mlflow

    import mlworkbench as wb

    steps = [month.year * 100 + month.month for month in months.index]
    wb.log_history(months.astype(float), step=steps)
    spans = {"reference": reference.index, "current": current.index}
    mlflow.log_params({name: f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}" for name, days in spans.items()})
    found = alerts(months)
    mlflow.log_metric("alerts", len(found))
    mlflow.set_tag("alert", f"{found.index[0]}: {found.iloc[0]}" if len(found) else "none")
    mlflow.log_text(months.assign(alert=found).to_csv(), "months.csv")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        report(reference, current).save_html(str(path))
        mlflow.log_artifact(str(path))


def respond(found: pd.Series, project: str | Path, **parameters: Any) -> Run | None:
    """On an alert, run the pipeline again with all that was known at the end of that month; its gate decides.

    Parameters
    ----------
    found : pandas.Series
        As `alerts` returns it.
    project : path
        Folder of the project.
    **parameters
        Of its entry point ``main``.

    Returns
    -------
    mlflow.entities.Run or None
        The run of the pipeline; its tag ``decision`` says whether a version was promoted. None without an alert.
    """
    import mlworkbench as wb

    if found.empty:
        return None
    until = found.index[0].end_time.date().isoformat()
    return wb.run_project(project, until=until, **parameters)
