"""The check of task 1 of the assignment of part 5: a file of prices, what is wrong with it, and what is left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import shown
from mlcourse.market.own_project import EXPERIMENT
from mlcourse.market.schema import demands
from mlworkbench.data import load_nasdaq
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd

CENTS = 0.006


def delivered(run: Any, clean: Any, delivery: Any, schema: Any) -> str:
    """Task 1: what is wrong with a file of prices is reported, what is right is kept, what is wanted is a schema.

    Recomputed: which rows of the delivery are good, their prices, how many kinds of problems it has and how many rows
    each; the schema is asked about six tables.
    Cross-examined: metric and columns of the report; the prices of the delivery against those of the NASDAQ.
    Not checked: the words of report.json; how many days are in the delivery, which the task itself has written.
    """
    import pandas as pd

    raw = _texts(delivery)
    values, twice = pd.to_numeric(raw["close"], errors="coerce"), raw.index.duplicated()
    wrong = {"no number": values.isna(), "not positive": values <= 0, "twice": pd.Series(twice, raw.index)}
    right = ~(wrong["no number"] | wrong["not positive"]).to_numpy() & ~twice
    good = pd.Series(values[right].to_numpy(), pd.to_datetime(raw.index[right]))
    _as_made(wrong, good)
    mine = logged_runs.run_in(EXPERIMENT, run, "run")
    kinds = sum(found.any() for found in wrong.values())
    if logged_runs.metric(mine, "problems") != kinds:
        raise NotYetError(
            f"problems is {mine.data.metrics['problems']:.0f}.",
            "Log the number of rows of the report, not of the file.",
        )
    _reported(run_files.table(mine, "report.json", {"found", "rows", "do"}), wrong)
    _kept(clean, good)
    demands(schema)
    return f"{kinds} kinds of problems were reported; {right.sum()} of {len(raw)} rows are good."


def _as_made(wrong: dict[str, pd.Series], good: pd.Series) -> None:
    """The delivery is the one that the task has made: it is wrong in each way, and its other prices are true."""
    do = "Run the cell that writes it, and leave the file as it is."
    if missing := [kind for kind, rows in wrong.items() if not rows.any()]:
        raise NotYetError(f"In the delivery no row is wrong in this way: {missing[0]}.", do)
    true = load_nasdaq()["close"].reindex(good.index)
    if not (true - good).abs().le(CENTS).all():
        raise NotYetError("The delivery holds other prices than those of the NASDAQ.", do)


def _texts(delivery: Any) -> pd.DataFrame:
    """The file as it was delivered, which the task itself has made."""
    import pandas as pd

    try:
        raw = pd.read_csv(Path(delivery).resolve(strict=True), dtype=str, index_col=0)
    except Exception as error:  # whatever was given, there is no table; an address elsewhere is none either
        raise NotYetError(f"The delivery {shown(delivery)} cannot be read.", "Run the cell that writes it.") from error
    if "close" not in raw or raw.empty:
        raise NotYetError("The delivery has no prices in a column 'close'.", "Run the cell that writes it.")
    try:
        pd.to_datetime(raw.index)
    except ValueError as error:
        raise NotYetError("A day of the delivery is no date.", "Run the cell that writes it.") from error
    return raw


def _reported(report: pd.DataFrame, wrong: dict[str, pd.Series]) -> None:
    """The report tells of as many rows as the file has of each kind; two equal days are one problem or two."""
    import pandas as pd

    told = sorted(pd.to_numeric(report["rows"], errors="coerce").fillna(-1).astype(int))
    found = {kind: int(rows.sum()) for kind, rows in wrong.items() if rows.any()}
    counted = list(found.values())
    both = [2 * rows if kind == "twice" else rows for kind, rows in found.items()]
    if told not in (sorted(counted), sorted(both)):
        raise NotYetError(
            f"The report tells of {', '.join(map(str, told))} row(s), the file has {', '.join(map(str, counted))}.",
            "Log what prices.problems says of the file as it is.",
        )


def _kept(clean: Any, good: pd.Series) -> None:
    import pandas as pd

    right: Any = good.index
    if not isinstance(clean, pd.DataFrame) or "close" not in clean:
        raise NotYetError("clean is not a table with a column 'close'.", "Give what prices.checked returns.")
    if not isinstance(clean.index, pd.DatetimeIndex) or not pd.api.types.is_float_dtype(clean["close"]):
        raise NotYetError("clean holds texts.", "prices.checked makes dates and numbers of them.")
    if bad := len(clean.index.difference(right)) + int(clean.index.duplicated().sum()):
        raise NotYetError(f"clean still has {bad} bad row(s).", "The report tells what is wrong, and where first.")
    if lost := len(right.difference(clean.index)):
        raise NotYetError(
            f"{lost} good row(s) are lost.", "Leave out the bad rows only; one of two equal days is good."
        )
    found = clean["close"].reindex(right)
    if (other := (found - good).abs() > CENTS).any():
        day: Any = other.idxmax()
        raise NotYetError(
            f"On {day:%Y-%m-%d} clean has {found[day]:.2f}, the file {good[day]:.2f}.", "Change nothing but the rows."
        )
