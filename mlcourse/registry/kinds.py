"""The four models of the assignment of part 3, trained again: a stored one must say what they say."""

from __future__ import annotations

from functools import cache
from typing import Any

from mlcourse.course_data import samples
from mlcourse.models import logged_models
from mlworkbench.tasks import NotYetError

_SLACK = 2  # test rows that another machine may see otherwise


def check_kind(model_uri: Any, kind: str) -> None:
    """The model at this address is the one that the notebook has stored under this name."""
    stored = logged_models.stored_model(model_uri, f"The model {kind!r}")
    found = logged_models.numbers(stored.answer(samples().X_test), "The predictions")
    expected = _predictions(kind)
    if len(found) != len(expected) or (differ := int((found != expected).sum())) > _SLACK:
        differ = differ if len(found) == len(expected) else len(expected)
        raise NotYetError(
            f"The model {kind!r} answers {differ} of the test rows otherwise than the notebook's.",
            "Run the cell with the data and the four models again.",
        )


@cache
def _predictions(kind: str) -> Any:
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    models = {
        "stump": DecisionTreeClassifier(max_depth=1),
        "forest": RandomForestClassifier(n_estimators=50, random_state=7),
        "hasty": RandomForestClassifier(n_estimators=1, max_depth=1, max_features=1, random_state=7),
        "majority": DummyClassifier(strategy="most_frequent"),
    }
    data = samples()
    return models[kind].fit(data.X_train, data.y_train.astype(float)).predict(data.X_test)
