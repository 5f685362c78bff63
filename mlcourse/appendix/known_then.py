"""The check of lesson A.2: what a feature store knew at two moments."""

from __future__ import annotations

import numbers
from typing import Any

import pandas as pd

from mlcourse.answers import same, shown
from mlworkbench.tasks import NotYetError, Task

FEATURE = "volatility_20"
NOON, NIGHT = pd.Timestamp("2018-02-05 12:00", tz="UTC"), pd.Timestamp("2018-02-05 23:00", tz="UTC")
_SECTION = "See the section 'Ask what was known then'."


def known_then(known: Any) -> str:
    """Lesson A.2: what the store knew of a feature at noon and at night of one day.

    Recomputed: the feature of that evening and of the one before it.
    """
    found = _by_time(known)
    expected = _evenings()
    before, after = (float(expected[expected.index <= moment].iloc[-1]) for moment in (NOON, NIGHT))
    for moment, right, other in ((NOON, before, after), (NIGHT, after, before)):
        value = found[moment]
        if not isinstance(value, numbers.Real) or not same(float(value), right):
            hint = "That is what the other moment knew." if same(float(value), other) else _SECTION
            raise NotYetError(
                f"At {moment:%H:%M} your {FEATURE} is {value:.3g}.", f"{hint} Ask the store at each time."
            )
    return f"At noon the store knew {before:.3f}, of Friday; at 23:00 it knew {after:.3f}, with the fall of that day."


def _by_time(known: Any) -> pd.Series:
    """The feature of a joined table by its time."""
    if not isinstance(known, pd.DataFrame) or not {"event_timestamp", FEATURE} <= set(known.columns):
        raise NotYetError(
            f"known is {shown(known)}.", f"Give the joined table, with event_timestamp and {FEATURE}. {_SECTION}"
        )
    times = pd.to_datetime(known["event_timestamp"], utc=True)
    if sorted(times) != [NOON, NIGHT]:
        listed = ", ".join(f"{time:%Y-%m-%d %H:%M}" for time in times)
        raise NotYetError(
            f"The times of the table are {listed or 'none'}.", "Ask at 12:00 and 23:00 of 2018-02-05, UTC."
        )
    return known.set_index(times)[FEATURE]


def _evenings() -> pd.Series:
    """The feature by the moment from which it was known."""
    from stock_market import features, prices

    series = {name: prices.checked(found) for name, found in prices.load_with_companions("sp500").items()}
    evenings: pd.Series = features.features(series).set_index("event_timestamp")[FEATURE]
    return evenings


TASKS = {
    "A.2": Task(
        known_then,
        (
            "The section 'Ask what was known then' asks about three moments; ask about two, for another feature.",
            "pd.to_datetime(['2018-02-05 12:00', '2018-02-05 23:00'], utc=True) are the moments, and the feature is "
            "'market:volatility_20'.",
        ),
    ),
}
