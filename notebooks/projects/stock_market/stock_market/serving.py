"""From a fitted estimator to the model that is served: logged whole, from its code, without a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stock_market import candidates
from stock_market.features import GROUPS, MARKET
from stock_market.windows import names

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo

CODE = Path(__file__).parent / "model.py"
MAX_AGE = 5
"""How many days old the features of tonight may be: a long weekend."""


def log_served(
    estimator: Any, rows: pd.DataFrame, *, group: str, symbol: str, window: int, store: str, today: str = ""
) -> ModelInfo:
    """Log an estimator, and the model that serves it.

    Parameters
    ----------
    estimator : object
        As `candidates.fit` returns it.
    rows : pandas.DataFrame
        A few rows of its features.
    group, symbol, window, store
        What it was fitted on, and the folder of the feature store that the served model asks.
    today : str
        The evening that a request means which does not say. Prices that came with a package end in 2018, so does their
        calendar; for live prices leave it empty: the calendar's.

    Returns
    -------
    mlflow.models.model.ModelInfo
        Of the model that is served: a tensor of 14 int64 in, a boolean for each row out, with the parameters
        ``threshold``, ``symbol`` and ``today``.
    """
    import mlflow

    from mlworkbench.quiet import quiet

    with quiet():  # the ups of a window are whole numbers, and have no gaps
        inner = candidates.log(estimator, rows)
        return mlflow.pyfunc.log_model(
            name="up_tomorrow",
            python_model=str(CODE),
            artifacts={"estimator": inner.model_uri},
            model_config=_wanted(group, window)
            | {"symbol": symbol, "store": store, "tensor": "tensorflow" in inner.flavors, "max_age": MAX_AGE},
            signature=_signature(window, symbol, today),
            pip_requirements=_requirements(inner),
        )


def _wanted(group: str, window: int) -> dict[str, list[str]]:
    """Which columns a request fills, and which features the store adds, as Feast names them."""
    features = [f"{'market' if name in MARKET else 'vix'}:{name}" for name in GROUPS[group]]
    return {"window": names(window), "features": features}


def _signature(window: int, symbol: str, today: str) -> ModelSignature:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    parameters = [
        ParamSpec("threshold", DataType.double, 0.5),
        ParamSpec("symbol", DataType.string, symbol),
        ParamSpec("today", DataType.string, today),
    ]
    return ModelSignature(
        Schema([TensorSpec(np.dtype("int64"), (-1, window))]),
        Schema([TensorSpec(np.dtype("bool"), (-1,))]),
        ParamSchema(parameters),
    )


def _requirements(inner: ModelInfo) -> list[str]:
    """What the estimator needs, and what the code around it does."""
    import mlflow

    from mlworkbench.models.requirements import pins
    from mlworkbench.quiet import quiet

    with quiet():
        lines = Path(mlflow.pyfunc.get_model_dependencies(inner.model_uri)).read_text(encoding="utf-8").splitlines()
    return sorted({line for line in lines if line and not line.startswith("mlflow")} | set(pins([], code_paths=[CODE])))
