"""The gate: is a model surely better than the best heuristic, on days that nobody has learnt from?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import mlworkbench as wb
from stock_market.criterion import gain
from stock_market.heuristics import HEURISTICS, scores

if TYPE_CHECKING:
    import pandas as pd

    from mlworkbench import Verdict

MARGIN = 0.01


class Decisions:
    """What the model at an address decides for rows with all features, without asking the feature store.

    The same code as in the server: its ``probabilities``, at the threshold 0.5.
    """

    def __init__(self, model_uri: str) -> None:
        import mlflow

        self.model_uri_of = model_uri
        self._model = mlflow.pyfunc.load_model(model_uri, model_config={"store": ""}).unwrap_python_model()

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        return (self._model.probabilities(frame) > 0.5).astype(int)

    def __str__(self) -> str:
        return self.model_uri_of


def judge(model_uri: str, holdout: pd.DataFrame) -> tuple[Verdict, str]:
    """Let `mlworkbench.validate` decide between a model and the heuristic that is best on the same days.

    The model must be right on one day in a hundred more, and the interval of its gain must not reach below zero.

    Parameters
    ----------
    model_uri : str
        What `stock_market.serving.log_served` logged.
    holdout : pandas.DataFrame
        Features and ``answer`` of days that came after all that it learnt from.

    Returns
    -------
    (mlworkbench.Verdict, str)
        The verdict, and the name of the heuristic.
    """
    from mlflow.models import MetricThreshold, make_metric

    best = str(scores(holdout).index[0])
    rule = HEURISTICS[best]
    answers, theirs = holdout["answer"].to_numpy(), rule(holdout)

    def gain_low(predictions: pd.Series, targets: pd.Series, metrics: object) -> float:
        return gain(predictions.to_numpy(), theirs, answers)[0]

    thresholds = {
        "accuracy_score": MetricThreshold(min_absolute_change=MARGIN, greater_is_better=True),
        "gain_low": MetricThreshold(threshold=0.0, greater_is_better=True),
    }
    numbers = holdout.select_dtypes("number")
    metrics = [make_metric(eval_fn=gain_low, name="gain_low", greater_is_better=True)]
    verdict = wb.validate(
        Decisions(model_uri), rule, numbers, target="answer", thresholds=thresholds, extra_metrics=metrics
    )
    return verdict, best
