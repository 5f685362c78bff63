"""A gate between models: is the candidate good enough, and better than what is there? The verdict is logged."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, is_among, not_installed, not_kept, shown, told, unknown_name
from mlworkbench.models.refusals import heart, is_enforced
from mlworkbench.orphans import PROCESS_TAG, this_process
from mlworkbench.plots import no_figures_left
from mlworkbench.quiet import quiet
from mlworkbench.store_watch import using_store
from mlworkbench.verdict import MET, MISSED, VERDICT_TAG, Verdict

if TYPE_CHECKING:
    import mlflow
    import pandas as pd
    from mlflow.models import EvaluationResult, MetricThreshold
    from mlflow.models.model import ModelInfo

_TYPES = ("classifier", "regressor")
_DRAWING = threading.RLock()  # MLflow draws with pyplot, which belongs to one thread at a time


def validate(
    candidate: str | ModelInfo | Callable[[pd.DataFrame], Any],
    baseline: str | ModelInfo | Callable[[pd.DataFrame], Any] | None,
    data: pd.DataFrame,
    *,
    target: str,
    thresholds: dict[str, MetricThreshold],
    model_type: str = "classifier",
    extra_metrics: Sequence[Any] | None = None,
    evaluator_config: dict[str, Any] | None = None,
) -> Verdict:
    """Evaluate two models on the same data, decide whether the candidate passes, and log the verdict.

    Parameters
    ----------
    candidate, baseline : str, ModelInfo, or function
        Model URIs, what `log_model` returned, or functions from a DataFrame to predictions; no baseline with None.
    data : pandas.DataFrame of shape (rows, features + 1)
        Rows that no model was fitted on, with the truth in the column ``target``.
    thresholds : dict of str to mlflow.models.MetricThreshold
        What is asked for, by the metric's name in ``evaluate`` (``accuracy_score``, ``r2_score``, …).
    model_type : {'classifier', 'regressor'}
    extra_metrics, evaluator_config : list, dict
        These three as of `mlflow.models.evaluate`, which is what runs: https://mlflow.org/docs/latest/ml/evaluation/

    Raises
    ------
    WorkbenchError
        For a target, metric or baseline that does not exist, and when a model cannot be evaluated.
    """
    _check_data(data, target, model_type, extra_metrics)
    _check_thresholds(thresholds, baseline)
    with using_store(), _DRAWING, no_figures_left(), _run("gate") as run:
        asked = _asked(target, model_type, extra_metrics, evaluator_config)
        ours = _score("candidate", candidate, data, asked)
        table = _compare(thresholds, ours, baseline if baseline is None else _score("baseline", baseline, data, asked))
        verdict = Verdict((table["result"] == MET).all().item(), table, run.info.run_id)
        _log(verdict, candidate, baseline)
    return verdict


def _asked(
    target: str, model_type: str, metrics: Sequence[Any] | None, config: dict[str, Any] | None
) -> dict[str, Any]:
    """What `mlflow.models.evaluate` is asked beside the model and the rows."""
    config = {"log_model_explainability": False, "log_explainer": False} | (config or {})
    own = list(metrics or ()) or None
    return {"targets": target, "model_type": model_type, "extra_metrics": own, "evaluator_config": config}


def _check_data(data: pd.DataFrame, target: str, model_type: str, extra_metrics: Sequence[Any] | None) -> None:
    import pandas as pd
    from mlflow.models import EvaluationMetric

    if not isinstance(data, pd.DataFrame):
        raise WorkbenchError(f"data of type {type(data).__name__}.", "a DataFrame.", "Join features and target in one.")
    if not is_among(target, data.columns):
        raise unknown_name("column", target, map(str, data.columns))
    if not is_among(model_type, _TYPES):
        raise unknown_name("model_type", model_type, _TYPES)
    _check_target(data, target, model_type)
    metrics = extra_metrics or () if isinstance(extra_metrics, list | tuple | None) else [None]
    if not all(isinstance(metric, EvaluationMetric) for metric in metrics):
        raise WorkbenchError(
            f"extra_metrics = {shown(extra_metrics)}.",
            "a list of metrics.",
            "Make each with mlflow.models.make_metric(eval_fn=…, greater_is_better=…).",
        )


def _check_target(data: pd.DataFrame, target: Any, model_type: str) -> None:
    """Refuse rows that metrics cannot be calculated of, which MLflow would blame on the model."""
    if not isinstance(target, str) or not data.columns.is_unique:
        found = f"the target {shown(target)} in columns of which some stand there twice, or with a name that is no text"
        raise WorkbenchError(f"{found}.", "each column once, and a text as target.", "Rename: data.rename(columns=…).")
    truth = data[target]
    if truth.isna().any() or truth.empty:
        found = f"{truth.isna().sum()} gaps in the target {target!r}" if len(truth) else "no rows"
        raise WorkbenchError(f"{found}.", "rows, each with the truth.", f"Give data.dropna(subset=[{target!r}]).")
    if model_type == "classifier" and len(set(map(str, truth))) == 1:
        raise WorkbenchError(
            f"one class alone in the target {target!r}: {str(truth.iloc[0])[:50]}.",
            "rows of two classes at least.",
            "Take other rows, as train_test_split(…, stratify=…) does.",
        )


def _check_thresholds(thresholds: dict[str, MetricThreshold], baseline: Any) -> None:
    from mlflow.models import MetricThreshold

    given = list(thresholds.values()) if isinstance(thresholds, dict) and thresholds else [None]
    if not all(isinstance(threshold, MetricThreshold) for threshold in given):
        raise WorkbenchError(
            f"thresholds = {shown(thresholds)}.",
            "at least one metric with its mlflow.models.MetricThreshold.",
            "Write, say, {'accuracy_score': MetricThreshold(threshold=0.9, greater_is_better=True)}.",
        )
    for name, each in thresholds.items():
        if math.isnan((each.threshold or 0) + (each.min_absolute_change or 0) + (each.min_relative_change or 0)):
            raise WorkbenchError(f"NaN in the threshold of {name!r}.", "a number.", "Correct it, or leave it out.")
    comparing = [name for name, threshold in thresholds.items() if _compares(threshold)]
    if baseline is None and comparing:
        raise WorkbenchError(
            f"no baseline, but a threshold on {', '.join(comparing)} that compares with one.",
            "a baseline, or thresholds on the value alone.",
            "Name the model that is in use as the baseline.",
        )


def _score(role: str, model: Any, data: pd.DataFrame, asked: dict[str, Any]) -> EvaluationResult:
    """Evaluate one model in a run of its own; first through its signature, which MLflow's evaluation goes around."""
    import mlflow

    uri, target = _address(model), asked["targets"]
    with _run(role):
        try:
            with quiet():  # a block of its own, since the library that it imports may have bars to switch off
                loaded = mlflow.pyfunc.load_model(uri) if isinstance(uri, str) else model
            with quiet():
                if isinstance(uri, str):
                    data = _columns_of(loaded, data, target)
                    loaded.predict(data.drop(columns=target))
                return mlflow.models.evaluate(loaded, data, **asked)
        except ModuleNotFoundError as error:
            raise not_installed(error) from error
        except Exception as error:
            if not_kept(error):  # the store's fault, which `using_store` tells
                raise
            named = "Names may only contain" in str(error)
            raise WorkbenchError(
                f"the {role} could not be evaluated ({heart(error) if is_enforced(error) else told(error)}).",
                f"a model that predicts {target!r} from the other columns, without gaps, and a model_type that suits "
                f"it ('classifier' or 'regressor'). The {role} is {shown(uri)}.",
                "Choose another name of the metric, as in make_metric(…, name='f1_macro')."
                if named
                else "Compare mlflow.pyfunc.load_model(…).predict(…) on a few rows with their target.",
            ) from error


