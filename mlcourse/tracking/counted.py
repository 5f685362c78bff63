"""The check of task 11 of part 1: a search in which some settings were counted twice."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import apart, number, same, shown
from mlcourse.tracking import cancer, drill, scores
from mlcourse.tracking.search import EXPERIMENT
from mlworkbench.tasks import NotYetError

Setting = tuple[int, int]


def counted_once(parent_run_id: Any, max_depth: Any, mean: Any) -> str:
    """Task 11: what was logged twice is deleted, and the rest says which depth is the best.

    Recomputed: the five scores of each setting, the mean of each depth, and which is the best.
    Cross-examined: the settings of the children, and their times against that of the night.
    Not checked: which of two equal runs is kept.
    """
    night = logged_runs.run_in(EXPERIMENT, parent_run_id, "parent_run_id")
    logged_runs.named(night, drill.NIGHT)
    kept = _by_setting(logged_runs.children(night))
    _something_deleted(night, sum(map(len, kept.values())))
    for setting in product(drill.DEPTHS, drill.SEEDS):
        _once(night, setting, kept.pop(setting, []))
    if kept:
        raise NotYetError(f"{_told(next(iter(kept)))} was no setting of that night.", "Delete what you have added.")
    means = {depth: _mean(depth) for depth in drill.DEPTHS}
    best = max(means, key=means.__getitem__)
    if number(max_depth, "max_depth") != best:
        raise NotYetError(
            f"The mean of the three runs with max_depth {shown(max_depth)[1:-1]} is not the highest.",
            "Group the runs that are left by their depth.",
        )
    if not same(found := number(mean, "mean"), means[best]):
        told, wanted = apart(found, means[best])
        raise NotYetError(f"mean is {told}; the mean of the three runs of this depth is {wanted}.", "Count each once.")
    return f"Each setting counts once, and max_depth {best} has the highest mean, {means[best]:.3f}."


def _by_setting(children: list[Any]) -> dict[Setting, list[Any]]:
    found: dict[Setting, list[Any]] = defaultdict(list)
    for child in children:
        names = [logged_runs.parameter(child, name) for name in ("max_depth", "random_state")]
        if not all(name.isdigit() for name in names):
            raise NotYetError(f"A child has the settings {shown(', '.join(names))}.", "Delete what you have added.")
        found[int(names[0]), int(names[1])].append(child)
    return found


def _something_deleted(night: Any, left: int) -> None:
    from mlflow.entities import ViewType

    below = f"tags.mlflow.parentRunId = '{night.info.run_id}'"
    deleted = logged_runs.client().search_runs([night.info.experiment_id], below, ViewType.DELETED_ONLY)
    settings = len(drill.DEPTHS) * len(drill.SEEDS)
    if not deleted:
        raise NotYetError(
            f"Below this parent are {left} runs for {settings} settings, and none was deleted.",
            "Find what is there more than once: mlflow.delete_run deletes a run.",
        )


def _once(night: Any, setting: Setting, runs: list[Any]) -> None:
    """A setting has one run, which the night has logged, with all its folds."""
    if not runs:
        raise NotYetError(f"{_told(setting)} has no run any more.", "client.restore_run(run_id) brings one back.")
    if len(runs) > 1:
        raise NotYetError(f"{_told(setting)} has {len(runs)} runs.", "Keep one that is complete.")
    (run,) = runs
    if run.info.start_time > night.info.end_time:
        raise NotYetError(
            f"The run of {_told(setting)} began after the night.", "Restore the one of the night, and delete this one."
        )
    folds = [float(point.value) for point in logged_runs.metric_history(run, "fold_accuracy", 1)]
    if len(folds) < cancer.FOLDS:
        raise NotYetError(
            f"The run of {_told(setting)} stopped after {len(folds)} folds.",
            f"Keep the one with {cancer.FOLDS}: client.restore_run(run_id) brings it back.",
        )
    mean, expected = scores.mean_of_folds(run, cancer.FOLDS), cancer.seeded_folds(*setting)
    if not cancer.agree(folds, expected):
        told, wanted = apart(mean, sum(expected) / cancer.FOLDS)
        raise NotYetError(
            f"The folds of {_told(setting)} have the mean {told}; computed again it is {wanted}.",
            "Run the cell of the night again, and leave the scores as they are.",
        )


def _mean(depth: int) -> float:
    """Mean of a depth over its seeds."""
    return sum(sum(cancer.seeded_folds(depth, seed)) / cancer.FOLDS for seed in drill.SEEDS) / len(drill.SEEDS)


def _told(setting: Setting) -> str:
    return "max_depth {} with random_state {}".format(*setting)
