"""Checks of the assignment of part 5 that decide, answer, watch and keep: tasks 5 to 8; and what all tasks look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import same, sequence, shown
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
WINDOW, HELD_OUT, ASKED, FEWEST_WATCHED = 14, 250, 20, 3
NEWEST = "sweep.table leaves out the newest evening, since nobody knows its answer yet. "
FEWEST_CALM, MOST_CALM, TOO_GOOD = 180, 550, 0.8
HALF, HIGHER = 0.5, 0.55
SERVED, SEEN = "up_tomorrow", ["return_1", "return_60", "answer"]


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
    if more := stored.flavors["python_function"]["config"]["features"]:
        raise NotYetError(f"Beyond the window, the model takes {len(more)} features.", "Log it with group='window'.")
    if (learnt := logged_models.default_of(stored, "symbol")) != symbol:
        raise NotYetError(f"The model is for {shown(learnt)}.", f"Log it with symbol={symbol!r}.")
    return stored


def decided(symbol: Any, model_uri: Any, verdict: Any) -> str:
    """Task 5: the gate decides on days that were held out.

    Recomputed: the model is fitted again on the days before, and both are asked about the days held out.
    Cross-examined: the accuracy that the gate saw.
    """
    _judged(symbol, model_uri, verdict)
    return f"Compared with {verdicts.verdict_run(verdict).data.params['baseline']}: {verdict.headline}"


def _judged(symbol: Any, model_uri: Any, verdict: Any) -> Stored:
    """The model of task 5, which the verdict is about."""
    ups(symbol)
    stored = _served(model_uri, symbol)
    if isinstance(verdict, tuple):
        raise NotYetError("verdict is a pair.", "judge returns (verdict, rule): give the first.")
    run = verdicts.verdict_run(verdict)
    verdicts.demand(verdict, "gain_low")
    judged = logged_models.stored_model(run.data.params["candidate"], "The candidate").record.model_id
    if judged != stored.record.model_id:
        raise NotYetError("The gate judged another model.", "Judge the model that you give.")
    accuracy = _held_out(stored, symbol)
    said = verdict.table.set_index("metric").loc["accuracy_score", "candidate"]
    if not same(said, accuracy):
        raise NotYetError(
            f"The gate saw an accuracy of {said:.3f}; on the last {HELD_OUT} days it is {accuracy:.3f}.",
            f"Judge the second of what walk_forward.split_off(table, {HELD_OUT}) returns.",
        )
    return stored


def _held_out(stored: Stored, symbol: str) -> float:
    """How often the model is right on the days held out, where it must answer as if it had never seen them."""
    from stock_market import candidates, walk_forward, windows

    model = logged_runs.parameter(logged_runs.known_run(stored.record.source_run_id), "model")
    recomputed.known(model)
    before, held = walk_forward.split_off(recomputed.table(symbol), HELD_OUT)
    names = windows.names(WINDOW)
    again = candidates.probability(candidates.fit(model, before[names], before["answer"]), held[names])
    said = stored.answer(held[names].to_numpy())
    accuracy = float((said == held["answer"].to_numpy()).mean())
    if others := int((said != (again > HALF)).sum()):
        raise NotYetError(
            f"Of the {HELD_OUT} days held out, it is right on {accuracy:.2f}; on {others} of them it answers otherwise "
            f"than {model!r} that was fitted on the days before.",
            f"Fit it on the first of what walk_forward.split_off(table, {HELD_OUT}) returns, and on nothing else.",
        )
    return accuracy


def asked(symbol: Any, model_uri: Any, verdict: Any, version: Any, rows: Any, half: Any, higher: Any) -> str:
    """Task 6: a registered version with the right alias, asked at two thresholds.

    Recomputed: the windows, and what the model answers at both thresholds.
    Cross-examined: version and alias.
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
    if not np.array_equal(np.asarray(rows), expected):
        early = np.array_equal(np.asarray(rows), windows[-ASKED - 1 : -1])
        raise NotYetError(
            f"rows has the shape {np.shape(rows)}, and is not the last {ASKED} windows of {symbol}.",
            f"{NEWEST if early else ''}windows.windows(close).tail(20).to_numpy(), newest evening last.",
        )
    ups_said = [_answered(stored, expected, *each) for each in (("half", half, HALF), ("higher", higher, HIGHER))]
    return f"Up on {ups_said[0]} of {ASKED} evenings at {HALF}, on {ups_said[1]} at {HIGHER}."


