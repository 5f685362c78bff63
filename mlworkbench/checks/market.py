"""Checks of lessons 5.1 to 5.3: a rule, a measured leak and a model on the stock market, by what their runs say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlworkbench.checks import look
from mlworkbench.checks.answers import same, shown
from mlworkbench.checks.feedback import NotYetError, Task

if TYPE_CHECKING:
    from mlflow.entities import Run

EXPERIMENT = "5 stock market"
HEURISTICS, MODELS = ("random", "always_up", "persistence"), ("logistic", "forest", "xgboost", "keras")
FEWEST_MONTHS = 180
POSSIBLE = 0.4, 0.6
"""Between these lies every accuracy that was ever reached here from the past alone, over years of days."""

WINDOW = 14


def _mine(answer: Any, name: str) -> Run:
    run = look.run_in(EXPERIMENT, answer, "run")
    look.named(run, name)
    return run


def judged(run: Run, fewest_months: int = FEWEST_MONTHS) -> str:
    """A run has the metrics of `criterion.summary`, and they can be true; returns what they say."""
    accuracy, low, high = (look.metric(run, f"accuracy{end}") for end in ("", "_low", "_high"))
    met, luck = (look.metric(run, name, 0, 1) for name in ("months_met", "months_by_luck"))
    if not low < accuracy < high:
        raise NotYetError(
            f"The accuracy {accuracy:.3f} is not between {low:.3f} and {high:.3f}.", "Log what criterion.summary gives."
        )
    if (months := look.metric(run, "months")) < fewest_months:
        raise NotYetError(f"Only {months:.0f} months were judged.", "Judge every day, with the index of its date.")
    if not POSSIBLE[0] <= accuracy <= POSSIBLE[1]:
        raise NotYetError(
            f"An accuracy of {accuracy:.2f} is not to be had from the past alone.",
            "Look whether the answer was used, or whether right and wrong were swapped.",
        )
    return f"Right on {accuracy:.3f} of the days; {met:.2f} of the months meet the criterion, {luck:.2f} by luck alone."


def new(run: Run, logged_above: tuple[str, ...], *metrics: str) -> None:
    """None of the runs that the lesson logs itself has these very numbers."""
    for other in look.runs_of(EXPERIMENT):
        copied = all(other.data.metrics.get(name) == run.data.metrics[name] for name in metrics)
        if copied and other.info.run_name in logged_above:
            raise NotYetError(
                f"These are the numbers of {shown(other.info.run_name)}.", "Log those of your own, not the ones above."
            )


def rule(run: Any) -> str:
    """Lesson 5.1: a heuristic of one's own."""
    mine = _mine(run, "my heuristic")
    told = judged(mine)
    new(mine, HEURISTICS, "accuracy", "months_met")
    return told


def leakage(run: Run) -> tuple[float, float]:
    """A run has the numbers of `walk_forward.leakage`; returns what is honest and what a random split claims."""
    honest, claimed, difference = (look.metric(run, name) for name in ("walk_forward", "random_split", "leakage"))
    if not same(difference, claimed - honest):
        raise NotYetError(
            f"leakage is {difference:.3f}, and the other two are {honest:.3f} and {claimed:.3f}.",
            "Log what walk_forward.leakage gives: random_split minus walk_forward.",
        )
    for name in ("model", "horizon"):
        look.parameter(run, name)
    return honest, claimed


def leak(run: Any) -> str:
    """Lesson 5.2: what a random split claims for another model."""
    mine = _mine(run, "my leakage")
    honest, claimed = leakage(mine)
    new(mine, ("leakage",), "walk_forward", "random_split")
    return f"A random split claims {claimed:.2f}, walking forward gives {honest:.2f}."


def window_alone(run: Any) -> str:
    """Lesson 5.3: a model without the features of the market."""
    mine = _mine(run, "window only")
    if (stage := mine.data.tags.get("stage")) != "mine":
        raise NotYetError(f"The tag stage is {shown(stage)}.", "Start the run with tags={'stage': 'mine'}.")
    told = judged(mine)
    new(mine, HEURISTICS + MODELS, "accuracy", "months_met")
    look.parameter(mine, "features", WINDOW)
    return told


TASKS = {
    "5.1": Task(
        rule,
        (
            "days.drop(columns='answer').sum(axis=1) counts the days up in each window.",
            "A rule gives True or False for each day; right = rule == (days['answer'] == 1). The rest stands in the "
            "section 'Try what needs no learning'.",
        ),
    ),
    "5.2": Task(
        leak,
        (
            "The section 'Split in time, or fool yourself' has all of it, for another model.",
            "walk_forward.leakage(far, columns, 'logistic', horizon=horizon) gives the three numbers; .to_dict() makes "
            "what mlflow.log_metrics takes.",
        ),
    ),
    "5.3": Task(
        window_alone,
        (
            "The section 'Try four models' has all of it; give walk_forward other columns.",
            "columns = features.columns('window'); criterion.summary takes the column 'right' of what "
            "walk_forward.walk_forward returns.",
        ),
    ),
}
