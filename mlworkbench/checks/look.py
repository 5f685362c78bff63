"""What checks look at: runs, parameters, metrics and artifacts in the tracking store, with a message for every gap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlworkbench.checks.feedback import NotYetError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run


def client() -> MlflowClient:
    """A client of the store that the notebook uses."""
    import mlflow

    return mlflow.MlflowClient()


def finished_run(answer: Any, what: str = "run_id") -> Run:
    """The run that the learner names, as an id or as a Run; it must exist and have finished."""
    from mlflow.exceptions import MlflowException

    run_id = getattr(getattr(answer, "info", None), "run_id", answer)
    if not isinstance(run_id, str):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the text in `run.info.run_id`.")
    try:
        run = client().get_run(run_id)
    except MlflowException as error:
        raise NotYetError(
            f"No run with the id {run_id!r} is in this store.", "Take the id from `run.info.run_id`."
        ) from error
    if run.info.status != "FINISHED":
        raise NotYetError(
            f"The run {run.info.run_name!r} has the status {run.info.status}.",
            "Start it with `with mlflow.start_run():` and let the block end without an error.",
        )
    return run


def children(parent: Run) -> list[Run]:
    """The runs directly below a parent run."""
    condition = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    return list(client().search_runs([parent.info.experiment_id], condition))


def runs_of(experiment: str) -> list[Run]:
    """The finished runs of an experiment, which must exist and hold some."""
    found = client().get_experiment_by_name(experiment)
    if found is None:
        raise NotYetError(f"No experiment {experiment!r} is in this store.", "Run the cells above that fill it.")
    runs = list(client().search_runs([found.experiment_id], "attributes.status = 'FINISHED'", max_results=5000))
    if not runs:
        raise NotYetError(f"The experiment {experiment!r} has no finished runs.", "Run the cells above that fill it.")
    return runs


def autologged_alone(run: Run, estimator: str) -> None:
    """A run with everything that scikit-learn's autologging records, without a model and without doubled scores."""
    trained = run.data.tags.get("estimator_name")
    if trained is None and any(name.startswith("training_") for name in run.data.metrics):
        raise NotYetError(
            f"The run has only {_listed('parameter', run.data.params)}.",
            "One was logged by hand before fit, and autologging lost the rest. Leave its names to autologging.",
        )
    if trained is None:
        raise NotYetError("The run was not autologged.", "Call mlflow.sklearn.autolog(…) before fit.")
    if trained != estimator:
        raise NotYetError(f"The run trained a {trained}.", f"Train a {estimator}.")
    doubled = [name for name in run.data.metrics if name.endswith("_X_test")]
    if doubled:
        raise NotYetError(f"Scores are logged twice: {', '.join(doubled)}.", "Use log_post_training_metrics=False.")
    if run.outputs and run.outputs.model_outputs:
        raise NotYetError("The run stored a model.", "Use log_models=False.")


def reports_the_mean(reported: float, means: list[float], children: list[Run]) -> None:
    """The number reported for a search is the largest mean, not the luckiest fold or anything else."""
    folds = [child.data.metrics["best_fold"] for child in children if "best_fold" in child.data.metrics]
    if math.isclose(reported, max(means), rel_tol=1e-6):
        return
    if folds and math.isclose(reported, max(folds), rel_tol=1e-6):
        raise NotYetError(f"{reported:.3f} is the best fold of a trial.", "Report the largest cv_mean instead.")
    raise NotYetError(
        f"The parent reports {reported:.3f}.", f"The largest cv_mean of its children is {max(means):.3f}."
    )


def parameter(run: Run, name: str) -> str:
    """Value of a logged parameter."""
    if name not in run.data.params:
        raise NotYetError(
            f"The run {run.info.run_name!r} has {_listed('parameter', run.data.params)}, but no {name!r}.",
            f"Log it with `mlflow.log_param({name!r}, …)` inside the run.",
        )
    return str(run.data.params[name])


def metric(run: Run, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Last value of a logged metric; it must be a number between ``low`` and ``high``."""
    if name not in run.data.metrics:
        raise NotYetError(
            f"The run {run.info.run_name!r} has {_listed('metric', run.data.metrics)}, but no {name!r}.",
            f"Log it with `mlflow.log_metric({name!r}, …)` inside the run.",
        )
    value = float(run.data.metrics[name])
    if math.isnan(value):
        raise NotYetError(f"The metric {name!r} is NaN (not a number).", "Find the step that divides by nothing.")
    if not low <= value <= high:
        raise NotYetError(f"The metric {name!r} is {value:.3g}.", f"It should lie between {low:.3g} and {high:.3g}.")
    return value


def metric_history(run: Run, name: str, points: int) -> list[Metric]:
    """History of a metric; it must have at least ``points`` points with different steps."""
    metric(run, name)
    history = list(client().get_metric_history(run.info.run_id, name))
    steps = {point.step for point in history}
    if len(steps) < points:
        raise NotYetError(
            f"The metric {name!r} has {len(history)} point(s) on {len(steps)} step(s), {points} were expected.",
            f"Log it once a round with `mlflow.log_metric({name!r}, value, step=round)`.",
        )
    return history


def artifact_paths(run: Run) -> list[str]:
    """Paths of all artifact files of a run."""
    found: list[str] = []
    folders = [""]
    while folders:
        for item in client().list_artifacts(run.info.run_id, folders.pop() or None):
            (folders if item.is_dir else found).append(item.path)
    return sorted(found)


def mean_of_folds(run: Run, folds: int) -> float:
    """Mean of the logged folds; ``cv_mean`` must be that mean, and not the best fold."""
    values = [float(point.value) for point in metric_history(run, "fold_accuracy", folds)]
    mean, reported = sum(values) / len(values), metric(run, "cv_mean", 0, 1)
    if math.isclose(reported, mean, abs_tol=1e-6):
        return mean
    if math.isclose(reported, max(values), abs_tol=1e-6):
        raise NotYetError(f"cv_mean is {reported:.3f}, the best fold.", "Log the mean of the folds: scores.mean().")
    raise NotYetError(f"cv_mean is {reported:.3f}, but the mean of the logged folds is {mean:.3f}.", "Log that mean.")


def sequence(answer: Any, what: str) -> list[Any]:
    """A list of values that the learner computed: a list, an array or a column."""
    if isinstance(answer, str) or not hasattr(answer, "__len__"):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give a list, an array or a column.")
    return list(answer)


def number(answer: Any, what: str) -> float:
    """A number that the learner computed."""
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not math.isfinite(answer):
        raise NotYetError(f"{what} is {answer!r} of type {type(answer).__name__}.", "Give one number.")
    return float(answer)


def _listed(kind: str, names: dict[str, Any]) -> str:
    return f"the {kind}s {', '.join(sorted(names))}" if names else f"no {kind}s"
