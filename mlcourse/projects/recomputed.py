"""What the checks of part 4 compute again: wines, trees, flowers, late buses and dice, as the scripts make them."""

from __future__ import annotations

import random
import statistics
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

BUS = (0, 0, 1, 1, 2, 2, 3, 4, 5, 9, 20, 37)
"""Minutes that a bus was late, of task 4."""


@cache
def wines(seed: int, share: float = 1.0) -> pd.DataFrame:
    """What ``load.py`` hands on."""
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True).frame.sample(frac=share, random_state=seed)
    renamed: pd.DataFrame = wine.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "od280_od315"})
    return renamed


@cache
def evaluated(test_share: float, strength: float = 1.0, seed: int = 0) -> dict[str, float]:
    """What the workflow of lesson 4.3 measures, whose ``C`` is ``strength``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wine = wines(seed)
    parts = train_test_split(wine, test_size=test_share, stratify=wine["cultivar"], random_state=0)
    (X, y), (X_test, y_test) = ((part.drop(columns="cultivar").astype(float), part["cultivar"]) for part in parts)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(X, y)
    return {
        "accuracy": float(accuracy_score(y_test, model.predict(X_test))),
        "log_loss": float(log_loss(y_test, model.predict_proba(X_test))),
    }


@cache
def tree(depth: int | None, folds: int, seed: int = 7) -> dict[str, float]:
    """What ``how_deep.ipynb`` measures."""
    from sklearn.datasets import load_wine
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    model = DecisionTreeClassifier(max_depth=depth, random_state=seed)
    scores = cross_val_score(model, *load_wine(return_X_y=True), cv=parts)
    return {"accuracy": float(scores.mean()), "spread": float(scores.std())}


@cache
def line(column: str, rows: int) -> dict[str, float]:
    """The line that ``fit.py`` fits to the first flowers, and its error."""
    from sklearn.datasets import load_iris

    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    flowers = load_iris(as_frame=True).data.sample(frac=1, random_state=7).set_axis(names, axis=1).head(rows)
    x, y = list(flowers[column]), list(flowers["petal_width"])
    slope, intercept = statistics.linear_regression(x, y)
    error = statistics.mean(abs(slope * a + intercept - b) for a, b in zip(x, y, strict=True))
    return {"slope": slope, "intercept": intercept, "error": error}


def guessed(by: str) -> float:
    """The error of the guess by mean or median that the project of task 4 makes."""
    guess = {"mean": statistics.mean, "median": statistics.median}[by](BUS)
    return float(statistics.mean(abs(late - guess) for late in BUS))


@cache
def thrown(throws: int, sides: int, seed: int = 7) -> dict[str, float]:
    """What ``dice.ipynb`` counts."""
    dice = random.Random(seed)  # noqa: S311  the notebook throws dice, and guards no secret
    points = [dice.randint(1, sides) for _ in range(throws)]
    return {"count": float(throws), "mean": sum(points) / throws, "highest": float(max(points))}
