"""What the assignment of part 1 computes again: its data, its split, its models, and what they score."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from mlcourse.answers import same
from mlcourse.course_data import SEED, Split

FOLDS, SLACK = 5, 2
BY_PANDAS = "mean and std of pandas"
"""``SLACK`` rows may be predicted otherwise on another machine."""


@cache
def split() -> Split:
    """The data as the assignment splits them."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    cancer = load_breast_cancer(as_frame=True)
    malignant = 1 - cancer.target
    return Split(*train_test_split(cancer.data, malignant, random_state=SEED, stratify=malignant))


@cache
def baseline() -> float:
    """Accuracy of the most frequent class on the test rows."""
    from sklearn.dummy import DummyClassifier

    data = split()
    model = DummyClassifier(strategy="most_frequent").fit(data.X_train, data.y_train)
    return float(model.score(data.X_test, data.y_test))


@cache
def logistic() -> list[int]:
    """What the model of task 2 predicts for the test rows."""
    from sklearn.linear_model import LogisticRegression

    data = split()
    model = LogisticRegression(C=0.1, max_iter=10000).fit(data.X_train, data.y_train)
    return [int(value) for value in model.predict(data.X_test)]


@cache
def forest() -> tuple[float, float]:
    """Accuracy of the forest of task 6 on the test rows and on the training rows."""
    from sklearn.ensemble import RandomForestClassifier

    data = split()
    model = RandomForestClassifier(random_state=SEED).fit(data.X_train, data.y_train)
    return float(model.score(data.X_test, data.y_test)), float(model.score(data.X_train, data.y_train))


@cache
def losses(scaler: str, rounds: int) -> list[float]:
    """Loss of the model of task 3 after each round, on features scaled in this way."""
    from sklearn import preprocessing
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import log_loss

    data = split()
    if scaler == BY_PANDAS:
        scaled = ((data.X_train - data.X_train.mean()) / data.X_train.std()).to_numpy()
    else:
        scaled = getattr(preprocessing, scaler)().fit_transform(data.X_train)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.001, random_state=SEED)
    found = []
    for _ in range(rounds):
        model.partial_fit(scaled, data.y_train, classes=[0, 1])
        found.append(float(log_loss(data.y_train, model.predict_proba(scaled))))
    return found


@cache
def digests() -> frozenset[str]:
    """Digests of the training data with its target: first or last, as number or truth value, with or without index."""
    import mlflow

    data, found = split(), set()
    for kind in ("int64", "int32", "float64", "bool"):
        table = data.X_train.assign(malignant=data.y_train.astype(kind))
        for columns in (list(table.columns), ["malignant", *data.X_train.columns]):
            for each in (table[columns], table[columns].reset_index(drop=True)):
                found.add(mlflow.data.from_pandas(each).digest)
    return frozenset(found)


def folds(model: Any) -> Iterator[list[float]]:
    """Scores of a model in five folds of the training data, in the ways in which they are cut without luck."""
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

    data = split()
    mixed = {"shuffle": True, "random_state": SEED}
    cuts = (StratifiedKFold(FOLDS), KFold(FOLDS), StratifiedKFold(FOLDS, **mixed), KFold(FOLDS, **mixed))
    for cut in cuts:
        yield [float(score) for score in cross_val_score(model, data.X_train, data.y_train, cv=cut)]


@cache
def tree_folds(depth: str) -> list[list[float]]:
    """The same of a tree of this depth."""
    from sklearn.tree import DecisionTreeClassifier

    return list(folds(DecisionTreeClassifier(max_depth=None if depth == "None" else int(depth), random_state=SEED)))


@cache
def seeded_folds(depth: int, seed: int) -> list[float]:
    """Scores of a tree of task 11, which looks at some columns at each split, in five folds of the training data."""
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    data, tree = split(), DecisionTreeClassifier(max_depth=depth, max_features="sqrt", random_state=seed)
    return [float(score) for score in cross_val_score(tree, data.X_train, data.y_train, cv=FOLDS)]


def agree(found: list[float], expected: list[float], close: float = 0.0) -> bool:
    """The same scores, in any order, rounded or not."""
    pairs = zip(sorted(found), sorted(expected), strict=True)
    return len(found) == len(expected) and all(same(a, b) or abs(a - b) <= close for a, b in pairs)


def equal_folds(found: list[float], expected: list[float]) -> int:
    """How many folds have the same score, in any order."""
    return sum(same(a, b) for a, b in zip(sorted(found), sorted(expected), strict=True))
