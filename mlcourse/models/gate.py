"""Checks of the assignment of part 2 that evaluate, decide and serve: tasks 7 to 10."""

from __future__ import annotations

import math
from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import sequence
from mlcourse.models import latencies, logged_models
from mlcourse.models.logged_models import Stored
from mlworkbench.tasks import NotYetError

EXPERIMENT = "exercises: models"
CLOSE, FEWEST_REQUESTS, LATENCY_LIMIT, LEAST_GAIN = 50, 100, 1000, 0.1


def own(answer: Any, what: str = "model_uri", name: str | None = None) -> Stored:
    """A model in the experiment of the assignment."""
    stored = logged_models.stored_model(answer, what)
    logged_models.in_experiment(stored, EXPERIMENT)
    if name:
        logged_models.called(stored, name)
    return stored


def own_metric(run_id: Any, model_uri: Any, rows: Any, y_test: Any) -> str:
    """Task 7: an evaluation with a metric of one's own, compared with the predictions.

    Recomputed: the predictions, and the share that is within 50 points.
    Cross-examined: that the usual metrics stand beside it.
    """
    run, stored = logged_runs.finished_run(run_id), own(model_uri)
    if "mean_absolute_error" not in run.data.metrics:
        raise NotYetError(
            f"The run {run.info.run_name!r} has no mean_absolute_error.",
            "Let mlflow.models.evaluate with model_type='regressor' log the metrics.",
        )
    if "share_close" not in run.data.metrics:
        raise NotYetError(
            f"The run {run.info.run_name!r} has many metrics, but no 'share_close'.",
            "Give make_metric the name 'share_close', and evaluate the extra_metrics=[…].",
        )
    share = logged_runs.metric(run, "share_close", 0, 1)
    errors = logged_models.numbers(stored.answer(rows), "The predictions") - logged_models.numbers(y_test, "y_test")
    expected = float((abs(errors) <= CLOSE).mean())
    if not math.isclose(share, expected, abs_tol=1e-6):
        raise NotYetError(
            f"share_close is {share:.3f}, but {expected:.3f} of the test rows are predicted within {CLOSE}.",
            "Evaluate the model of task 1 on the test rows, and count errors of both signs.",
        )
    return f"Your metric stands beside the usual ones: {share:.3f} of the patients within {CLOSE}."


def refused(verdict: Any, baseline: Any) -> str:
    """Task 8: a gate that refuses a worse candidate.

    Cross-examined: what the gate wanted, its decision, the baseline's id and the candidate's class.
    """
    run = logged_models.verdict_run(verdict)
    wanted = logged_models.demand(verdict, "mean_absolute_error")
    if "the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}, whatever the baseline does.", "Add min_relative_change.")
    if "below the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}.", "A small error is a good one: greater_is_better=False.")
    if "5 % below the baseline" not in wanted.split(", "):
        raise NotYetError(f"The error is wanted {wanted}.", "5 % of the baseline's is min_relative_change=0.05.")
    if verdict:
        raise NotYetError("The gate let the candidate pass.", "The guessing model is the candidate, not the baseline.")
    against = logged_models.stored_model(run.data.params["baseline"], "The baseline")
    if against.record.model_id != own(baseline, "baseline").record.model_id:
        raise NotYetError("The gate compared with another model.", "Take the model of task 1 as the baseline.")
    candidate = own(run.data.params["candidate"], "The candidate").classes()[0]
    if candidate != "DummyRegressor":
        raise NotYetError(f"The candidate is a {candidate}.", "Let a DummyRegressor try.")
    return f"The gate refused the {candidate}: its error was wanted {wanted}."


def measured(answers: Any, latency: Any, run_id: Any, model_uri: Any, rows: Any) -> str:
    """Task 9: the answers of a server, and how fast they came.

    Recomputed: the predictions of the model for all test rows.
    Cross-examined: the logged p99 against the requests that were timed.
    Plausible: the times themselves, which nobody can measure again.
    """
    found, stored = logged_models.numbers(sequence(answers, "answers"), "The answers"), own(model_uri)
    expected = logged_models.numbers(stored.answer(rows), "The predictions")
    if len(found) != len(expected):
        raise NotYetError(f"There are {len(found)} answers for {len(expected)} test rows.", "Send all of X_test.")
    if not abs(found - expected).max() < logged_models.ALL_CLOSE * abs(expected).max():
        raise NotYetError("The answers are not those of your model.", "Serve the model of task 1.")
    p99 = latencies.enough(latency, FEWEST_REQUESTS).percentiles["p99"]
    logged = logged_runs.metric(logged_runs.finished_run(run_id), "latency_p99_ms")
    if not math.isclose(logged, p99, rel_tol=1e-6):
        raise NotYetError(
            f"latency_p99_ms is {logged:.3g}, but p99 is {p99:.3g} ms.", "Log latency.percentiles['p99']."
        )
    if p99 >= LATENCY_LIMIT:
        raise NotYetError(f"99 % of the answers came within {p99:.4g} ms.", f"Get below {LATENCY_LIMIT} ms.")
    return f"The server answers as the model does, 99 % of the time within {p99:.3g} ms."


def _mean_cost(stored: Stored, rows: Any, truth: Any) -> float:
    import numpy as np

    missing = logged_models.numbers(truth, "y_test") - logged_models.numbers(stored.answer(rows), "The predictions")
    return float(np.where(missing > 0, 3 * missing, -missing).mean())


def through_the_gate(verdict: Any, baseline: Any, rows: Any, y_test: Any) -> str:
    """Task 10, open: a candidate that passes a stated gate, computed anew from the stored models.

    Recomputed: the cost of both models on the test rows.
    Cross-examined: thresholds, candidate and decision of the verdict.
    Not checked: what the tag why says; it is read by a teacher.
    """
    run = logged_models.verdict_run(verdict)
    wanted = logged_models.demand(verdict, "mean_cost")
    if "10 % below the baseline" not in wanted:
        raise NotYetError(f"The cost is wanted {wanted or 'as it is'}.", "Use the thresholds of this task.")
    if not verdict:
        raise NotYetError("The gate refused the candidate.", "What if the model aimed higher than the middle?")
    candidate = own(run.data.params["candidate"], "The candidate")
    before = _mean_cost(own(baseline, "baseline"), rows, y_test)
    after = _mean_cost(candidate, rows, y_test)
    if after > (1 - LEAST_GAIN) * before:
        raise NotYetError(
            f"On the test rows the candidate costs {after:.3g}, the model of task 1 {before:.3g}.",
            "Validate on the test rows, against the model of task 1.",
        )
    if not candidate.record.tags.get("why", "").strip():
        raise NotYetError("The candidate has no tag 'why'.", "Store it with tags={'why': …}: your idea in a sentence.")
    return f"Your model costs {after:.3g} instead of {before:.3g}, and the verdict proves it."
