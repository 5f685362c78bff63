"""Checks of the lessons 5.4 to 5.7: the pipeline, its operation and the sweep. Each returns a sentence, or raises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import number, same, same_digits, sequence, shown
from mlcourse.market import monitored, recomputed
from mlcourse.market.piloted import piloted
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    import pandas as pd

YEAR = 2011
ASKED, MOST = "2018", 0.25
"""Of lesson 5.5: the year whose evenings are asked about, and the part of them on which to say up at most."""

_SWEPT = ("window", "model", "threshold", "invested", "return_a_year", "hold_a_year")
_LENGTHS = (7, 14, 28)
_WORK, _AROUND, _LEAST = 1200, 30, 60
"""Of the sweep in the second part of 5.7: seconds on one core, seconds that no node takes off, a gain that counts."""

_LONGEST, _MOST_ROWS = 60, 1000


def asked(model: Any, threshold: Any, answers: Any) -> str:
    """Lesson 5.5: a threshold at which the served version says up on few evenings.

    Recomputed: the answers at that threshold, by the version itself.
    Not checked: that they came over the web.
    """
    said, limit = [bool(each) for each in sequence(answers, "answers")], number(threshold, "threshold")
    evenings = recomputed.evenings("sp500", ASKED)
    if len(said) != len(evenings):
        raise NotYetError(f"{len(said)} answers.", f"Send all {len(evenings)} evenings of {ASKED} in one request.")
    try:
        again = recomputed.served(model, evenings, threshold=limit)
    except Exception as error:  # whatever was named, it does not answer to windows
        raise NotYetError(f"No model at {shown(model)} answers to windows.", "Register version 2 as above.") from error
    if said != again:
        raise NotYetError(
            f"The version answers otherwise at the threshold {limit:g}.", "Give the threshold of the same request."
        )
    if not 0 < sum(said) <= MOST * len(said):
        raise NotYetError(
            f"It says true on {sum(said)} of {len(said)} evenings.",
            "A higher threshold gives fewer." if any(said) else "A lower threshold gives more.",
        )
    return f"At the threshold {limit:g} it says true on {sum(said)} of {len(said)} evenings."


def watched(run: Any, alerts: Any) -> str:
    """Lesson 5.6: another year under the monitor, and the rule applied to it.

    Recomputed: the drift of each month, and the alerts that follow from it.
    Cross-examined: the alerts and their reasons against the rule, steps and days of the run; accuracy_high against
    accuracy and days.
    Plausible: accuracy, which depends on the version that you watch: such a part of the days of the month. report.html
    is a page that names every feature.
    Not checked: other metrics and other parameters, which monitor.log writes.
    """
    from stock_market.monitor import alerts as rule

    found = logged_runs.finished_run(run, "run")
    steps = [point.step for point in logged_runs.metric_history(found, "drift_share", 12)]
    if steps != [YEAR * 100 + month for month in range(1, 13)]:
        raise NotYetError(f"The steps go from {steps[0]} to {steps[-1]}.", f"Watch the twelve months of {YEAR}.")
    monitored.report(found)
    months = monitored.of_a_year("2005", "2006", str(YEAR))
    logged = {
        name: logged_runs.metric_history(found, name, 12) for name in ("drift_share", "accuracy", "accuracy_high")
    }
    values = {name: [point.value for point in points] for name, points in logged.items()}
    told = found.data.params.get("current", "")
    if not all(map(same, values["drift_share"], months["drift_share"])) or {told[:4], told[-10:-6]} != {str(YEAR)}:
        raise NotYetError(
            f"The run compares {told or 'unknown days'} with {found.data.params.get('reference')}, or its drift is of "
            "other days.",
            f"monitor.by_month and monitor.log both take the reference of the lesson and the days of {YEAR}.",
        )
    _bounded(values["accuracy"], values["accuracy_high"], months["days"])
    right = rule(months.assign(accuracy_high=values["accuracy_high"]))
    if not _as_ruled(alerts, right):
        raise NotYetError("alerts are other months than the rule gives.", "Give what monitor.alerts(months) returns.")
    return f"Alerts of {YEAR}: {', '.join(map(str, right.index)) or 'none'}."


def _as_ruled(alerts: Any, right: pd.Series) -> bool:
    """Whether these are the months with an alert, and their reasons where those are given too."""
    import pandas as pd

    if isinstance(alerts, pd.DataFrame) and "month" in alerts:
        alerts = alerts.set_index("month")
    if isinstance(alerts, pd.DataFrame) and "reason" in alerts:
        alerts = alerts["reason"]
    given = alerts.index if isinstance(alerts, pd.Series | pd.DataFrame) else sequence(alerts, "alerts")
    reasons = list(alerts) if isinstance(alerts, pd.Series) else list(right)
    return list(map(str, given)) == list(map(str, right.index)) and reasons == list(right)


def _bounded(accuracies: list[float], bounds: list[float], days: pd.Series) -> None:
    """Each accuracy is a part of the days of its month, and the end of its interval follows from that."""
    from stock_market.criterion import wilson

    for month, accuracy, found, many in zip(days.index, accuracies, bounds, days, strict=True):
        right = round(accuracy * many) if 0 <= accuracy <= 1 else -1
        if right < 0 or not same(accuracy, right / many):
            raise NotYetError(
                f"The accuracy of {month} is {accuracy:.3g}, of {many:.0f} days.", "Let monitor.log write what it gets."
            )
        if not same(found, expected := wilson(right, int(many))[1]):
            raise NotYetError(
                f"accuracy_high of {month} is {found:.3f}; from the accuracy and the days it is {expected:.3f}.",
                "Let monitor.log write what monitor.by_month gives.",
            )


def swept(table: Any, best: Any, seconds: Any, nodes: Any) -> str:
    """Lesson 5.7: the best of a sweep beside its share of holding, and what more nodes would help.

    Recomputed: the returns of the setting that is the best by the table; the speed-up by Amdahl.
    Cross-examined: the combinations of the table, and the answer against its best setting.
    Not checked: the columns of table in settings that are not the best, which would take longer than a check may.
    """
    rows = _sweep_table(table)
    for name in ("window", "threshold"):
        if (values := rows[name].nunique()) < 2:  # noqa: PLR2004
            raise NotYetError(f"The table has {values} value(s) of {name}.", "Sweep at least 2.")
    if old := sorted(set(rows["window"]) & set(_LENGTHS)):
        raise NotYetError(f"The lesson has swept windows of {old[0]} days.", "Sweep other lengths.")
    settings = rows[["window", "model", "threshold"]].drop_duplicates()
    every = rows["window"].nunique() * rows["model"].nunique() * rows["threshold"].nunique()
    if len(settings) != every:
        raise NotYetError(f"The table has {len(settings)} of {every} combinations.", "Let one call sweep all of them.")
    beside = rows["return_a_year"] - rows["invested"] * rows["hold_a_year"]
    right, top = float(beside.max()), rows.iloc[int(beside.argmax())]
    if not same_digits(told := number(best, "best"), right):
        raise NotYetError(f"best is {told:.4f}.", "Give the largest return_a_year - invested * hold_a_year.")
    _scored_again(top)
    _foreseen(number(seconds, "seconds"), number(nodes, "nodes"))
    return f"The best of {len(rows)} settings is {100 * right:+.2f} % a year beside its share of holding."


def _scored_again(row: pd.Series) -> None:
    """The numbers of a setting are those of the S&P 500, in as many folds as its days tell of."""
    if row["model"] not in recomputed.FITTED_AGAIN or not 1 <= row["window"] <= _LONGEST or row["window"] % 1:
        raise NotYetError(
            f"The best setting is {shown(row['model'])} with a window of {row['window']}.",
            f"Sweep windows of 1 to {_LONGEST} days for 'logistic' or 'xgboost'.",
        )
    days = row.get("days") if isinstance(row.get("days"), int | float) else None
    again = recomputed.scored(int(row["window"]), str(row["model"]), float(row["threshold"]), days)
    for name in ("invested", "return_a_year", "hold_a_year"):
        if not same(float(row[name]), again[name]):
            raise NotYetError(
                f"With a window of {row['window']}, {row['model']} and the threshold {row['threshold']:g}, {name} is "
                f"{row[name]:.4f}; computed again it is {again[name]:.4f}.",
                "Give what `sweep.sweep` returns for the S&P 500, as it is.",
            )


def _foreseen(seconds: float, nodes: float) -> None:
    """Work is divided, what is around it is not; each doubling saves half of the one before."""
    if not math.isclose(seconds, _AROUND + _WORK / 4, abs_tol=0.5):
        raise NotYetError(f"seconds is {seconds:g}.", "Divide the work by the nodes; what is around it stays.")
    right = next(2**power for power in range(9) if _WORK / 2 ** (power + 1) < _LEAST)
    if nodes != right:
        raise NotYetError(f"nodes is {nodes:g}.", "From n nodes to 2 n the work goes from W / n to W / (2 n) seconds.")


def _sweep_table(table: Any) -> pd.DataFrame:
    missing = [name for name in _SWEPT if name not in getattr(table, "columns", ())]
    if missing:
        raise NotYetError(f"The table has no column {', '.join(missing)}.", "Give what `sweep.sweep` returns.")
    import pandas as pd

    found: pd.DataFrame = table.reset_index(drop=True)
    numbers = found[[name for name in _SWEPT if name != "model"]].apply(pd.to_numeric, errors="coerce")
    if numbers.isna().any(axis=None) or len(found) > _MOST_ROWS or found.empty:
        raise NotYetError(
            f"The table has {len(found)} rows, {int(numbers.isna().any(axis=1).sum())} of them without a number.",
            "Give what `sweep.sweep` returns.",
        )
    return found.assign(**{name: numbers[name] for name in numbers}, model=found["model"].astype(str))


TASKS = {
    "5.4": Task(
        piloted,
        (
            "window=28 is one more argument of the call of the section 'Run it'. For the second part, copy the cells "
            "of 'Send bad prices' and break something else: a price that is a text, or days that are missing.",
            "wb.run_project(project, until=until, holdout=held_out, name=model_name, window=28) gives my_run. For bad "
            "prices: worse = prices.load('planted').reset_index(); worse.loc[1000, 'close'] = None; to `file`, "
            "start `command` again, and find my_failed as in the section.",
        ),
    ),
    "5.5": Task(
        asked,
        (
            "A server of version 2 is started as in the section 'Ask it'; `ask` takes any rows, and asks the server "
            "in `endpoint`. A request about all evenings sends evenings.to_numpy().",
            'with wb.serve(f"models:/{model_name}/2") as endpoint: then, inside, my_answers = '
            "ask(evenings.to_numpy(), threshold=my_threshold); print(sum(my_answers)) for some thresholds above 0.5.",
        ),
    ),
    "5.6": Task(
        watched,
        (
            "The days of a year are days.loc['2011']; the rest is as in the sections on watching and on the rule.",
            "months = monitor.by_month(reference, days.loc['2011']); monitor.log(reference, days.loc['2011'], months) "
            "inside of `with mlflow.start_run() as my_run:`; monitor.alerts(months) gives my_alerts.",
        ),
    ),
    "5.7": Task(
        swept,
        (
            "sweep.sweep takes lengths, models and thresholds, as in `timed`. For the second part, see the table of "
            "more nodes: what is around the work, plus the work divided by the nodes.",
            "my_table = sweep.sweep([5, 10], ['logistic'], [0.5, 0.55]); the first number is the maximum of "
            "return_a_year - invested * hold_a_year. From n to 2 n nodes saves 1200 / n - 1200 / (2 n) seconds.",
        ),
    ),
}
