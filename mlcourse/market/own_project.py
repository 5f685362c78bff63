"""Checks of the assignment of part 5 that decide and answer: tasks 5 and 6; and what all tasks look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import apart, same, sequence, shown
from mlcourse.market import recomputed
from mlcourse.models import logged_models, verdicts
from mlcourse.models.logged_models import Stored
from mlcourse.registry import registered_models
from mlworkbench import data
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow.entities import Run

EXPERIMENT = "exercises: market"
PRICES = {"nasdaq": data.load_nasdaq, "vix": data.load_vix}
WINDOW, HELD_OUT, ASKED = 14, 250, 20
NEWEST = "sweep.table leaves out the newest evening, since nobody knows its answer yet. "
HALF, HIGHER = 0.5, 0.55
ALIASES = {"candidate", "production"}
SERVED = "up_tomorrow"
DEMANDS = {"accuracy_score": "0.01 above the baseline", "gain_low": "at least 0"}
"""Of the gate of lesson 5.4, in its words."""
_AS_TOLD = {"accuracy_score": "an accuracy", "gain_low": "a gain_low"}


def ups(symbol: Any) -> pd.Series:
    """1 for each day of the learner's index that closed higher than the day before, else 0."""
    if not isinstance(symbol, str) or symbol not in PRICES:
        raise NotYetError(f"symbol is {shown(symbol)}.", "Choose 'nasdaq' or 'vix'.")
    return (PRICES[symbol]()["close"].diff().iloc[1:] > 0).astype("int64")


def own_run(answer: Any, symbol: str, what: str = "run") -> Run:
    """A finished run of the assignment that says of which index it speaks."""
    run = logged_runs.run_in(EXPERIMENT, answer, what)
    if (found := logged_runs.parameter(run, "symbol")) != symbol:
        raise NotYetError(f"The run {shown(run.info.run_name)} is about {shown(found)}.", f"Take {symbol!r}.")
    return run


def _served(model_uri: Any, symbol: str) -> Stored:
    """A model of the assignment that serving.log_served has made for this index, of windows alone."""
    stored = logged_models.stored_model(model_uri)
    logged_models.in_experiment(stored, EXPERIMENT)
    if (name := stored.record.name) != SERVED:
        raise NotYetError(f"The model is called {shown(name)}.", "Log it with serving.log_served; give its model_uri.")
    inputs = stored.file.signature.inputs if stored.file.signature else None
    if inputs is None or not inputs.is_tensor_spec() or inputs.inputs[0].shape != (-1, WINDOW):
        raise NotYetError(f"The model takes {inputs}.", f"Log it with group='window' and window={WINDOW}.")
    if more := (stored.flavors["python_function"].get("config") or {}).get("features", ["unknown"]):
        raise NotYetError(f"Beyond the window, the model takes {len(more)} features.", "Log it with group='window'.")
    if (learnt := logged_models.default_of(stored, "symbol")) != symbol:
        raise NotYetError(f"The model is for {shown(learnt)}.", f"Log it with symbol={symbol!r}.")
    return stored


def decided(symbol: Any, model_uri: Any, verdict: Any) -> str:
    """Task 5: the gate decides on days that were held out.

    Recomputed: the model is fitted again on the days before, and both are asked about the days held out; accuracy and
    gain_low, and what the gate says of them.
    Cross-examined: what the gate saw and wanted; the verdict against verdict.txt.
    Not checked: the name of the baseline in the run; verdict.html, which says the same in colours.
    """
    _judged(symbol, model_uri, verdict)
    run = verdicts.verdict_run(verdict)
    verdicts.as_logged(verdict, run)
    return f"Compared with {run.data.params.get('baseline')}: {verdict.headline}"


def _judged(symbol: Any, model_uri: Any, verdict: Any) -> Stored:
    """The model of task 5, which the verdict is about."""
    ups(symbol)
    stored = _served(model_uri, symbol)
    if isinstance(verdict, tuple):
        raise NotYetError("verdict is a pair.", "judge returns (verdict, rule): give the first.")
    run = verdicts.verdict_run(verdict)
    verdicts.demand(verdict, "gain_low")
    judged = logged_models.stored_model(logged_runs.parameter(run, "candidate"), "The candidate").record.model_id
    if judged != stored.record.model_id:
        raise NotYetError("The gate judged another model.", "Judge the model that you give.")
    said, held = _held_out(stored, symbol)
    for name, value in recomputed.gate(said, held).items():
        _saw(verdict, name, value)
    for name, wanted in DEMANDS.items():
        if (found := verdicts.demand(verdict, name)) != wanted:
            raise NotYetError(f"Of {name} your gate wanted {shown(found)}.", f"Let gate.judge decide: {wanted}.")
    passed = recomputed.passes(said, held)
    if bool(verdict) != passed:
        raise NotYetError(
            f"The verdict says {_told(bool(verdict))}; of these numbers the gate says {_told(passed)}.",
            "Give the verdict as gate.judge returns it.",
        )
    return stored


