"""The check of lesson 2.6: checkpoints of a training, and the one that was chosen by its error on validation rows."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import apart, same, shown
from mlcourse.models import logged_models
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import LoggedModel, Run

EXPERIMENT, LESSON, METRIC = "2.6 checkpoints", "diabetes-2-6", "rmse"
SEED, DEPTH, FEWEST = 7, 6, 5
_CHOOSE = "Order by metrics.rmse with dataset_name 'validation'"


def followed(run_id: Any, name: Any) -> str:
    """Lesson 2.6: checkpoints of deeper trees, and the best of them on the validation rows in the registry.

    Recomputed: the errors of every checkpoint on both data sets, by asking the stored model.
    Cross-examined: steps, the chosen checkpoint and the registered version; the depth in the stored model.
    Not checked: metrics of the run itself (rmse), which those of its checkpoints repeat; the digest of the data sets.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
    models = _checkpoints(run)
    errors = {step: _errors(model, step) for step, model in models.items()}
    _grows(models)
    best = min(errors, key=lambda step: errors[step]["validation"])
    _registered(name, models, best)
    told = f"{len(models)} checkpoints; the one of step {best} has the least error on the validation rows"
    return f"{told}, {errors[best]['validation']:.1f}, and is registered."


def _checkpoints(run: Run) -> dict[int, LoggedModel]:
    """The models that came out of a run, by their steps."""
    found = {output.step: output.model_id for output in (run.outputs.model_outputs if run.outputs else [])}
    if len(found) < FEWEST:
        raise NotYetError(
            f"The run {shown(run.info.run_name)} has models at {len(found)} step(s).",
            f"Store at least {FEWEST} checkpoints: mlflow.xgboost.log_model(model, name=…, step=step).",
        )
    return {step: logged_runs.client().get_logged_model(found[step]) for step in sorted(found)}


def _errors(model: LoggedModel, step: int) -> dict[str, float]:
    """What is logged for a checkpoint on each data set, which must be what the stored model reaches there."""
    logged = {each.dataset_name: each.value for each in model.metrics or [] if each.key == METRIC}
    for data in ("train", "validation"):
        if data not in logged:
            raise NotYetError(
                f"The checkpoint of step {step} has no {METRIC} on {data!r}.",
                f"`measure(model, step, stored.model_id)` logs it with dataset=data[{data!r}].",
            )
        rows = frames()[data]
        stored = logged_models.stored_model(model.model_uri, f"the checkpoint of step {step}")
        residual = stored.answer(rows.drop(columns="target")) - rows["target"].to_numpy()
        error = float((residual**2).mean() ** 0.5)
        if not same(error, logged[data]):
            first, second = apart(logged[data], error)
            told = f"The checkpoint of step {step} has an {METRIC} of {first} on {data!r}; the stored model reaches"
            raise NotYetError(f"{told} {second}.", "Log what was measured on the model that was stored.")
    return logged


def _grows(models: dict[int, LoggedModel]) -> None:
    """The checkpoints are states of one training, of trees with the wanted depth."""
    import mlflow

    boosters = [mlflow.xgboost.load_model(model.model_uri).get_booster() for model in models.values()]
    deepest = max(map(_depth, boosters))
    if deepest != DEPTH:
        raise NotYetError(f"The deepest tree is {deepest} deep.", f"Train by more_rounds(model, depth={DEPTH}).")
    trees = [booster.num_boosted_rounds() for booster in boosters]
    if any(after <= before for before, after in pairwise(trees)):
        told = f"The checkpoints have {', '.join(map(str, trees[:FEWEST]))} trees: they do not grow."
        raise NotYetError(told, f"Hand the model on: model = more_rounds(model, depth={DEPTH}).")


def _depth(booster: Any) -> int:
    """Depth of the deepest tree: XGBoost indents each level by a tab."""
    return max(int(line.count("\t")) for tree in booster.get_dump() for line in tree.splitlines())


def _registered(name: Any, models: dict[int, LoggedModel], best: int) -> None:
    """The newest version of the learner's registered model is the best checkpoint."""
    if not isinstance(name, str):
        raise NotYetError(f"name is of type {type(name).__name__}.", "Give the name of the registered model.")
    if name == LESSON:
        raise NotYetError(f"{LESSON!r} is the model of the lesson.", "Register yours under a name of your own.")
    try:
        versions = logged_runs.client().search_model_versions(f"name = '{name}'")
    except Exception:  # a name that no registry takes
        versions = []
    if not versions:
        told = f"The registry has no version of {shown(name)}."
        raise NotYetError(told, f"Register a checkpoint: mlflow.register_model(….model_uri, {shown(name)}).")
    newest = max(versions, key=lambda version: int(version.version))
    steps = {model.model_id: step for step, model in models.items()}
    step = steps.get(str(newest.source).removeprefix("models:/"))
    if step is None:
        told = f"Version {newest.version} of {shown(name)} is no checkpoint of this run."
        raise NotYetError(told, "Register the model_uri of one that search_logged_models has found.")
    if step != best:
        told = (
            f"Version {newest.version} is the checkpoint of step {step}; another has a smaller error on 'validation'."
        )
        raise NotYetError(told, f"{_CHOOSE}, and register that one too.")


@cache
def frames() -> dict[str, pd.DataFrame]:
    """The rows of the lesson, for training and for choosing."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(load_diabetes(as_frame=True).frame, train_size=0.5, random_state=SEED)
    return {"train": train, "validation": train_test_split(rest, train_size=0.5, random_state=SEED)[0]}