def _columns_of(loaded: Any, data: pd.DataFrame, target: str) -> pd.DataFrame:
    """The columns that a model asks for, and the target: MLflow's evaluation would hand on all the others too."""
    schema = loaded.metadata.get_input_schema()
    if schema is None or not schema.has_input_names() or not set(schema.input_names()) <= set(data.columns):
        return data
    return data[[*(name for name in schema.input_names() if name != target), target]]


def _run(name: str) -> mlflow.ActiveRun:
    import mlflow

    return mlflow.start_run(run_name=name, nested=mlflow.active_run() is not None, tags={PROCESS_TAG: this_process()})


def _address(model: Any) -> Any:
    return getattr(model, "model_uri", model)


def _compare(
    thresholds: dict[str, MetricThreshold], ours: EvaluationResult, theirs: EvaluationResult | None
) -> pd.DataFrame:
    """A row a threshold, each decided by MLflow."""
    import pandas as pd

    rows = []
    for name, threshold in thresholds.items():
        if name not in ours.metrics:
            raise unknown_name("metric", name, ours.metrics)
        if theirs and _compares(threshold) and name not in theirs.metrics:
            raise unknown_name("metric of the baseline", name, theirs.metrics)
        value = float(ours.metrics[name])
        before = float(theirs.metrics.get(name, math.nan)) if theirs else math.nan
        rows.append((name, value, before, _wanted(threshold), _result(name, threshold, ours, theirs)))
    return pd.DataFrame(rows, columns=["metric", "candidate", "baseline", "wanted", "result"])


def _result(name: str, threshold: MetricThreshold, ours: EvaluationResult, theirs: EvaluationResult | None) -> str:
    """Let MLflow decide, but for what is not a number: there its relative comparison would pass."""
    import mlflow
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    asked = [ours, theirs] if theirs and _compares(threshold) else [ours]
    if not all(math.isfinite(result.metrics[name]) for result in asked):
        return MISSED
    try:
        mlflow.validate_evaluation_results({name: threshold}, *asked)
    except ModelValidationFailedException:
        return MISSED
    return MET


def _compares(threshold: MetricThreshold) -> bool:
    return bool(threshold.min_absolute_change or threshold.min_relative_change)


def _wanted(threshold: MetricThreshold) -> str:
    """A threshold in words."""
    more, side = ("at least", "above") if threshold.greater_is_better else ("at most", "below")
    parts = []
    if threshold.threshold is not None:
        parts.append(f"{more} {threshold.threshold:.3g}")
    if threshold.min_absolute_change:
        parts.append(f"{threshold.min_absolute_change:.3g} {side} the baseline")
    if threshold.min_relative_change:
        parts.append(f"{100 * threshold.min_relative_change:.3g} % {side} the baseline")
    return ", ".join(parts)


def _log(verdict: Verdict, candidate: Any, baseline: Any) -> None:
    import mlflow

    mlflow.set_tag(VERDICT_TAG, "passed" if verdict else "refused")
    mlflow.log_params({"candidate": str(_address(candidate)), "baseline": str(_address(baseline))})
    mlflow.log_text(verdict._repr_html_(), "verdict.html")
    mlflow.log_text(repr(verdict), "verdict.txt")
