"""Checks of the assignment of part 5 that decide, answer and watch: tasks 5 to 7; and what all its tasks look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench import data
from mlworkbench.checks import look, look_models, look_registry
from mlworkbench.checks.answers import sequence, shown
from mlworkbench.checks.feedback import NotYetError
from mlworkbench.checks.look_models import Stored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.entities import Run

EXPERIMENT = "exercises: market"
PRICES = {"nasdaq": data.load_nasdaq, "vix": data.load_vix}
WINDOW, ASKED, HIGHER, FIRST_MONTH = 14, 20, 0.55, 199901


def ups(symbol: Any) -> pd.Series:
    """1 for each day of the learner's index that closed higher than the day before, else 0."""
    if not isinstance(symbol, str) or symbol not in PRICES:
        raise NotYetError(f"symbol is {shown(symbol)}.", "Choose 'nasdaq' or 'vix'.")
    return (PRICES[symbol]()["close"].diff().iloc[1:] > 0).astype("int64")


def own_run(answer: Any, symbol: str, what: str = "run") -> Run:
    """A finished run of the assignment that says of which index it speaks."""
    run = look.run_in(EXPERIMENT, answer, what)
    if (found := look.parameter(run, "symbol")) != symbol:
        raise NotYetError(f"The run {shown(run.info.run_name)} is about {shown(found)}.", f"Take {symbol!r}.")
    return run


def _served(model_uri: Any, symbol: str) -> Stored:
    """A model of the assignment that serving.log_served has made for this index."""
    stored = look_models.stored_model(model_uri)
    look_models.in_experiment(stored, EXPERIMENT)
    look_models.called(stored, "up_tomorrow")
    inputs = stored.file.signature.inputs if stored.file.signature else None
    if inputs is None or not inputs.is_tensor_spec() or inputs.inputs[0].shape != (-1, WINDOW):
        raise NotYetError(f"The model takes {inputs}.", f"Log it with group='window' and window={WINDOW}.")
    if (learnt := look_models.default_of(stored, "symbol")) != symbol:
        raise NotYetError(f"The model is for {shown(learnt)}.", f"Log it with symbol={symbol!r}.")
    return stored


def decided(symbol: Any, model_uri: Any, verdict: Any) -> str:
    """Task 5: the gate decides on days that were held out."""
    ups(symbol)
    stored = _served(model_uri, symbol)
    run = look_models.verdict_run(verdict)
    look_models.demand(verdict, "gain_low")
    judged = look_models.stored_model(run.data.params["candidate"], "The candidate").record.model_id
    if judged != stored.record.model_id:
        raise NotYetError("The gate judged another model.", "Judge the model that you give.")
    return f"The gate has decided against {run.data.params['baseline']}: {verdict.headline}"


def asked(symbol: Any, model_uri: Any, verdict: Any, version: Any, rows: Any, half: Any, higher: Any) -> str:
    """Task 6: a registered version with the right alias, asked at two thresholds."""
    import numpy as np

    every = ups(symbol).to_numpy()
    stored, name = _served(model_uri, symbol), f"up-{symbol}"
    mine = look_registry.version_of(version, name)
    if int(mine.version) not in look_registry.versions_of(model_uri, name, "the model of task 5"):
        raise NotYetError(f"Version {mine.version} is another model.", "Register the model of task 5.")
    alias = "production" if verdict else "candidate"
    if (held := look.client().get_model_version(name, mine.version).aliases) != [alias]:
        found = ", ".join(held) or "none"
        raise NotYetError(
            f"Aliases of version {mine.version}: {found}.", f"After this verdict it gets {alias!r} alone."
        )
    expected = np.lib.stride_tricks.sliding_window_view(every, WINDOW)[-ASKED:]
    if not np.array_equal(np.asarray(rows), expected):
        raise NotYetError(
            f"rows has the shape {np.shape(rows)}, and is not the last {ASKED} windows of {symbol}.",
            "windows.windows(close).tail(20).to_numpy(), newest evening last.",
        )
    ups_said = [_answered(stored, expected, *each) for each in (("half", half, 0.5), ("higher", higher, HIGHER))]
    return f"Up on {ups_said[0]} of {ASKED} evenings at 0.5, on {ups_said[1]} at {HIGHER}; it has {alias!r}."


def _answered(stored: Stored, rows: np.ndarray, what: str, given: Any, threshold: float) -> int:
    """The learner's answers are the model's at this threshold; returns how many say up."""
    right = [bool(answer) for answer in stored.answer(rows, params={"threshold": threshold})]
    if (found := sequence(given, what)) != right:
        wrong = sum(a != b for a, b in zip(found, right, strict=False))
        raise NotYetError(
            f"{what} has {len(found)} answers; {wrong} differ from the model's at {threshold}.",
            "Ask for all rows at once, with params={'threshold': …}.",
        )
    return sum(right)


def watched(symbol: Any, run: Any, first_alert: Any) -> str:
    """Task 7: months of monitoring as metrics over time, and the first alert."""
    ups(symbol)
    mine = own_run(run, symbol)
    history = look.metric_history(mine, "drift_share", 3)
    if history[0].step < FIRST_MONTH:
        raise NotYetError(f"A step is {history[0].step}.", "Let monitor.log write the months, as in 200810.")
    for name in ("months.csv", "report.html"):
        look.artifact(mine, name, "monitor.log")
    logged = mine.data.tags.get("alert", "").partition(":")[0]
    if str(first_alert) != logged:
        raise NotYetError(f"first_alert is {shown(first_alert)}.", "Read the run's tag alert: a month, or 'none'.")
    return f"{len(history)} months were watched; first alert: {logged}."
