"""Checks of the assignment of part 2 that evaluate, decide and serve: tasks 7 to 10."""

from __future__ import annotations

import math
from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import sequence
from mlcourse.course_data import diabetes, unchanged
from mlcourse.models import evaluated, latencies, logged_models, training, verdicts
from mlcourse.models.first_model import EXPERIMENT, first, own, predictions
from mlcourse.models.logged_models import Stored
from mlworkbench.tasks import NotYetError

CLOSE, FEWEST_REQUESTS, LATENCY_LIMIT, LEAST_GAIN = 50, 100, 1000, 0.1
POSSIBLE_GAIN, NO_OVERFIT = 0.2, 0.1


def own_metric(run_id: Any, model_uri: Any, rows: Any, y_test: Any) -> str:
    """Task 7: an evaluation with a metric of one's own, compared with the predictions.

    Recomputed: the predictions, the share that is within 50 points, and the usual metrics of a regressor.
    Cross-examined: the model and the data set that the run names, its experiment and status.
    Not checked: the metric score, which MLflow adds for some models; the digest of the data set, whose rows decide the
    metrics.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
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
    found, truth = _answers(first(model_uri), rows), _truth(y_test)
    expected = float((abs(found - truth) <= CLOSE).mean())
    if not math.isclose(share, expected, abs_tol=1e-6):
        raise NotYetError(
            f"share_close is {share:.3f}, but {expected:.3f} of the test rows are predicted within {CLOSE}.",
            "Evaluate the model of task 1 on the test rows, and count errors of both signs.",
        )
    evaluated.as_computed(run, evaluated.of_regressor(truth, found))
    _by_evaluate(run, own(model_uri))
    return f"Your metric stands beside the usual ones: {share:.3f} of the patients within {CLOSE}."


def _by_evaluate(run: Any, stored: Stored) -> None:
    """The metrics come from MLflow's evaluation, which names its data and, where it knows it, its model."""
    if not run.inputs.dataset_inputs:
        raise NotYetError(
            f"The run {run.info.run_name!r} names no data set: its metrics were logged by hand.",
            "Let mlflow.models.evaluate log them.",
        )
    if others := {each.model_id for each in run.inputs.model_inputs} - {stored.record.model_id}:
        raise NotYetError(f"The run evaluated the model {min(others)}.", "Evaluate the model of task 1.")


def _answers(stored: Stored, rows: Any) -> Any:
    """What a model predicts for the test rows, which must be unchanged."""
    unchanged(rows, diabetes().X_test, "rows")
    return logged_models.numbers(stored.answer(rows), "The predictions")


def _truth(y_test: Any) -> Any:
    unchanged(y_test, diabetes().y_test, "y_test")
    return diabetes().y_test.to_numpy()


def refused(verdict: Any, baseline: Any) -> str:
    """Task 8: a gate that refuses a worse candidate.

    Recomputed: what both models predict for the test rows, and their metrics.
    Cross-examined: what the gate wanted, its decision against verdict.txt, the baseline's id, the candidate's class.
    Not checked: verdict.html, which says the same in colours; the metric score, which MLflow adds for some models.
    """
    run = verdicts.verdict_run(verdict)
    wanted = verdicts.demand(verdict, "mean_absolute_error")
    if "the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}, whatever the baseline does.", "Add min_relative_change.")
    if "below the baseline" not in wanted:
        raise NotYetError(f"The error is wanted {wanted}.", "A small error is a good one: greater_is_better=False.")
    if "5 % below the baseline" not in wanted.split(", "):
        raise NotYetError(f"The error is wanted {wanted}.", "5 % of the baseline's is min_relative_change=0.05.")
    if verdict:
        raise NotYetError("The gate let the candidate pass.", "The guessing model is the candidate, not the baseline.")
    _against(run, baseline)
    candidate = own(logged_runs.parameter(run, "candidate"), "The candidate")
    if (kind := candidate.classes()[0]) != "DummyRegressor":
        raise NotYetError(f"The candidate is a {kind}.", "Let a DummyRegressor try.")
    data = diabetes()
    guess = logged_models.numbers(candidate.answer(data.X_test), "The guesses")
    if not math.isclose(guess[0], mean := float(data.y_train.mean()), rel_tol=1e-6):
        raise NotYetError(
            f"The candidate guesses {guess[0]:.4g}; the mean of the training rows is {mean:.4g}.",
            "Fit a DummyRegressor() on X_train and y_train.",
        )
    for role, found in (("candidate", guess), ("baseline", predictions())):
        expected = evaluated.of_regressor(data.y_test.to_numpy(), found)
        verdicts.saw(run, role, "mean_absolute_error", expected)
    verdicts.as_logged(verdict, run)
    return f"The gate refused the {kind}: its error was wanted {wanted}."


def _against(run: Any, baseline: Any) -> Stored:
    """The gate compared with the model of task 1."""
    against = logged_models.stored_model(logged_runs.parameter(run, "baseline"), "The baseline")
    if against.record.model_id != own(baseline, "baseline").record.model_id:
        raise NotYetError("The gate compared with another model.", "Take the model of task 1 as the baseline.")
    return first(baseline, "baseline")


