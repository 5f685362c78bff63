"""Makers of right and wrong answers to the tasks of part 5. Runs hold numbers as the project's functions give them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Run

import mlworkbench as wb
from stock_market import candidates, gate, prices, serving, sweep, walk_forward, windows

MONTHS = {"months": 198, "months_met": 0.25, "months_by_luck": 0.25, "months_sure": 0.0}
RULES = {"always_up": 0.54, "always_down": 0.46, "persistence": 0.497}
_SCRATCH = tempfile.TemporaryDirectory()  # goes when the tests end


def run(name: str, metrics: dict[str, float], drop: str = "", **params: Any) -> Run:
    """A run about the NASDAQ, if nothing else is said, without one of its metrics or parameters."""
    known = {"symbol": "nasdaq", **params}
    with mlflow.start_run(run_name=name) as made:
        mlflow.log_params({key: value for key, value in known.items() if key != drop})
        mlflow.log_metrics({key: value for key, value in metrics.items() if key != drop})
    return made


def judged(accuracy: float) -> dict[str, float]:
    return {"accuracy": accuracy, "accuracy_low": accuracy - 0.015, "accuracy_high": accuracy + 0.015, **MONTHS}


@cache
def delivery() -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """A file with three bad rows, the report on it, and the good rows."""
    good = wb.load_nasdaq().loc["2018":, ["close"]].round(2)
    bad = good.astype(str)
    bad.iloc[3], bad.iloc[5] = "n/a", "-1"
    bad = pd.concat([bad.iloc[:9], bad.iloc[8:]])
    path = Path(_SCRATCH.name, "delivery.csv")
    bad.to_csv(path)
    return str(path), prices.problems(prices.read(path)), good.drop(good.index[[3, 5]])


def delivered(clean: Any = None, problems: int = 3, report: bool = True) -> dict:
    path, found, good = delivery()
    made = run("delivery", {"problems": problems})
    if report:
        mlflow.MlflowClient().log_table(made.info.run_id, found, "report.json")
    return {"run": made, "clean": good if clean is None else clean(good), "delivery": path}


def texts() -> pd.DataFrame:
    """The file with nothing but its first row of the twins taken out, as texts."""
    return prices.read(delivery()[0])


def unmended(_: pd.DataFrame) -> pd.DataFrame:
    numbers = texts().apply(pd.to_numeric, errors="coerce")
    return numbers.set_axis(pd.to_datetime(numbers.index))


def rules(symbol: str = "nasdaq", best: Any = "always_up", drop: str = "", **wrong: float) -> dict:
    made = [run(name, judged(value), drop, symbol=symbol) for name, value in (RULES | wrong).items() if value]
    return {"symbol": "nasdaq", "runs": made, "best": best}


def model(name: str, accuracy: float = 0.529, rule: float = 0.547, half: float = 0.02, drop: str = "") -> Run:
    gain = accuracy - rule
    gains = {"gain_low": gain - half, "gain": gain, "gain_high": gain + half}
    return run(name, judged(accuracy) | gains, drop, model=name)


def models(*runs: Run, better: Any = ()) -> dict:
    given = list(runs) or [model("logistic"), model("xgboost", 0.523)]
    return {"symbol": "nasdaq", "runs": given, "better": better if isinstance(better, str) else list(better)}


def leak(honest: Any = 0.56, drop: str = "", leakage: float = 0.11, **params: Any) -> dict:
    numbers = {"walk_forward": 0.56, "random_split": 0.67, "leakage": leakage}
    made = run("leakage", numbers, drop, **{"model": "forest", "horizon": 20, **params})
    return {"symbol": "nasdaq", "run": made, "honest": honest}


@cache
def table() -> pd.DataFrame:
    series = {name: prices.checked(found) for name, found in prices.load_with_companions("nasdaq").items()}
    return sweep.table(series, "nasdaq")


@cache
def served(symbol: str = "nasdaq", length: int = 14) -> str:
    """A model as task 5 wants it, once for all tests."""
    rows = table()[windows.names(14)[-length:]].set_axis(windows.names(length), axis=1)
    estimator = candidates.fit("logistic", rows, table()["answer"])
    with mlflow.start_run():
        info = serving.log_served(
            estimator, rows.head(), group="window", symbol=symbol, window=length, store="", today="2018-12-31"
        )
    return info.model_uri


@cache
def plain() -> str:
    rows = table()[windows.names()]
    with mlflow.start_run():
        return wb.log_model(
            candidates.fit("logistic", rows, table()["answer"]), "plain", example=rows.head(3)
        ).model_uri


@cache
def verdict() -> wb.Verdict:
    return gate.judge(served(), walk_forward.split_off(table(), 250)[1])[0]


def decided(**wrong: Any) -> dict:
    return {"symbol": "nasdaq", "model_uri": served(), "verdict": verdict(), **wrong}


def other_gate() -> wb.Verdict:
    """A verdict on accuracy alone."""
    first = verdict()
    return wb.Verdict(first.passed, first.table[first.table["metric"] == "accuracy_score"], first.run_id)


def asked(alias: str = "candidate", uri: str = "", passed: bool = False, **wrong: Any) -> dict:
    version = wb.register(uri or served(), "up-nasdaq")
    client = mlflow.MlflowClient()
    for held in client.get_model_version("up-nasdaq", version.version).aliases:
        client.delete_registered_model_alias("up-nasdaq", held)
    if alias:
        client.set_registered_model_alias("up-nasdaq", alias, version.version)
    rows = windows.windows(wb.load_nasdaq()["close"]).tail(20).to_numpy()
    said = mlflow.pyfunc.load_model(served())
    given = wb.Verdict(passed, verdict().table, verdict().run_id)
    answers = {"half": said.predict(rows), "higher": said.predict(rows, params={"threshold": 0.55})}
    return decided(verdict=given) | {"version": version, "rows": rows} | answers | wrong


def at_half() -> np.ndarray:
    return np.asarray(asked()["half"])


def watched(first_alert: Any = "2008-10", steps: Any = (200808, 200809, 200810), alert: str = "2008-10: drift") -> dict:
    made = run("monitor", {})
    client = mlflow.MlflowClient()
    for step in steps:
        client.log_metric(made.info.run_id, "drift_share", 0.5, step=step)
    client.set_tag(made.info.run_id, "alert", alert)
    for name in ("months.csv", "report.html"):
        client.log_text(made.info.run_id, "made by monitor.log", name)
    return {"symbol": "nasdaq", "run": made, "first_alert": first_alert}


def unlogged() -> dict:
    made = run("monitor", {})
    for step in (200808, 200809, 200810):
        mlflow.MlflowClient().log_metric(made.info.run_id, "drift_share", 0.5, step=step)
    return {"symbol": "nasdaq", "run": made, "first_alert": "none"}
