"""The data of lessons and assignments as they split them, for what checks compute again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd

SEED = 7
_AGAIN = "Run the cell with the data again."


class Split(NamedTuple):
    """Features and target of training and test rows."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series


@cache
def wine() -> Split:
    """The wines, as the lessons split them."""
    from mlworkbench import data

    table = data.load_wine()
    return _split(table.drop(columns="cultivar"), table["cultivar"], stratify=True)


@cache
def samples() -> Split:
    """The samples of cells, as lesson 2.4 and the assignment of part 3 split them."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    return _split(found.data.rename(columns=lambda name: name.replace(" ", "_")), 1 - found.target, stratify=True)


@cache
def diabetes() -> Split:
    """The patients, as the assignment of part 2 splits them."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(as_frame=True, scaled=False)
    return _split(found.data.astype({"age": int, "sex": int}), found.target, stratify=False)


def _split(features: Any, target: Any, stratify: bool) -> Split:
    from sklearn.model_selection import train_test_split

    found = train_test_split(features, target, random_state=SEED, stratify=target if stratify else None)
    return Split(*found)


def unchanged(given: Any, expected: Any, what: str) -> None:
    """What a notebook hands over beside the answers is still as it made it."""
    import numpy as np

    if not (hasattr(given, "to_numpy") and hasattr(given, "shape")):
        raise NotYetError(f"{what} is of type {type(given).__name__}.", _AGAIN)
    if given.shape != expected.shape:
        raise NotYetError(f"{what} has the shape {given.shape}, the data have {expected.shape}.", _AGAIN)
    try:
        equal = np.allclose(given.to_numpy(dtype="float64"), expected.to_numpy(dtype="float64"))
    except (TypeError, ValueError, OverflowError):
        equal = False
    if not equal:
        raise NotYetError(f"{what} does not hold the test rows any more.", _AGAIN)
