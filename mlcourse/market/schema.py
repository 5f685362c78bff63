"""What a learner's schema of prices takes, found out by asking it: good prices, and prices that are broken in a way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse.answers import Asked
from mlworkbench import data
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd

GOOD = "good prices"


def tables() -> dict[str, pd.DataFrame]:
    """Good prices, and broken ones, by what they are."""
    import pandas as pd

    good = data.load_nasdaq()[["close"]].tail(50)
    tiny = good.assign(close=good["close"] / 1e6)
    return {
        GOOD: good,
        "prices far below 1": tiny,
        "a missing price": good.assign(close=[float("nan"), *good["close"][1:]]),
        "a price of 0": good.assign(close=[0.0, *good["close"][1:]]),
        "a day twice": pd.concat([good.head(1), good]),
        "days in another order": good[::-1],
    }


def asked(schema: Any) -> Asked | None:
    """Which tables a schema of pandera takes, given as an object or as a class; None for anything else."""
    from pandera.pandas import DataFrameModel, DataFrameSchema

    if isinstance(schema, type) and issubclass(schema, DataFrameModel):
        schema = schema.to_schema()
    if not isinstance(schema, DataFrameSchema):
        return None
    return Asked("DataFrameSchema", {what: _takes(schema, prices) for what, prices in tables().items()})


def _takes(schema: Any, prices: pd.DataFrame) -> bool:
    from pandera.errors import SchemaError, SchemaErrors

    try:
        schema.validate(prices, lazy=True)
    except (SchemaErrors, SchemaError):
        return False
    return True


def demands(schema: Any) -> None:
    """The schema takes good prices, however small, and refuses broken ones."""
    found = schema if isinstance(schema, Asked) else asked(schema)
    if found is None:
        raise NotYetError(f"schema is of type {type(schema).__name__}.", "Give a pandera DataFrameSchema.")
    if not found.takes[GOOD]:
        raise NotYetError("The schema refuses good prices.", "Let it validate wb.load_nasdaq(), and read the error.")
    if not found.takes["prices far below 1"]:
        raise NotYetError("The schema refuses prices far below 1.", "The task asks for numbers above 0, nothing else.")
    right = (GOOD, "prices far below 1")
    if taken := [what for what, takes in found.takes.items() if takes and what not in right]:
        raise NotYetError(f"The schema takes {', '.join(taken)}.", "Add a check for it, to the column or the index.")
