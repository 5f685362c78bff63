"""On which rows a stored model was trained: it is compared with its like, trained on different rows."""

from __future__ import annotations

from typing import Any

from mlcourse.course_data import Split
from mlcourse.models.logged_models import Stored
from mlcourse.recipe import rebuilt
from mlworkbench.tasks import NotYetError

TRAINING, OTHERS = "the training rows", ("all rows", "the test rows")


def fitted(model: Any, data: Split) -> dict[str, Any]:
    """What such a model predicts for the test rows, trained on the training rows, on those, and on all."""
    import numpy as np
    import pandas as pd
    from sklearn.base import clone

    rows = {
        TRAINING: (data.X_train, data.y_train),
        OTHERS[1]: (data.X_test, data.y_test),
        OTHERS[0]: (pd.concat([data.X_train, data.X_test]), pd.concat([data.y_train, data.y_test])),
    }
    return {name: np.asarray(clone(model).fit(X, y).predict(data.X_test)).ravel() for name, (X, y) in rows.items()}


def on_training_rows(stored: Stored, answers: Any, data: Split) -> None:
    """A model answers more like one that was trained on the training rows than like one that knows the test rows.

    A model that cannot be built again of scikit-learn or XGBoost is let pass here.
    """
    import numpy as np
    from sklearn.base import is_classifier

    try:
        model = rebuilt(stored.record.model_id)
    except NotYetError:
        return
    apart = {
        name: _apart(np.asarray(answers), each, is_classifier(model)) for name, each in fitted(model, data).items()
    }
    least = min(apart[name] for name in OTHERS)
    if least < apart[TRAINING] / 2:
        raise NotYetError(
            f"The model answers as one that was trained on {' or '.join(n for n in OTHERS if apart[n] == least)}.",
            "Train it on X_train and y_train: the test rows are for the proof.",
        )


def _apart(found: Any, expected: Any, classes: bool) -> float:
    """How unlike two columns are: the share of other classes, or what another unit and origin cannot explain."""
    import numpy as np

    if classes:
        return float((found != expected).mean())
    if not (np.ptp(found) and np.ptp(expected)):
        return 0.0 if np.ptp(found) == np.ptp(expected) else 1.0
    return 1 - float(np.corrcoef(found, expected)[0, 1])
