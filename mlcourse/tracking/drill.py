"""What task 11 of part 1 begins with: a search that was killed, started again, and counted some settings twice."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING

from mlcourse.tracking import cancer

if TYPE_CHECKING:
    from mlflow.entities import Run

NIGHT = "night"
DEPTHS, SEEDS = (1, 2, 3, 5), (1, 2, 3)


def bad_night() -> Run:
    """Log a search, a run for each setting, as a night left it in which the computer was started anew.

    Returns
    -------
    Run
        The parent. Which settings are there twice is another matter of luck each time.
    """
    import mlflow

    once = list(product(DEPTHS, SEEDS))
    cut = max(DEPTHS), random.choice(SEEDS)  # noqa: S311 (no secret); of the best depth, so that its mean is wrong
    twice, late = random.sample([setting for setting in once if setting != cut], 2)
    with mlflow.start_run(run_name=NIGHT) as night:
        _measure(*cut, folds=random.choice((2, 3)), status="KILLED")  # noqa: S311 (no secret)
        for setting in once:
            _measure(*setting, status="KILLED" if setting == late else "FINISHED")
        _measure(*twice)
    return night


def _measure(depth: int, seed: int, folds: int = cancer.FOLDS, status: str = "FINISHED") -> None:
    """Log a run of a setting that went as far as this many folds; its mean is brought up to date after each."""
    import mlflow

    scores = cancer.seeded_folds(depth, seed)[:folds]
    with mlflow.start_run(nested=True) as run:
        mlflow.log_params({"max_depth": depth, "random_state": seed})
        for step, score in enumerate(scores):
            mlflow.log_metric("fold_accuracy", score, step=step)
            mlflow.log_metric("cv_mean", sum(scores[: step + 1]) / (step + 1), step=step)
    mlflow.MlflowClient().set_terminated(run.info.run_id, status)
