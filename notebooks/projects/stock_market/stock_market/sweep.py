"""The same comparison for many settings: on all cores of this machine, or on a cluster, by one word."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mlworkbench.notebooks.ray_cluster import ray_cluster
from stock_market import features, prices, walk_forward, windows
from stock_market.criterion import wilson

PACKAGE = Path(__file__).parent
"""What the workers of a cluster are sent, so that they know the functions of this project."""

COST = 0.0005
"""What a change between invested and not invested costs, as a part of the value: 5 basis points."""


def table(
    series: Mapping[str, pd.DataFrame], symbol: str = "sp500", window: int = 14, horizon: int = 1
) -> pd.DataFrame:
    """Features and answers of every day, without a feature store: what a sweep needs again and again.

    Returns
    -------
    pandas.DataFrame
        As `features.features`, with ``answer`` and without the VIX.
    """
    close = series[symbol]["close"]
    known = windows.answers(close, horizon)
    known.index = features.known_at(known.index)
    rows = features.features(series, symbol, window).drop(columns=features.VIX)
    return rows.join(known, on="event_timestamp").dropna(subset=["answer"]).astype({"answer": "int64"})


def score(
    series: Mapping[str, pd.DataFrame],
    window: int,
    model: str,
    thresholds: Sequence[float],
    *,
    symbol: str = "sp500",
    group: str = "rich",
    folds: int = 5,
    cost: float = COST,
) -> list[dict[str, object]]:
    """One cell of the sweep: a model on windows of a length, judged at several thresholds.

    Returns
    -------
    list of dict
        A row a threshold: ``window``, ``model``, ``threshold``, ``accuracy`` with ``low`` and ``high``, ``days``,
        ``invested`` (part of the days), ``return_a_year`` of being invested when the probability is above the
        threshold, after costs, and ``hold_a_year`` of being invested always.
    """
    rows = table(series, symbol, window)
    said = walk_forward.walk_forward(rows, features.columns(group, window), model, folds=folds, window=window)
    moves = np.log(series[symbol]["close"]).diff().shift(-1)
    moves.index = features.known_at(moves.index)
    moves = moves.reindex(said.index)
    setting = {"window": window, "model": model}
    return [setting | _judged(said, moves, threshold, cost) for threshold in thresholds]


def _judged(said: pd.DataFrame, moves: pd.Series, threshold: float, cost: float) -> dict[str, float]:
    """What acting at a threshold would have been right, and worth."""
    up = said["probability"] > threshold
    right = up == said["answer"]
    low, high = wilson(int(right.sum()), len(right))
    kept = (moves * up).sum() - cost * up.astype(int).diff().abs().sum()
    return {
        "threshold": threshold,
        "accuracy": float(right.mean()),
        "low": low,
        "high": high,
        "days": len(right),
        "invested": float(up.mean()),
        "return_a_year": float(np.expm1(252 * kept / len(right))),
        "hold_a_year": float(np.expm1(252 * moves.mean())),
    }


def sweep(
    lengths: Sequence[int] = (7, 14, 28),
    models: Sequence[str] = ("logistic", "forest", "xgboost"),
    thresholds: Sequence[float] = (0.5, 0.52, 0.55),
    *,
    symbol: str = "sp500",
    folds: int = 5,
    n_jobs: int = -1,
    backend: str = "loky",
    ray_address: str | None = None,
) -> pd.DataFrame:
    """Score every combination, in parallel.

    Parameters
    ----------
    lengths, models, thresholds, symbol, folds
        What is combined, and the rest of what `score` takes.
    n_jobs : int, default -1
        How many at once; all cores by default.
    backend : {'loky', 'ray'}
        Processes of this machine, or workers of a Ray cluster.
    ray_address : str, optional
        Of the cluster, which is sent this package; by default Ray starts one here.

    Returns
    -------
    pandas.DataFrame
        A row a combination, in the order of the arguments, as `score` returns them: the same on every backend.
    """
    import joblib

    series = {name: prices.checked(found) for name, found in prices.load_with_companions(symbol).items()}
    cells = itertools.product(lengths, models)
    cluster = ray_cluster(ray_address, package=str(PACKAGE)) if backend == "ray" else contextlib.nullcontext()
    with cluster, joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        found = joblib.Parallel()(
            joblib.delayed(score)(series, window, model, thresholds, symbol=symbol, folds=folds)
            for window, model in cells
        )
    return pd.DataFrame([row for rows in found for row in rows])