def _has_the_alias(name: str, version: str, alias: str) -> None:
    if (held := logged_runs.client().get_model_version(name, version).aliases) != [alias]:
        found = ", ".join(held) or "none"
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


def watched(symbol: Any, run: Any, reference: Any, current: Any, first_alert: Any) -> str:
    """Task 7: months of monitoring as metrics over time, and the first alert.

    Recomputed: the features and answers of the days, and how calm the reference is.
    Cross-examined: months, steps, files and the first alert; predictions that are the answers.
    Not checked: which rule or model has made the predictions.
    """
    ups(symbol)
    mine = own_run(run, symbol)
    for name, days in (("reference", reference), ("current", current)):
        _of_the_index(days, name, symbol)
    months = current.index.tz_localize(None).to_period("M").unique()
    if len(months) < FEWEST_WATCHED or (months[-1] - months[0]).n + 1 != len(months):
        raise NotYetError(f"You watch {', '.join(map(str, months[:6]))}.", "Watch at least three months in a row.")
    if reference.index.max() >= current.index.min():
        raise NotYetError("The reference does not end before the watched days begin.", "Take a calm time before them.")
    steps = [point.step for point in logged_runs.metric_history(mine, "drift_share", 1)]
    if steps != [month.year * 100 + month.month for month in months]:
        raise NotYetError(
            f"The steps go from {steps[0]} to {steps[-1]}, the watched months from {months[0]} to {months[-1]}.",
            "Let monitor.log write these months, as in 200810 for October 2008.",
        )
    for name in ("months.csv", "report.html"):
        logged_runs.artifact(mine, name, "monitor.log")
    logged = mine.data.tags.get("alert", "").partition(":")[0]
    if str(first_alert) != logged:
        raise NotYetError(f"first_alert is {shown(first_alert)}.", "Read the run's tag alert: a month, or 'none'.")
    _calm(reference, symbol)
    _foretold(reference, current)
    return f"{len(months)} months were watched; first alert: {logged}."


def _calm(reference: pd.DataFrame, symbol: str) -> None:
    """The reference has one or two years, in which prices moved less than they mostly did."""
    if not FEWEST_CALM <= len(reference) <= MOST_CALM:
        raise NotYetError(f"The reference has {len(reference)} days.", "Take one or two years.")
    found, usual = reference["return_1"].std(), recomputed.by_day(symbol)["return_1"].std()
    if found > usual:
        raise NotYetError(
            f"On the days of the reference the return spreads by {found:.2g}, on all days by {usual:.2g}.",
            "Choose a calm time as the reference.",
        )


def _foretold(*tables: pd.DataFrame) -> None:
    """Predictions that were made the evening before are not all right."""
    for days in tables:
        right = float((days["prediction"].astype(bool) == days["answer"].astype(bool)).mean())
        if right > TOO_GOOD:
            raise NotYetError(
                f"The predictions are right on {right:.2f} of the days, as if they had been told the answer.",
                "Give what the best rule of task 2, or a model of yours, said of each day.",
            )


def _of_the_index(days: Any, name: str, symbol: str) -> None:
    """A table holds days of the index with a prediction, indexed by time."""
    import pandas as pd

    if not isinstance(days, pd.DataFrame) or not isinstance(days.index, pd.DatetimeIndex) or days.empty:
        raise NotYetError(f"{name} is no table indexed by time.", "days.loc['2005':'2006'] takes two years of it.")
    if missing := sorted({*SEEN, "prediction"} - set(days.columns)):
        raise NotYetError(f"{name} has no column {', '.join(missing)}.", "Add prediction with .assign(prediction=…).")
    if not days[SEEN].equals(recomputed.by_day(symbol)[SEEN].reindex(days.index)):
        raise NotYetError(f"{name} does not hold days of {symbol}.", f"Take them from sweep.table(series, {symbol!r}).")
