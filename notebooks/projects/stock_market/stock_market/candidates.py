"""The models that are tried: small ones, since there is little to learn and much to overfit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlworkbench.errors import unknown_name


def logistic() -> Any:
    """Logistic regression with much regularisation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05))


def forest() -> Any:
    """A forest that can remember single days: what a random split lets it do shows in `walk_forward.leakage`."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(60, min_samples_leaf=2, random_state=0)


def xgboost() -> Any:
    """Few shallow trees, on one core: the same numbers on every machine."""
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=60, max_depth=3, learning_rate=0.05, n_jobs=1, random_state=0)


def keras() -> Any:
    """One hidden layer. Importing TensorFlow takes longer than training this."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Normalization(),
            keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy")
    return model


CANDIDATES = {make.__name__: make for make in (logistic, forest, xgboost, keras)}


def fit(name: str, rows: pd.DataFrame, answers: pd.Series) -> Any:
    """Make a candidate and fit it.

    Parameters
    ----------
    name : {'logistic', 'forest', 'xgboost', 'keras'}
        Which.
    rows : pandas.DataFrame of shape (days, features)
        Without NaN.
    answers : pandas.Series of shape (days,)
        1 for up, 0 for not.

    Raises
    ------
    WorkbenchError
        For an unknown candidate, with the nearest one.
    """
    if name not in CANDIDATES:
        raise unknown_name("candidate", name, CANDIDATES)
    model = CANDIDATES[name]()
    if name == "keras":
        numbers = rows.to_numpy("float32")
        model.layers[0].adapt(numbers)
        model.fit(numbers, answers.to_numpy("float32"), epochs=8, batch_size=64, verbose=0)
        return model
    return model.fit(rows, answers)


def probability(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Probability of an up for each row, by a model that `fit` returned."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(rows)[:, 1]
    return model(rows.to_numpy("float32")).numpy().ravel()


def log(model: Any, rows: pd.DataFrame) -> Any:
    """Log a fitted candidate with its own flavor, so that its python_function answers with probabilities.

    Returns
    -------
    mlflow.models.model.ModelInfo
    """
    import mlworkbench as wb

    if hasattr(model, "get_booster"):
        return wb.log_model(model.get_booster(), "estimator", example=rows)
    if hasattr(model, "predict_proba"):
        return wb.log_model(model, "estimator", example=rows, pyfunc_predict_fn="predict_proba")
    return wb.log_model(model, "estimator", example=rows.to_numpy("float32"))
