"""Checks of the assignment of part 5. They compute from prices, runs and stored models; no answer is kept here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import ROUNDING, number, same, sequence, shown
from mlcourse.market import lessons, recomputed
from mlcourse.market.deliveries import delivered
from mlcourse.market.left_to_others import kept
from mlcourse.market.own_project import asked, decided, own_run, ups
from mlcourse.market.pilots import honest_pilot
from mlcourse.market.watching import watched
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

RULES = ("always_up", "always_down", "persistence")
FEWEST_MODELS, FEWEST_MONTHS = 2, 45  # the VIX has 60 months, of which walking forward leaves 49
PERCENT = 1.5  # a gain with so wide an interval is no part of the days


def _runs(answers: Any, symbol: str) -> list[Run]:
    if not isinstance(answers, list | tuple):
        raise NotYetError(f"runs is of type {type(answers).__name__}.", "Give the runs as a list: [first, second].")
    return [own_run(each, symbol, "a run") for each in answers]


def judged_rules(symbol: Any, runs: Any, best: Any) -> str:
    """Task 2: three rules, judged by the criterion, and the best of them.

    Recomputed: what each rule reaches on all days, of the table or of the prices, and which is the best.
    """
    from stock_market.heuristics import HEURISTICS

    ups(symbol)
    mine = {run.info.run_name: run for run in _runs(runs, symbol)}
    if missing := set(RULES) - set(mine):
        raise NotYetError(f"There is no run called {min(missing)}.", f"Give one of each: {', '.join(sorted(RULES))}.")
    for run in mine.values():
        lessons.judged(run, FEWEST_MONTHS)
    days = _days_of(mine["always_up"], symbol)
    for name in RULES:
        expected = recomputed.summary(HEURISTICS[name](days), days, RULES)
        do = f"Judge every day of sweep.table(series, {symbol!r}), against the accuracy of the best of the three rules."
        recomputed.agree(mine[name], expected, do)
    reached, best = {name: mine[name].data.metrics["accuracy"] for name in RULES}, str(best)
    if reached.get(best) != max(reached.values()):
        raise NotYetError(f"best is {shown(best)}.", "Give the name of the rule with the highest accuracy.")
    return f"{best} is right on {reached[best]:.3f} of the days: this has to be beaten."


def _days_of(run: Run, symbol: str) -> pd.DataFrame:
    """The days that a run of always_up has judged: those of the features, or those of the prices, which are more."""
    days, more = recomputed.by_day(symbol), recomputed.all_windows(symbol)
    ups = logged_runs.metric(run, "accuracy")
    return min(days, more, key=lambda each: abs(each["answer"].mean() - ups))


def walked(symbol: Any, runs: Any, better: Any) -> str:
    """Task 3: two models under walk-forward validation, and how they compare with the best rule.

    Recomputed: how often the best rule is right on the days that are walked; accuracy and gain of each model, with
    their intervals.
    Cross-examined: accuracy, gain and interval of each run; the names of those that are better.
    Plausible: the numbers of keras, which learns otherwise on every machine; it counts as none of the two models.
    """
    ups(symbol)
    mine = {logged_runs.parameter(run, "model"): run for run in _runs(runs, symbol)}
    if len(again := set(mine) & set(recomputed.FITTED_AGAIN)) < FEWEST_MODELS:
        told = ", ".join(recomputed.FITTED_AGAIN)
        raise NotYetError(f"The runs are of {len(again)} model(s) of {told}.", "Give the runs of two different ones.")
    rules = {name: _rule_behind(run) for name, run in mine.items()}
    if max(rules.values()) - min(rules.values()) > 2 * ROUNDING:
        told = ", ".join(f"{name} {rule:.3f}" for name, rule in rules.items())
        raise NotYetError(f"Accuracy minus gain is not the same: {told}.", "Compare with one rule, on the same days.")
    rule, best = next(iter(rules.values())), _best_rule(symbol)
    if not same(rule, expected := recomputed.right_where_walked(symbol, best)):
        raise NotYetError(
            f"The gains are against a rule that is right on {rule:.3f}.",
            f"The best of task 2 is right on {expected:.3f} of the days that walking forward predicts. Were yours "
            "split at random, or those of another index?",
        )
    for name in sorted(again):
        do = "Let walk_forward.walk_forward predict with all features in five folds, and log criterion's numbers."
        recomputed.agree(mine[name], recomputed.against_the_rule(symbol, name, best), do)
    surely = sorted(name for name, run in mine.items() if run.data.metrics["gain_low"] > 0)
    if (named := sorted(map(str, sequence(better, "better")))) != surely:
        raise NotYetError(
            f"better is {shown(named)}.",
            "Name the models whose whole interval of the gain is above 0; [] if there is none.",
        )
    return f"{len(mine)} models, the same days, one rule; surely better: {', '.join(surely) or 'none'}."


def _best_rule(symbol: str) -> str:
    """The rule that is the best on all days."""
    from stock_market.heuristics import scores

    return str(scores(recomputed.table(symbol))[list(RULES)].idxmax())


def _rule_behind(run: Run) -> float:
    """The accuracy of the rule that a run was compared with."""
    lessons.judged(run, FEWEST_MONTHS)
    low, gain, high = (logged_runs.metric(run, name) for name in ("gain_low", "gain", "gain_high"))
    if high - low > PERCENT:
        raise NotYetError(f"The gain is {gain:.3g}.", "Log it as a part of the days, not in percent: divide by 100.")
    if not low < gain < high:
        raise NotYetError(
            f"The gain {gain:.3f} is not between {low:.3f} and {high:.3f}.", "criterion.gain gives all three."
        )
    return logged_runs.metric(run, "accuracy") - gain


def leaked(symbol: Any, run: Any, honest: Any, rule: Any) -> str:
    """Task 4: the leak of a random split, which number is to be reported, and beside which other.

    Recomputed: what walking forward gives for this model and horizon, and the best rule beside it.
    Cross-examined: the leak against the other two numbers; both answers against the run.
    Plausible: random_split, which depends on a seed, within 0.015 of that with the seed 0.
    """
    ups(symbol)
    mine = own_run(run, symbol)
    true, claimed, horizon = lessons.leakage(mine)
    expected = _walked_again(symbol, mine, horizon)
    if isinstance(honest, str):
        raise NotYetError("honest is a text.", "Give the number.")
    if not math.isclose(number(honest, "honest"), true, abs_tol=0.006):
        if math.isclose(honest, claimed, abs_tol=0.006):
            raise NotYetError("That is what the random split claims.", "Report what holds for days to come.")
        raise NotYetError(f"honest is {honest:.3f}.", "Give one of the two accuracies of your run.")
    if not math.isclose(number(rule, "rule"), expected, abs_tol=0.006):
        raise NotYetError(
            f"rule is {rule:.3f}.", "Give best_rule: the best rule on the same days, for the same question."
        )
    return f"You report {true:.2f}, beside the {expected:.2f} of the best rule; a random split claimed {claimed:.2f}."


def _walked_again(symbol: str, run: Run, horizon: int) -> float:
    """The run's walk_forward is that of its model and horizon; returns how often the best rule is right there."""
    model = run.data.params["model"]
    recomputed.known(model)
    expected = recomputed.leakage(symbol, model, horizon)
    do = f"Give the horizon to sweep.table and to walk_forward.leakage, the columns 'rich' and the model {model!r}."
    recomputed.agree_on_leakage(run, expected, do)
    return expected["best_rule"]


