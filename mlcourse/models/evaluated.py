"""What an evaluation of a model has to have logged, computed again from its predictions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlcourse.answers import apart
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run


def of_regressor(truth: Any, predicted: Any) -> dict[str, float]:
    """The usual metrics of a regressor under MLflow's names."""
    errors = predicted - truth
    squared, variance = float((errors**2).mean()), float(((truth - truth.mean()) ** 2).mean())
    return {
        "example_count": len(truth),
        "max_error": float(abs(errors).max()),
        "mean_absolute_error": float(abs(errors).mean()),
        "mean_absolute_percentage_error": float(abs(errors / truth).mean()),
        "mean_on_target": float(truth.mean()),
        "mean_squared_error": squared,
        "r2_score": 1 - squared / variance,
        "root_mean_squared_error": math.sqrt(squared),
        "sum_on_target": float(truth.sum()),
    }


def of_classifier(truth: Any, predicted: Any) -> dict[str, float]:
    """The metrics of a classifier of 0 and 1 that need no probabilities, under MLflow's names."""
    from sklearn import metrics

    negative, alarms, missed, found = (float(n) for n in metrics.confusion_matrix(truth, predicted).ravel())
    return {
        "accuracy_score": float(metrics.accuracy_score(truth, predicted)),
        "example_count": len(truth),
        "f1_score": float(metrics.f1_score(truth, predicted)),
        "false_negatives": missed,
        "false_positives": alarms,
        "precision_score": float(metrics.precision_score(truth, predicted, zero_division=0)),
        "recall_score": float(metrics.recall_score(truth, predicted)),
        "true_negatives": negative,
        "true_positives": found,
    }


def as_computed(run: Run, expected: dict[str, float]) -> None:
    """A run has these metrics, with these values."""
    for name, value in expected.items():
        if name not in run.data.metrics:
            raise NotYetError(
                f"The run {run.info.run_name!r} has no {name}.", "Let mlflow.models.evaluate log all of its metrics."
            )
        if not agree(run.data.metrics[name], value):
            found, right = apart(run.data.metrics[name], value)
            raise NotYetError(
                f"{name} of the run {run.info.run_name!r} is {found}; on the test rows it is {right}.",
                "Evaluate the model on the test rows, and log nothing over it.",
            )


def agree(found: float, expected: float) -> bool:
    """The same number, as far as another machine computes the same."""
    return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)