def measured(answers: Any, latency: Any, run_id: Any, model_uri: Any, rows: Any) -> str:
    """Task 9: the answers of a server, and how fast they came.

    Recomputed: the predictions of the model for all test rows.
    Cross-examined: the logged p99 against the requests that were timed; the run's experiment and status.
    Plausible: the times themselves, which nobody can measure again: positive, and not all the same.
    Not checked: that the answers came from a server.
    """
    if isinstance(answers, dict):  # the reply of the server as it came
        answers = answers.get("predictions", answers)
    found = logged_models.numbers(sequence(answers, "answers"), "The answers")
    expected = _answers(first(model_uri), rows)
    if len(found) != len(expected):
        raise NotYetError(f"There are {len(found)} answers for {len(expected)} test rows.", "Send all of X_test.")
    if not abs(found - expected).max() < logged_models.ALL_CLOSE * abs(expected).max():
        raise NotYetError("The answers are not those of your model.", "Serve the model of task 1.")
    p99 = latencies.enough(latency, FEWEST_REQUESTS).percentiles["p99"]
    logged = logged_runs.metric(logged_runs.run_in(EXPERIMENT, run_id), "latency_p99_ms")
    if not math.isclose(logged, p99, rel_tol=1e-3, abs_tol=0.0006):
        raise NotYetError(
            f"latency_p99_ms is {logged:.3g}, but p99 is {p99:.3g} ms.", "Log latency.percentiles['p99']."
        )
    if p99 >= LATENCY_LIMIT:
        raise NotYetError(f"99 % of the answers came within {p99:.4g} ms.", f"Get below {LATENCY_LIMIT} ms.")
    return f"The server answers as the model does, 99 % of the time within {p99:.3g} ms."


def _cost(found: Any, truth: Any) -> float:
    """The metric of the task: 3 for each point too low, 1 for each point too high."""
    import numpy as np

    missing = truth - found
    return float(np.where(missing > 0, 3 * missing, -missing).mean())


def through_the_gate(verdict: Any, baseline: Any, rows: Any, y_test: Any) -> str:
    """Task 10, open: a candidate that passes a stated gate, computed anew from the stored models.

    Recomputed: the cost of both models on the test rows, and on which rows the candidate was trained: a model of
    scikit-learn or XGBoost is trained again on different rows, and compared.
    Cross-examined: thresholds, candidate, baseline and decision of the verdict against verdict.txt and its runs.
    Plausible: the cost of other kinds of models, which no training on the training rows brings below 80 %.
    Not checked: whether a part of the test rows was among the rows that the candidate was trained on. What the tag why
    says; it is read by a teacher. verdict.html, which says the same in colours; the metric score, which MLflow adds
    for some models.
    """
    run = verdicts.verdict_run(verdict)
    wanted = verdicts.demand(verdict, "mean_cost")
    if "10 % below the baseline" not in wanted.split(", "):
        raise NotYetError(f"The cost is wanted {wanted or 'as it is'}.", "Use the thresholds of this task.")
    if not verdict:
        raise NotYetError("The gate refused the candidate.", "What if the model aimed higher than the middle?")
    candidate, truth = own(logged_runs.parameter(run, "candidate"), "The candidate"), _truth(y_test)
    found, usual = _answers(candidate, rows), predictions()
    before, after = _cost(usual, truth), _cost(found, truth)
    if after > (1 - LEAST_GAIN) * before:
        raise NotYetError(
            f"On the test rows the candidate costs {after:.3g}, the model of task 1 {before:.3g}.",
            "Validate on the test rows, against the model of task 1.",
        )
    _honest(candidate, found, before, after)
    _against(run, baseline)
    for role, each, mean_cost in (("candidate", found, after), ("baseline", usual, before)):
        verdicts.saw(run, role, "mean_cost", {**evaluated.of_regressor(truth, each), "mean_cost": mean_cost})
    verdicts.as_logged(verdict, run)
    if not candidate.record.tags.get("why", "").strip():
        raise NotYetError("The candidate has no tag 'why'.", "Store it with tags={'why': …}: your idea in a sentence.")
    return f"Your model costs {after:.3g} instead of {before:.3g}, and the verdict proves it."


def _honest(candidate: Stored, found: Any, before: float, after: float) -> None:
    """The candidate does not know the test rows."""
    data = diabetes()
    training.on_training_rows(candidate, found, data)
    if after < (1 - POSSIBLE_GAIN) * before:
        raise NotYetError(
            f"The candidate costs {after:.3g}, which no model of the training rows does.",
            "Train it on X_train and y_train alone: the test rows are for the proof.",
        )
    known = logged_models.numbers(candidate.answer(data.X_train), "The predictions")
    learned = _cost(known, data.y_train.to_numpy())
    if after < (1 - NO_OVERFIT) * learned:
        raise NotYetError(
            f"The candidate costs {learned:.3g} on the training rows, and {after:.3g} on the test rows.",
            "A model knows best what it was trained on: train it on X_train and y_train.",
        )
