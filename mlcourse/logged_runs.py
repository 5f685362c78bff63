"""What checks look at: runs, parameters, metrics and data sets in the tracking store, with a message for every gap."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlcourse.answers import ROUNDING, apart, run_id_of, shown
from mlworkbench.store import require_answer
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, Metric, Run

_MOST_LISTED, _LONGEST = 6, 200


def client() -> MlflowClient:
    """A client of the store that the notebook uses, which must answer."""
    import mlflow

    require_answer(mlflow.get_tracking_uri(), writes=False)
    return mlflow.MlflowClient()


def known_run(answer: Any, what: str = "run_id") -> Run:
    """The run that the learner names, as an id or as a Run; it must exist."""
    run_id, store = run_id_of(answer, what), client()
    try:
        run = store.get_run(run_id)
    except Exception as error:  # an id that no database takes raises in its own way
        raise NotYetError(
            f"No run with the id {shown(run_id)} is in this store.", "Take the id from `run.info.run_id`."
        ) from error
    if run.info.lifecycle_stage == "deleted":
        raise NotYetError(f"The run {shown(run.info.run_name)} was deleted.", "Make it anew, or restore it.")
    return run


def finished_run(
    answer: Any,
    what: str = "run_id",
    do: str = "Start it with `with mlflow.start_run():` and let the block end without an error.",
) -> Run:
    """The run that the learner names, as `known_run`; it must have finished."""
    run = known_run(answer, what)
    if run.info.status != "FINISHED":
        raise NotYetError(f"The run {shown(run.info.run_name)} has the status {run.info.status}.", do)
    return run


def run_in(experiment: str, answer: Any, what: str = "run_id") -> Run:
    """A finished run of this experiment."""
    run = finished_run(answer, what)
    found = client().get_experiment(run.info.experiment_id).name
    if found != experiment:
        raise NotYetError(
            f"The run is in the experiment {shown(found)}.",
            f"Log it in {experiment!r}: `mlflow.set_experiment({experiment!r})` makes that one active.",
        )
    return run


def named(run: Run, name: str) -> None:
    """The run has this name."""
    if run.info.run_name != name:
        raise NotYetError(f"The run is called {shown(run.info.run_name)}.", f"Start it with run_name={name!r}.")


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


def found_by(filter_string: Any, experiment_id: str) -> set[str]:
    """Ids of the runs that a filter finds in an experiment."""
    found = searched(filter_string, lambda text: client().search_runs([experiment_id], text, max_results=5000))
    return {run.info.run_id for run in found}


def searched(
    filter_string: Any, search: Callable[[str], list[Any]], do: str = "Lesson 1.4 shows this error and its cure."
) -> list[Any]:
    """What a filter finds, which has to be a text that MLflow takes."""
    from mlflow.exceptions import MlflowException

    if not isinstance(filter_string, str):
        raise NotYetError(f"The filter is of type {type(filter_string).__name__}.", "Give the text of the filter.")
    if "{" in filter_string:
        raise NotYetError("The filter contains a '{', so no value was put in.", "Write an f before its first quote.")
    try:
        return list(search(filter_string))
    except MlflowException as error:
        told = str(error).partition("\n")[0].split(". ")[0].rstrip(".")[:_LONGEST]
        raise NotYetError(f"MLflow refuses the filter: {told}.", do) from error


def asks_for(filter_string: str, **wanted: str) -> None:
    """A filter asks for these values by the names of their tags or parameters, and does not leave the others out."""
    for name, value in wanted.items():
        names = rf"\.[`\"']?[\w.]*{re.escape(name)}[`\"']?"
        if not re.search(
            rf"{names}\s*(=|I?LIKE|IN)\s*\(?\s*[\"'][^\"']*{re.escape(value)}", filter_string, re.IGNORECASE
        ):
            raise NotYetError(
                f"The filter does not ask for the {name} {shown(value)}.",
                f"Ask for what you want, with =: a run to come may have another {name}, which `!=` lets pass.",
            )


def parameter(run: Run, name: str, wanted: float | None = None) -> str:
    """Value of a logged parameter, which must be the wanted number where there is one."""
    if name not in run.data.params:
        raise NotYetError(
            _without(run, "parameter", name, run.data.params),
            f"Log it with `mlflow.log_param({name!r}, …)` inside the run.",
        )
    value = str(run.data.params[name])
    if wanted is not None and _as_number(value) != wanted:
        raise NotYetError(f"The parameter {name} is {shown(value)}.", f"Use {name}={wanted}.")
    return value


def _as_number(text: str) -> float | None:
    """The number that a text is, such as 0.10."""
    try:
        return float(text)
    except ValueError:
        return None


def tag(run: Run, name: str, do: str) -> None:
    """The run has this tag, and something stands in it."""
    if name not in run.data.tags:
        raise NotYetError(f"The run has no tag {name!r}.", do)
    if not run.data.tags[name].strip():
        raise NotYetError(f"The tag {name!r} is empty.", do)


def metric(run: Run, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Last value of a logged metric; it must be a number between ``low`` and ``high``."""
    if name not in run.data.metrics:
        raise NotYetError(
            _without(run, "metric", name, run.data.metrics),
            f"Log it with `mlflow.log_metric({name!r}, …)` inside the run.",
        )
    value = float(run.data.metrics[name])
    if math.isnan(value):
        raise NotYetError(f"The metric {name!r} is NaN (not a number).", "Find the step that divides by nothing.")
    if not low <= value <= high:
        raise NotYetError(f"The metric {name!r} is {value:.6g}.", f"It should lie between {low:.3g} and {high:.3g}.")
    return value


