"""Checks of scores: where a number comes from, and whether it is the one that should be reported."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mlcourse.answers import apart, same
from mlcourse.logged_runs import metric, metric_history
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run


def autologged_alone(run: Run, estimator: str) -> None:
    """A run with everything that scikit-learn's autologging records, without a model and without doubled scores."""
    trained = run.data.tags.get("estimator_name")
    if trained is None and _by_hand(run, estimator):
        trained = estimator
    if trained is None and any(name.startswith("training_") for name in run.data.metrics):
        raise NotYetError(
            f"The run has training scores, but only {len(run.data.params)} parameter(s).",
            "One was logged by hand before fit, and autologging lost the rest. Leave its names to autologging.",
        )
    if trained is None:
        raise NotYetError("The run was not autologged.", "Call mlflow.sklearn.autolog(…) before fit.")
    if trained != estimator:
        raise NotYetError(f"The run trained a {trained}.", f"Train a {estimator}.")
    doubled = [name for name in run.data.metrics if re.search(r"_(X_test|unknown_dataset)(-\d+)?$|_score_", name)]
    doubled = [name for name in doubled if not name.startswith("training_")]
    if doubled:
        raise NotYetError(f"Scores are logged twice: {', '.join(doubled)}.", "Use log_post_training_metrics=False.")
    if run.outputs and run.outputs.model_outputs:
        raise NotYetError("The run stored a model.", "Use log_models=False.")


def _by_hand(run: Run, estimator: str) -> bool:
    """All settings of the estimator are there although they were logged by hand before fit: nothing is lost."""
    from sklearn.utils import all_estimators

    kind = dict(all_estimators("classifier"))[estimator]
    return set(kind().get_params()) <= set(run.data.params) and "training_score" in run.data.metrics


def trained_on(run: Run, rows: int) -> None:
    """Where autologging has named the data that `fit` saw, they have as many rows as the training data."""
    for item in run.inputs.dataset_inputs if run.inputs else ():
        profile = json.loads(item.dataset.profile or "{}")
        shape = profile.get("features_shape") or profile.get("shape") or [profile.get("num_rows", rows)]
        if {"train"} <= {tag.value for tag in item.tags} and shape[0] != rows:
            raise NotYetError(f"The model was trained on {shape[0]} rows.", f"Fit it on X_train, which has {rows}.")


def autologging_is_off() -> None:
    """Autologging does not go on after the answer."""
    from mlflow.utils.autologging_utils import autologging_is_disabled

    if not autologging_is_disabled("sklearn"):
        raise NotYetError("Autologging is still on.", "Call `mlflow.sklearn.autolog` once more, with disable=True.")


def reports_the_mean(reported: float, means: list[float], children: list[Run]) -> None:
    """The number reported for a search is the largest mean, not the luckiest fold or anything else."""
    if same(reported, max(means)):
        return
    folds = [child.data.metrics["best_fold"] for child in children if "best_fold" in child.data.metrics]
    if folds and same(reported, max(folds)):
        raise NotYetError(f"{reported:.3f} is the best fold of a trial.", "Report the largest cv_mean instead.")
    told, wanted = apart(reported, max(means))
    raise NotYetError(f"The parent reports {told}.", f"Report the largest cv_mean of its children, {wanted}.")


def folds_of(run: Run, folds: int) -> list[float]:
    """Scores of the folds, so many and no more."""
    values = [float(point.value) for point in metric_history(run, "fold_accuracy", folds)]
    if len(values) > folds:
        raise NotYetError(f"fold_accuracy has {len(values)} points.", f"Log one for each of the {folds} folds.")
    return values


def mean_of_folds(run: Run, folds: int) -> float:
    """Mean of the logged folds; ``cv_mean`` must be that mean, and not the best fold."""
    values = folds_of(run, folds)
    mean, reported = sum(values) / len(values), metric(run, "cv_mean", 0, 1)
    if same(reported, mean):
        return mean
    if same(reported, max(values)):
        raise NotYetError(f"cv_mean is {reported:.3f}, the best fold.", "Log the mean of the folds: scores.mean().")
    told, wanted = apart(reported, mean)
    raise NotYetError(f"cv_mean is {told}, but the mean of the logged folds is {wanted}.", "Log that mean.")
