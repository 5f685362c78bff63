"""Send the numbers of the monitor to AWS CloudWatch, where alarms and pages of an operations team live."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

NAMESPACE = "StockMarket"
MOST = 1000
"""The most numbers that CloudWatch takes in one call."""


def export(months: pd.DataFrame, *, model: str, namespace: str = NAMESPACE, client: Any = None) -> int:
    """Put every number of every month into CloudWatch.

    CloudWatch refuses points that are older than two weeks. A monitor that runs every month sends the last one, so
    each point is sent as of now, and the month that it is about is a dimension.

    Parameters
    ----------
    months : pandas.DataFrame
        As `stock_market.monitor.by_month` returns it.
    model : str
        Which model they are about, as a dimension: ``up_tomorrow/3``.
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
    now = dt.datetime.now(dt.UTC)
    points = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Model", "Value": model}, {"Name": "Month", "Value": str(month)}],
            "Timestamp": now,
            "Value": float(value),
        }
        for month, row in months.select_dtypes("number").iterrows()
        for name, value in row.items()
        if np.isfinite(value)
    ]
    for begin in range(0, len(points), MOST):
        client.put_metric_data(Namespace=namespace, MetricData=points[begin : begin + MOST])
    return len(points)