def agree(run: Run, expected: dict[str, float], do: str, close: float = ROUNDING) -> None:
    """The run has these metrics, which were computed again."""
    for name, value in expected.items():
        if not math.isclose(found := metric(run, name), value, abs_tol=close):
            told, wanted = apart(found, value)
            raise NotYetError(f"{name} of {shown(run.info.run_name)} is {told}; computed again it is {wanted}.", do)


def metric_history(run: Run, name: str, points: int) -> list[Metric]:
    """History of a metric in the order of its steps; it must have at least ``points`` points with different steps."""
    metric(run, name)
    history = list(client().get_metric_history(run.info.run_id, name))
    steps = {point.step for point in history}
    if len(steps) < points:
        raise NotYetError(
            f"The metric {name!r} has {len(history)} point(s) on {len(steps)} step(s), {points} were expected.",
            f"Log it once a round with `mlflow.log_metric({name!r}, value, step=round)`.",
        )
    return sorted(history, key=lambda point: point.step)


def data_set(run: Run, context: str) -> Dataset:
    """The data set that the run names with this context."""
    inputs = run.inputs.dataset_inputs
    call = f"Log it with `mlflow.log_input(data, context={context!r})`"
    if not inputs:
        raise NotYetError("The run names no data set.", f"{call}; `mlflow.data.from_pandas` makes the data.")
    found = {tag.value: item.dataset for item in inputs for tag in item.tags if tag.key == "mlflow.data.context"}
    if not found:
        raise NotYetError("The run names a data set, but the context is missing.", f"{call}, in a new run.")
    if context not in found:
        raise NotYetError(f"The data set has the context {shown(', '.join(found))}.", f"{call}.")
    return found[context]


def _without(run: Run, kind: str, name: str, names: dict[str, Any]) -> str:
    if not names:
        return f"The run {shown(run.info.run_name)} has no {kind}s."
    listed = ", ".join(sorted(names)[:_MOST_LISTED]) + (", …" if len(names) > _MOST_LISTED else "")
    return f"The run {shown(run.info.run_name)} has the {kind}s {listed}, but no {name!r}."
