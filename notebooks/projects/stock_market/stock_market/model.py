"""The model that is served: it answers true when the index will close higher tomorrow. MLflow stores this file.

A request gives the ups and downs of the last days, and says as parameters how sure the model must be (``threshold``),
of which index it speaks (``symbol``) and which evening it is (``today``). What the market around it did, the model
looks up in the feature store. This file needs nothing but mlflow, numpy, pandas and feast where the model is loaded.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

STORE_VARIABLE = "STOCK_MARKET_STORE"
"""Environment variable that tells where the feature store lies, if not where it lay when the model was made."""


def refusal(found: str, expected: str, do: str, *, ours: bool = False) -> MlflowException:
    """Build the error for a request that is not answered.

    The server makes an answer with status 400 of it, the fault of whoever asks, or 503 when the fault is ours.
    """
    code = TEMPORARILY_UNAVAILABLE if ours else INVALID_PARAMETER_VALUE
    return MlflowException(f"Found: {found}\nExpected: {expected}\nDo this: {do}", error_code=code)


class UpTomorrow(mlflow.pyfunc.PythonModel):
    """Will it close higher tomorrow? True where the probability is above the threshold."""

    def load_context(self, context: Any) -> None:
        """Load the estimator, and open the feature store if there is one to open."""
        self.config = context.model_config
        self.estimator = mlflow.pyfunc.load_model(context.artifacts["estimator"])
        self.store = self._open() if self.config["features"] and self.config["store"] else None

    def predict(
        self,
        context: Any,  # noqa: ARG002 (MLflow gives it)
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Answer for every window.

        Parameters
        ----------
        context : PythonModelContext
            MLflow's.
        model_input : numpy.ndarray of shape (rows, window), int64
            1 for a day that closed higher than the day before, else 0; the newest day last. All rows are about the
            same evening.
        params : dict
            ``threshold`` (0 to 1), ``symbol``, ``today`` (``2018-12-31``; empty: the calendar's).

        Returns
        -------
        numpy.ndarray of shape (rows,), bool
        """
        params = {"threshold": 0.5, "symbol": self.config["symbol"], "today": "", **(params or {})}
        threshold, symbol = params["threshold"], params["symbol"]
        if symbol != self.config["symbol"]:
            learnt = f"{self.config['symbol']!r}, which this model has learnt."
            raise refusal(f"the symbol {symbol!r}.", learnt, "Leave it out, or ask another model.")
        if not 0 <= threshold <= 1:
            raise refusal(f"threshold = {threshold:g}.", "a probability, 0 to 1.", "Leave it out for 0.5.")
        window = np.asarray(model_input)
        if not np.isin(window, (0, 1)).all():
            odd = window[~np.isin(window, (0, 1))][0]
            raise refusal(f"{odd} in a window.", "1 (up) or 0 (not up) a day.", "Send ups and downs, not prices.")
        frame = pd.DataFrame(window, columns=self.config["window"])
        if self.config["features"]:
            frame = frame.assign(**self._tonight(symbol, params["today"]))
        return self.probabilities(frame) > threshold

    def probabilities(self, frame: pd.DataFrame) -> np.ndarray:
        """Probability of an up for rows with all features: what the server asks, and what an evaluation asks."""
        rows = frame[self.config["window"] + [name.partition(":")[2] for name in self.config["features"]]]
        if self.config["tensor"]:
            rows = rows.to_numpy("float32")
        said = np.asarray(self.estimator.predict(rows))
        return said[:, -1] if said.ndim > 1 else said

    def _open(self) -> Any:
        from feast import FeatureStore

        folder = Path(os.environ.get(STORE_VARIABLE) or self.config["store"])
        return FeatureStore(repo_path=folder) if Path(folder, "feature_store.yaml").exists() else None

    def _tonight(self, symbol: str, today: str) -> dict[str, float]:
        """Look up the features of a symbol, and refuse those that are not of this evening."""
        wanted = self.config["features"]
        self.store = self.store or self._open()  # it may have been made since
        found = self.store and self.store.get_online_features(features=wanted, entity_rows=[{"symbol": symbol}])
        answer = found.to_dict(include_event_timestamps=True) if found else {}
        names = [name.partition(":")[2] for name in wanted]
        if any(answer.get(name, [None])[0] is None for name in names):
            raise refusal(
                f"no features of {symbol!r} in the feature store.",
                f"{', '.join(names)} of this evening.",
                f"Run the entry point `refresh` for {symbol!r}; {STORE_VARIABLE} tells where the store lies.",
                ours=True,
            )
        self._check_age(symbol, today, answer[f"{names[0]}__ts"][0])
        return {name: answer[name][0] for name in names}

    def _check_age(self, symbol: str, today: str, seconds: int) -> None:
        day = dt.datetime.fromtimestamp(seconds, dt.UTC).date()
        try:
            now = dt.date.fromisoformat(today) if today else dt.datetime.now(dt.UTC).date()
        except ValueError:
            raise refusal(f"today = {today!r}.", "a date such as '2018-12-31'.", "Leave it out, or mend it.") from None
        if day > now:
            raise refusal(f"today = '{now}'.", f"an evening from {day} on.", "The store keeps no older features.")
        if (now - day).days > self.config["max_age"]:
            raise refusal(
                f"a stale feature store: its features of {symbol!r} are of {day}, and today is {now}.",
                f"features that are 0 to {self.config['max_age']} days old.",
                f"Run the entry point `refresh` for {symbol!r}, the job of every evening.",
                ours=True,
            )


mlflow.models.set_model(UpTomorrow())
