"""Checks of the assignment of part 5. They compute from prices, runs and stored models; no answer is kept here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlworkbench.checks import look, market
from mlworkbench.checks.answers import number, sequence, shown
from mlworkbench.checks.feedback import NotYetError, Task
from mlworkbench.checks.market_gate import EXPERIMENT, asked, decided, own_run, ups, watched

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

RULES = {"always_up", "always_down", "persistence"}
FEWEST_MODELS, FEWEST_MONTHS = 2, 45  # the VIX has 60 months, of which walking forward leaves 49
CLOSE = 0.02  # parts of the days that start a little earlier or later may differ so much


def _runs(answers: Any, symbol: str) -> list[Run]:
    return [own_run(each, symbol, "a run") for each in sequence(answers, "runs")]


def delivered(run: Any, clean: Any, delivery: Any) -> str:
    """Task 1: what is wrong with a file of prices is reported, and what is right is kept."""
    import pandas as pd

    raw = pd.read_csv(delivery, dtype=str, index_col=0)
    values, twice = pd.to_numeric(raw["close"], errors="coerce"), raw.index.duplicated()
    wrong = {"no number": values.isna(), "not positive": values <= 0, "twice": pd.Series(twice, raw.index)}
    mine = look.run_in(EXPERIMENT, run, "run")
    kinds = sum(found.any() for found in wrong.values())
    if look.metric(mine, "problems") != kinds:
        raise NotYetError(f"problems is {mine.data.metrics['problems']:.0f}.", "Log the number of rows of the report.")
    look.table(mine, "report.json", {"found", "rows", "do"})
    right = raw.index[~(wrong["no number"] | wrong["not positive"]).to_numpy() & ~twice]
    _kept(clean, pd.to_datetime(right))
    return f"{kinds} kinds of problems were reported; {len(right)} of {len(raw)} rows are good."


def _kept(clean: Any, right: pd.DatetimeIndex) -> None:
    import pandas as pd

    if not isinstance(clean, pd.DataFrame) or "close" not in clean:
        raise NotYetError("clean is not a table with a column 'close'.", "Give what prices.checked returns.")
    if not isinstance(clean.index, pd.DatetimeIndex) or clean["close"].dtype != float:
        raise NotYetError("clean holds texts.", "prices.checked makes dates and numbers of them.")
    if bad := len(clean.index.difference(right)) + int(clean.index.duplicated().sum()):
        raise NotYetError(f"clean still has {bad} bad row(s).", "The report tells what is wrong, and where first.")
    if lost := len(right.difference(clean.index)):
        raise NotYetError(
            f"{lost} good row(s) are lost.", "Leave out the bad rows only; one of two equal days is good."
        )


def judged_rules(symbol: Any, runs: Any, best: Any) -> str:
    """Task 2: three rules, judged by the criterion, and the best of them."""
    up = float(ups(symbol).mean())
    mine = {run.info.run_name: run for run in _runs(runs, symbol)}
    if missing := RULES - set(mine):
        raise NotYetError(f"There is no run called {min(missing)}.", f"Give one of each: {', '.join(sorted(RULES))}.")
    for run in mine.values():
        market.judged(run, FEWEST_MONTHS)
    for name, expected in (("always_up", up), ("always_down", 1 - up)):
        if not math.isclose(found := look.metric(mine[name], "accuracy"), expected, abs_tol=CLOSE):
            raise NotYetError(
                f"{name} is right on {found:.3f} of the days; {symbol} went that way on {expected:.3f}.",
                "Judge every day of this index, by the answer of the day.",
            )
    reached = {name: mine[name].data.metrics["accuracy"] for name in RULES}
    if reached.get(str(best)) != max(reached.values()):
        raise NotYetError(f"best is {shown(best)}.", "Give the name of the rule with the highest accuracy.")
    return f"{best} is right on {reached[best]:.3f} of the days: this has to be beaten."


def walked(symbol: Any, runs: Any, better: Any) -> str:
    """Task 3: two models under walk-forward validation, and how they compare with the best rule."""
    up = float(ups(symbol).mean())
    mine = {look.parameter(run, "model"): run for run in _runs(runs, symbol)}
    if len(mine) < FEWEST_MODELS:
        raise NotYetError(f"The runs are of {len(mine)} model(s).", "Give the runs of two different models.")
    rules = {name: _rule_behind(run) for name, run in mine.items()}
    if not math.isclose(max(rules.values()), min(rules.values())):
        told = ", ".join(f"{name} {rule:.3f}" for name, rule in rules.items())
        raise NotYetError(f"Accuracy minus gain is not the same: {told}.", "Compare with one rule, on the same days.")
    rule = next(iter(rules.values()))
    if not math.isclose(rule, max(up, 1 - up), abs_tol=CLOSE):
        raise NotYetError(f"The gains are against a rule that is right on {rule:.3f}.", "Take the best of task 2.")
    surely = sorted(name for name, run in mine.items() if run.data.metrics["gain_low"] > 0)
    if (named := sorted(map(str, sequence(better, "better")))) != surely:
        raise NotYetError(
            f"better is {shown(named)}.",
            "Name the models whose whole interval of the gain is above 0; [] if there is none.",
        )
    return f"{len(mine)} models, the same days, one rule; surely better: {', '.join(surely) or 'none'}."


def _rule_behind(run: Run) -> float:
    """The accuracy of the rule that a run was compared with."""
    market.judged(run, FEWEST_MONTHS)
    low, gain, high = (look.metric(run, name, -1, 1) for name in ("gain_low", "gain", "gain_high"))
    if not low < gain < high:
        raise NotYetError(f"The gain {gain:.3f} is not between {low:.3f} and {high:.3f}.", "gate.gain gives all three.")
    return look.metric(run, "accuracy") - gain


def leaked(symbol: Any, run: Any, honest: Any) -> str:
    """Task 4: the leak of a random split, and which number is to be reported."""
    ups(symbol)
    mine = own_run(run, symbol)
    true, claimed = market.leakage(mine)
    if float(look.parameter(mine, "horizon")) <= 1:
        raise NotYetError("The horizon is one day.", "Look 20 days ahead: then answers share days.")
    if not math.isclose(number(honest, "honest"), true, abs_tol=0.006):
        if math.isclose(honest, claimed, abs_tol=0.006):
            raise NotYetError("That is what the random split claims.", "Report what holds for days to come.")
        raise NotYetError(f"honest is {honest:.3f}.", "Give one of the two accuracies of your run.")
    return f"You report {true:.2f}, although a random split would have claimed {claimed:.2f}."


_HINTED: dict[str, tuple[Any, str, str]] = {
    "market.1": (
        delivered,
        "Lesson 5.2, 'Check before you learn': prices.read keeps what is wrong so that prices.problems can see it.",
        "Keep rows where pd.to_numeric(…, errors='coerce') is above 0 and index.duplicated() is False.",
    ),
    "market.2": (
        judged_rules,
        "Lesson 5.1, 'Try what needs no learning'. sweep.table gives a row with its answer for each day.",
        "Set the dates as index (set_index('event_timestamp')), so that criterion.summary finds the months.",
    ),
    "market.3": (
        walked,
        "Lesson 5.3, 'Try four models' and 'Ask whether it is luck'.",
        "gate.gain(probability above 0.5, what the rule says, answers) gives gain_low, gain and gain_high, in order.",
    ),
    "market.4": (
        leaked,
        "Lesson 5.2, 'Split in time, or fool yourself', with prices of your index.",
        "The table needs the horizon, and walk_forward.leakage needs it again, for the gap.",
    ),
    "market.5": (
        decided,
        "walk_forward.split_off, candidates.fit, serving.log_served, gate.judge, in this order; read their docstrings.",
        "log_served takes group='window', symbol, window=14 and store='': such a model needs no feature store.",
    ),
    "market.6": (
        asked,
        "wb.register gives the version; set_registered_model_alias takes name, alias and version.",
        "loaded.predict(rows, params={'threshold': 0.55}), with rows of int64 from windows.windows.",
    ),
    "market.7": (
        watched,
        "monitor.by_month compares each month with a calm time; monitor.log writes it all to the active run.",
        "The table needs the columns answer and prediction and the time as its index; .loc['2008-08':'2008-11'] takes "
        "four months of it.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
