"""Send the numbers of the monitor to AWS CloudWatch, where alarms and pages of an operations team live."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from stock_market.monitor import alerts

NAMESPACE = "StockMarket"
MOST = 1000
"""The most numbers that CloudWatch takes in one call."""


def export(months: pd.DataFrame, *, model: str, namespace: str = NAMESPACE, client: Any = None) -> int:
    """Put every number of every month into CloudWatch, and whether the last month is an alert.

    CloudWatch refuses points that are older than two weeks. A monitor that runs every month sends the last one, so
    each point is sent as of now, and the month that it is about is a dimension. ``alert`` (0 or 1) has the model as
    its only dimension: an alarm watches one metric, and looks back a week at most, so that the rule has to stay here.

    Parameters
    ----------
    months : pandas.DataFrame
        As `stock_market.monitor.by_month` returns it.
    model : str
        Which model they are about, as a dimension.
    namespace : str
        Of the metrics in CloudWatch.
    client : boto3 client, optional
        Of ``cloudwatch``; by default made from the environment (``AWS_REGION``, credentials, ``AWS_ENDPOINT_URL``).

    Returns
    -------
    int
        How many points were sent; numbers that are not finite are left out, CloudWatch refuses them.
    """
    import boto3

    client = client or boto3.client("cloudwatch")
    points = [
        _point(str(name), value, Model=model, Month=str(month))
        for month, row in months.select_dtypes("number").iterrows()
        for name, value in row.items()
        if np.isfinite(value)
    ]
    points.append(_point("alert", months.index[-1] in alerts(months).index, Model=model))
    for begin in range(0, len(points), MOST):
        client.put_metric_data(Namespace=namespace, MetricData=points[begin : begin + MOST])
    return len(points)


def _point(name: str, value: float, **dimensions: str) -> dict[str, Any]:
    named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    return {"MetricName": name, "Dimensions": named, "Timestamp": dt.datetime.now(dt.UTC), "Value": float(value)}
