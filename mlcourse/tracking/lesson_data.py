"""What the checks of lessons 0 to 1.5 compute again: the lessons' data and splits, and what models reach on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from mlcourse.answers import shown
from mlcourse.course_data import SEED, wine
from mlworkbench import data
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
_ROUNDED_TO_THREE = 0.0006
_NEAR, _CHANCE = 0.2, 0.035


def share_of_test_rows(name: str, value: float) -> None:
    """An accuracy is that of a whole number of test rows, rounded to two or three digits or not."""
    rows = len(wine()[1])
    right = round(value * rows) / rows
    if abs(value - right) > _ROUNDED_TO_THREE and value != round(right, 2):
        raise NotYetError(
            f"{name} is {value:.4g}, which no number of right answers out of {rows} test wines gives.",
            "Log model.score(X_test, y_test) of the lesson's split.",
        )


def near(name: str, value: float, model: Any, what: str, slack: float = _NEAR) -> None:
    """An accuracy on the test wines is about that of such a model, whatever random numbers it drew."""
    share_of_test_rows(name, value)
    X_train, X_test, y_train, y_test = wine()
    expected = float(model.fit(X_train, y_train).score(X_test, y_test))
    if abs(value - expected) > slack:
        raise NotYetError(
            f"{name} is {value:.3f}; {what} reaches about {expected:.3f} on the test wines.",
            "Train on X_train and y_train, and score X_test and y_test.",
        )


@cache
def volume() -> pd.Series:
    """Mean volume of each year in billions of shares a day."""
    found: pd.Series = data.load_sp500()["volume"].groupby(lambda day: day.year).mean() / 1e9
    return found


def days() -> int:
    """Number of days with prices."""
    return len(data.load_sp500())


@cache
def _days_to_search_on() -> tuple[Any, Any]:
    import pandas as pd

    change = data.load_sp500()["close"].pct_change() * 100
    lags = pd.concat({f"{days} days ago": change.shift(days) for days in range(10)}, axis=1)
    search = lags.assign(up=change.shift(-1) > 0).iloc[10:-1].loc[:"2012"]
    return search.drop(columns="up"), search["up"]


@cache
def tree_means(depth: str) -> tuple[float, ...]:
    """Mean accuracy of a tree of this depth in five folds: one after the other in time, and side by side."""
    from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    if depth != "None" and not (depth.isdigit() and int(depth) > 0):
        raise NotYetError(f"A child has max_depth {shown(depth)}.", "Log one whole number in each child, or None.")
    X, y = _days_to_search_on()
    tree = DecisionTreeClassifier(max_depth=None if depth == "None" else int(depth), random_state=SEED)
    return tuple(float(cross_val_score(tree, X, y, cv=cut).mean()) for cut in (TimeSeriesSplit(FOLDS), KFold(FOLDS)))


def tree_mean(depth: str, value: float) -> None:
    """A mean is about what such a tree reaches on the days that the lesson searches on."""
    expected = tree_means(depth)
    if all(abs(value - each) > _CHANCE for each in expected):
        raise NotYetError(
            f"The child with max_depth {depth} has a cv_mean of {value:.3f}; on the lesson's days to search on, such a "
            f"tree reaches about {expected[0]:.3f}.",
            "cross_val_score(…, X, y, cv=TimeSeriesSplit(folds)) scores days that the tree has not seen.",
        )
