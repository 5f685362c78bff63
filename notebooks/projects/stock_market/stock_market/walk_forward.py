"""Validation as in life: learn from the past, predict what comes, go on. And what a random split would have claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, TimeSeriesSplit

from mlworkbench.errors import WorkbenchError
from stock_market.candidates import fit, probability
from stock_market.features import LOOK_BACK


def splits(rows: int, folds: int = 5, window: int = 14, horizon: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows in time, with a gap, so that no day is both before the cut and after it.

    A row looks back over its window and its market features, and its answer lies ``horizon`` days ahead. The gap is
    as long as both: neither a feature nor an answer of the training part shares a day with the test part.

    Parameters
    ----------
    rows : int
        Days in order.
    folds : int, default 5
        Parts to predict, one after the other; the training part grows.
    window, horizon : int
        Of the features and of the answers, in days.

    Returns
    -------
    list of (train, test)
        Positions of rows.

    Raises
    ------
    WorkbenchError
        When there are too few rows for the folds.
    """
    gap = _gap(window, horizon)
    if rows // (folds + 1) <= gap:
        raise WorkbenchError(
            f"{rows} rows for {folds} folds with a gap of {gap} days between training and test.",
            f"at least {(folds + 1) * (gap + 1)} rows.",
            "Choose fewer folds, or longer data.",
        )
    return list(TimeSeriesSplit(n_splits=folds, gap=gap).split(np.arange(rows)))


def split_off(table: pd.DataFrame, holdout: int, window: int = 14) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off the last days, which no model learns from, with the same gap before them.

    Returns
    -------
    (before, held_out)
    """
    gap = _gap(window, 1)
    if not 0 < holdout < len(table) - gap:
        raise WorkbenchError(
            f"{holdout} days to hold out, of {len(table)} with a gap of {gap}.",
            f"1 to {len(table) - gap - 1}.",
            "Hold out fewer days, or take longer data.",
        )
    return table.iloc[: -(holdout + gap)], table.iloc[-holdout:]


def _gap(window: int, horizon: int) -> int:
    """Days that a row looks back over, and ahead: with so many between two rows they share not even a price."""
    return max(window, LOOK_BACK) + horizon


def walk_forward(
    table: pd.DataFrame, columns: list[str], model: str, *, folds: int = 5, window: int = 14, horizon: int = 1
) -> pd.DataFrame:
    """Predict each part of the table with a model that knows only what came before it.

    Parameters
    ----------
    table : pandas.DataFrame
        Features and ``answer``, a row a day in order, with ``event_timestamp``.
    columns : list of str
        The features to use.
    model : str
        Name of a candidate.
    folds, window, horizon : int
        As in `splits`.

    Returns
    -------
    pandas.DataFrame of shape (predicted days, 3), indexed by ``event_timestamp``
        ``probability`` of an up, ``answer``, and ``right`` at the threshold 0.5.
    """
    return _predicted(table, columns, model, splits(len(table), folds, window, horizon))


def leakage(
    table: pd.DataFrame,
    columns: list[str],
    model: str,
    *,
    folds: int = 5,
    window: int = 14,
    horizon: int = 1,
    seed: int = 0,
) -> pd.Series:
    """Measure what a random split claims beyond what the same model reaches under walk-forward validation.

    Returns
    -------
    pandas.Series
        ``walk_forward`` and ``random_split`` (accuracies), ``leakage``, their difference, and ``best_rule``: how often
        always up or always down, the better of them, is right. All of them on the same days: those walked.
    """
    cuts = KFold(folds, shuffle=True, random_state=seed).split(table)
    walked = walk_forward(table, columns, model, folds=folds, window=window, horizon=horizon)
    honest, ups = walked["right"].mean(), walked["answer"].mean()
    claimed = _predicted(table, columns, model, cuts)["right"].loc[walked.index].mean()
    numbers = {"walk_forward": honest, "random_split": claimed, "leakage": claimed - honest}
    return pd.Series({**numbers, "best_rule": max(ups, 1 - ups)})


def _predicted(table: pd.DataFrame, columns: list[str], model: str, cuts: object) -> pd.DataFrame:
    parts = []
    for train, test in cuts:
        learnt = fit(model, table[columns].iloc[train], table["answer"].iloc[train])
        said = probability(learnt, table[columns].iloc[test])
        parts.append(table[["event_timestamp", "answer"]].iloc[test].assign(probability=said))
    whole = pd.concat(parts).sort_values("event_timestamp").set_index("event_timestamp")
    return whole.assign(right=(whole["probability"] > 0.5) == whole["answer"])[["probability", "answer", "right"]]