_HINTED: dict[str, tuple[Any, str, str]] = {
    "market.1": (
        delivered,
        "Lesson A.2, 'Check before you learn': prices.read keeps what is wrong so that prices.problems can see it.",
        "Keep rows where pd.to_numeric(…, errors='coerce') is above 0 and index.duplicated() is False. In the schema, "
        "the index takes unique=True and a pa.Check of a function that is given all dates (is_monotonic_increasing).",
    ),
    "market.2": (
        judged_rules,
        "Lesson 5.1, 'Try what needs no learning'. sweep.table gives a row with its answer for each day.",
        "Set the dates as index (set_index('event_timestamp')), so that criterion.summary finds the months.",
    ),
    "market.3": (
        walked,
        "Lesson 5.3, 'Try four models' and 'Ask whether it is luck'.",
        "criterion.gain(probability above 0.5, what the rule says, answers) gives gain_low, gain, gain_high.",
    ),
    "market.4": (
        leaked,
        "Lesson 5.2, 'Split in time, or fool yourself', with prices of your index.",
        "The table needs the horizon, and walk_forward.leakage needs it again, for the gap.",
    ),
    "market.5": (
        decided,
        "walk_forward.split_off, candidates.fit, serving.log_served, gate.judge, in this order; read their docstrings.",
        "log_served takes group='window', symbol, window=14 and store='': such a model needs no feature store. judge "
        "returns a pair; the verdict comes first.",
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
    "market.8": (
        kept,
        "Lesson A.2, 'Look up what is known tonight', with features.features(series, symbol), which has the newest "
        "evening. mlflow.set_experiment_tag sets the description.",
        "Names of features in the store have the view before them: market:return_1. The description needs the symbol, "
        "the percent of the best rule as a whole number, and the names of the models, or the word none.",
    ),
    "market.9": (
        honest_pilot,
        "Lesson 5.2, 'Prove that they do not look ahead', from the other side: make the features from the prices, and "
        "compare them with those of each pilot. A version has a run_id.",
        "Compare stored[name] with known[name].shift(days).reindex(stored.index) for days from -3 to 3: a negative "
        "number means a later evening. client.set_registered_model_alias moves an alias.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
