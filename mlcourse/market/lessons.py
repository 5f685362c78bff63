"""Checks of lessons 5.1 to 5.3: a rule, a measured leak and a model on the stock market, computed again."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import same, sequence, shown
from mlcourse.market import recomputed
from mlworkbench import data
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

EXPERIMENT = "5 stock market"
HEURISTICS = ("always_up", "always_down", "persistence", "reversal")
FEWEST_MONTHS = 180
POSSIBLE = 0.4, 0.6
"""Between these lies every accuracy that was ever reached here from the past alone, over years of days."""

WINDOW, LONGEST_WINDOW = 14, 250


def _mine(answer: Any, name: str) -> Run:
    run = logged_runs.run_in(EXPERIMENT, answer, "run")
    logged_runs.named(run, name)
    return run


def judged(run: Run, fewest_months: int = FEWEST_MONTHS) -> str:
    """A run has the metrics of `criterion.summary`, and they can be true; returns what they say."""
    accuracy, low, high = (logged_runs.metric(run, f"accuracy{end}") for end in ("", "_low", "_high"))
    met, luck = (logged_runs.metric(run, name, 0, 1) for name in ("months_met", "months_by_luck"))
    if accuracy > 1:
        raise NotYetError(f"The accuracy is {accuracy:.3g}.", "Log a part of the days, not percent: divide by 100.")
    if not low < accuracy < high:
        raise NotYetError(
            f"The accuracy {accuracy:.3f} is not between {low:.3f} and {high:.3f}.", "Log what criterion.summary gives."
        )
    if (months := logged_runs.metric(run, "months")) < fewest_months:
        raise NotYetError(f"Only {months:.0f} months were judged.", "Judge every day, with the index of its date.")
    if not POSSIBLE[0] <= accuracy <= POSSIBLE[1]:
        raise NotYetError(
            f"An accuracy of {accuracy:.2f} is not to be had from the past alone.",
            "Look whether the answer was used, or whether right and wrong were swapped.",
        )
    return (
        f"Right on {accuracy:.3f} of the days. {met:.2f} of the months meet the criterion; of a coin as good as the "
        f"best rule, {luck:.2f} do."
    )


def heuristic(rule: Any, run: Any) -> str:
    """Lesson 5.1: a heuristic of one's own, which looks at the window alone.

    Recomputed: what the function says of windows of the prices.
    Cross-examined: the logged metrics.
    """
    from stock_market.heuristics import HEURISTICS as KNOWN

    days = _spoken_of(rule)
    said, window = days.pop("said"), [name for name in days if name != "answer"]
    alike = days.assign(said=said).groupby(window)["said"]
    if (alike.min() != alike.max()).any():
        raise NotYetError(
            "Your rule says different things of days with the same window.",
            "Let it look at the window alone: neither at the answer nor at chance.",
        )
    for name in HEURISTICS:
        if (said == KNOWN[name](days)).all():
            raise NotYetError(f"This rule is {shown(name)}.", "Invent one of your own.")
    mine = _mine(run, "my heuristic")
    do = "right = my_rule == (days['answer'] == 1); criterion.summary(right, against=always_up.mean())."
    recomputed.agree(mine, recomputed.summary(said, days), do)
    return judged(mine)


def _spoken_of(rule: Any) -> pd.DataFrame:
    """The days of lesson 5.1, with what a rule says of each. Their number tells how long the windows are."""
    import numpy as np

    from stock_market import windows

    close, given = data.load_sp500()["close"], sequence(rule, "rule")
    length = len(close) - 1 - len(given)
    if not 1 <= length <= LONGEST_WINDOW or not all(
        isinstance(each, numbers.Real | np.bool_) and each in (0, 1) for each in given
    ):
        raise NotYetError(f"rule has {len(given)} values.", "Give True or False for every row of `days`.")
    days: pd.DataFrame = windows.windows(close, length).join(windows.answers(close), how="inner")
    return days.assign(said=[int(each) for each in given])


def leakage(run: Run) -> tuple[float, float, int]:
    """A run has the numbers of `walk_forward.leakage`; returns what is honest, what is claimed, and the horizon."""
    honest, claimed, difference = (
        logged_runs.metric(run, name) for name in ("walk_forward", "random_split", "leakage")
    )
    if not same(difference, claimed - honest):
        raise NotYetError(
            f"leakage is {difference:.3f}, and the other two are {honest:.3f} and {claimed:.3f}.",
            "Log what walk_forward.leakage gives: random_split minus walk_forward.",
        )
    logged_runs.parameter(run, "model")
    return honest, claimed, recomputed.whole(run, "horizon", 2, "Look 20 days ahead: then answers share days.")


def leak(run: Any) -> str:
    """Lesson 5.2: what a random split claims for another model.

    Recomputed: what walking forward gives for this model, and the rule beside it.
    Cross-examined: the leak against the other two numbers, name and parameters of the run.
    Plausible: random_split, which depends on a seed, within 0.015 of that of the lesson.
    """
    mine = _mine(run, "my leakage")
    honest, claimed, horizon = leakage(mine)
    if (model := mine.data.params["model"]) != "logistic":
        raise NotYetError(f"The model is {shown(model)}.", "Measure 'logistic'.")
    do = "Give the table far, the columns 'rich' and horizon=horizon."
    recomputed.agree_on_leakage(mine, recomputed.leakage("sp500", model, horizon), do)
    return (
        f"A random split claims {claimed:.2f}, walking forward gives {honest:.2f}. It leaks less than the forest: it "
        "cannot remember a day. What it still gains, it mostly learnt from later days, which nobody has."
    )


def window_alone(run: Any) -> str:
    """Lesson 5.3: a model without the features of the market.

    Recomputed: what walking forward gives for this model.
    Cross-examined: the metrics against each other.
    """
    mine = _mine(run, "window only")
    if (stage := mine.data.tags.get("stage")) != "mine":
        raise NotYetError(f"The tag stage is {shown(stage)}.", "Start the run with tags={'stage': 'mine'}.")
    logged_runs.parameter(mine, "features", WINDOW)
    folds = recomputed.whole(mine, "folds", 2, "Log the folds of the lesson.")
    said = recomputed.walked("sp500", "window", "logistic", folds)
    do = "Judge 'right' of what walk_forward.walk_forward gives for 'logistic', against=best_rule."
    recomputed.agree(mine, recomputed.summary(said, recomputed.by_day("sp500").loc[said.index]), do)
    return judged(mine)


TASKS = {
    "5.1": Task(
        heuristic,
        (
            "days.drop(columns='answer').sum(axis=1) counts the days up in each window.",
            "my_rule is True or False for each day; right = my_rule == (days['answer'] == 1). The rest stands in the "
            "section 'Try what needs no learning'.",
        ),
    ),
    "5.2": Task(
        leak,
        (
            "The section 'Split in time, or fool yourself' has all of it, for another model.",
            "walk_forward.leakage(far, columns, 'logistic', horizon=horizon) gives the four numbers; .to_dict() makes "
            "what mlflow.log_metrics takes.",
        ),
    ),
    "5.3": Task(
        window_alone,
        (
            "The section 'Try four models' has all of it; give walk_forward other columns.",
            "columns = features.columns('window'); criterion.summary takes the column 'right' of what "
            "walk_forward.walk_forward returns, and against=best_rule.",
        ),
    ),
}