def _told(passed: bool) -> str:
    return "passed" if passed else "refused"


def _saw(verdict: Any, name: str, value: float) -> None:
    """The gate saw this number of the candidate."""
    rows = verdict.table[verdict.table["metric"] == name]
    if rows.empty:
        raise NotYetError(f"The verdict tells of no {name}.", "Let gate.judge decide.")
    try:
        found = float(rows["candidate"].iloc[0])
    except (TypeError, ValueError) as error:
        raise NotYetError(f"The verdict has no number as {name}.", "Let gate.judge decide.") from error
    if not same(found, value):
        told, right = apart(found, value)
        raise NotYetError(
            f"The gate saw {_AS_TOLD[name]} of {told}; on the last {HELD_OUT} days it is {right}.",
            f"Judge the second of what walk_forward.split_off(table, {HELD_OUT}) returns.",
        )


def _held_out(stored: Stored, symbol: str) -> tuple[np.ndarray, pd.DataFrame]:
    """What the model says of the days held out, as if it had never seen them, and these days."""
    from stock_market import candidates, walk_forward, windows

    model = logged_runs.parameter(logged_runs.known_run(stored.record.source_run_id), "model")
    recomputed.known(model)
    before, held = walk_forward.split_off(recomputed.table(symbol), HELD_OUT)
    names = windows.names(WINDOW)
    again = candidates.probability(candidates.fit(model, before[names], before["answer"]), held[names])
    said = stored.answer(held[names].to_numpy())
    if others := int((said != (again > HALF)).sum()):
        accuracy = float((said == held["answer"].to_numpy()).mean())
        raise NotYetError(
            f"Of the {HELD_OUT} days held out, it is right on {accuracy:.2f}; on {others} of them it answers otherwise "
            f"than {model!r} that was fitted on the days before.",
            f"Fit it on the first of what walk_forward.split_off(table, {HELD_OUT}) returns, and on nothing else.",
        )
    return said, held


def asked(symbol: Any, model_uri: Any, verdict: Any, version: Any, rows: Any, half: Any, higher: Any) -> str:
    """Task 6: a registered version with the right alias, asked at two thresholds.

    Recomputed: the windows, what the model answers at both thresholds, and what the gate says of it.
    Cross-examined: version and alias.
    Not checked: the baseline in the run of the verdict, verdict.txt and verdict.html; task 5 looks at the verdict.
    Other files, other tags and other parameters of the runs, and whether one is unfinished.
    """
    import numpy as np

    stored, name = _judged(symbol, model_uri, verdict), f"up-{symbol}"
    every = ups(symbol).to_numpy()
    mine = registered_models.version_of(version, name)
    if int(mine.version) not in registered_models.versions_of(model_uri, name, "the model of task 5"):
        raise NotYetError(f"Version {mine.version} is another model.", "Register the model of task 5.")
    _has_the_alias(name, mine.version, "production" if verdict else "candidate")
    windows = np.lib.stride_tricks.sliding_window_view(every, WINDOW)
    expected = windows[-ASKED:]
    given = _array(rows)
    if not np.array_equal(given, expected):
        early = np.array_equal(given, windows[-ASKED - 1 : -1])
        raise NotYetError(
            f"rows has the shape {given.shape}, and is not the last {ASKED} windows of {symbol}.",
            f"{NEWEST if early else ''}windows.windows(close).tail(20).to_numpy(), newest evening last.",
        )
    ups_said = [_answered(stored, expected, *each) for each in (("half", half, HALF), ("higher", higher, HIGHER))]
    return f"Up on {ups_said[0]} of {ASKED} evenings at {HALF}, on {ups_said[1]} at {HIGHER}."


def _array(rows: Any) -> np.ndarray:
    """What was given as windows; without a shape where it is none."""
    import numpy as np

    try:
        return np.asarray(rows)
    except ValueError:  # rows of different lengths
        return np.asarray(None)


def _has_the_alias(name: str, version: str, alias: str) -> None:
    held = set(logged_runs.client().get_model_version(name, version).aliases)
    if held & ALIASES != {alias}:
        found = ", ".join(sorted(held)) or "none"
        raise NotYetError(f"Aliases of version {version}: {found}.", f"After this verdict it gets {alias!r} alone.")


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
