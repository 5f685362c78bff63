"""Makers of right and wrong answers to the tasks of part 5. Runs hold numbers as the project's functions give them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pandera.pandas as pa
from mlflow.entities import Run
from mlflow.models import MetricThreshold, make_metric

import mlworkbench as wb
from mlcourse.market import recomputed
from mlcourse.market.left_to_others import TONIGHT
from mlworkbench.verdict import VERDICT_TAG
from stock_market import (
    candidates,
    criterion,
    feature_store,
    features,
    gate,
    heuristics,
    monitor,
    prices,
    serving,
    walk_forward,
    windows,
)
from stock_market.features import MARKET
from stock_market.heuristics import HEURISTICS

MONTHS = {"months": 198, "months_met": 0.25, "months_by_luck": 0.25, "months_sure": 0.0}
RULES = ("always_up", "always_down", "persistence")
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


def demands(close: Any = None, index: Any = None, unique: bool = True) -> pa.DataFrameSchema:
    """A schema as task 1 wants it, if nothing else is said."""
    ascending = pa.Check(lambda dates: dates.is_monotonic_increasing)
    dates = pa.Index("datetime64[ns]", ascending if index is None else index, unique=unique)
    return pa.DataFrameSchema({"close": close or pa.Column(float, pa.Check.gt(0))}, index=dates)


def delivered(clean: Any = None, problems: int = 3, report: bool = True, schema: Any = None, told: Any = None) -> dict:
    path, found, good = delivery()
    found = found if told is None else told(found)
    with mlflow.start_run(run_name="delivery") as made:
        mlflow.log_metric("problems", problems)
    if report:
        mlflow.MlflowClient().log_table(made.info.run_id, found, "report.json")
    wanted = demands() if schema is None else schema
    return {"run": made, "clean": good if clean is None else clean(good), "delivery": path, "schema": wanted}


def texts() -> pd.DataFrame:
    """The file with nothing but its first row of the twins taken out, as texts."""
    return prices.read(delivery()[0])


def unmended(_: pd.DataFrame) -> pd.DataFrame:
    numbers = texts().apply(pd.to_numeric, errors="coerce")
    return numbers.set_axis(pd.to_datetime(numbers.index))


def rules(
    symbol: str = "nasdaq", best: Any = "always_up", drop: str = "", of: str = "", days: Any = None, **changed: Any
) -> dict:
    """Runs of the three rules; ``of`` is another index whose numbers they hold; a rule changed to 0 has no run."""
    days = recomputed.by_day(of or "nasdaq") if days is None else days
    against = heuristics.scores(days)[list(RULES)].max()
    numbers = {name: criterion.summary(HEURISTICS[name](days) == days["answer"], against=against) for name in RULES}
    numbers = {name: found | changed.get(name, {}) for name, found in numbers.items() if changed.get(name) != 0}
    made = [run(name, found, drop, symbol=symbol) for name, found in numbers.items()]
    return {"symbol": "nasdaq", "runs": made, "best": best}


def rule_on_the_days_walked(symbol: str = "nasdaq") -> float:
    return heuristics.scores(recomputed.predicted(recomputed.table(symbol)))["always_up"]


def walked(name: str, symbol: str = "nasdaq", digits: int = 9, drop: str = "", **wrong: float) -> Run:
    """The run of a model as task 3 wants it, with numbers that walking forward gives."""
    best = {"nasdaq": "always_up", "vix": "always_down"}[symbol]
    found = {**recomputed.against_the_rule(symbol, name, best), **wrong}
    return run(name, {key: round(value, digits) for key, value in found.items()}, drop, model=name, symbol=symbol)


def model(
    name: str, accuracy: float = 0.529, rule: float = 0.0, half: float = 0.02, drop: str = "", times: float = 1
) -> Run:
    """The run of a model with numbers that somebody has made up."""
    gain = accuracy - (rule or rule_on_the_days_walked())
    gains = {"gain_low": gain - half, "gain": gain, "gain_high": gain + half}
    gains = {key: value * times for key, value in gains.items()}
    return run(name, judged(accuracy) | gains, drop, model=name)


def models(*runs: Run, better: Any = ()) -> dict:
    given = list(runs) or [walked("logistic"), walked("xgboost")]
    return {"symbol": "nasdaq", "runs": given, "better": list(better) if isinstance(better, tuple) else better}


@cache
def leakage(horizon: int = 20, given: int = 20, name: str = "logistic", seed: int = 0) -> dict[str, float]:
    """What the leak is on a table with this horizon, when the call is given that one."""
    days = recomputed.table("nasdaq", horizon)
    return walk_forward.leakage(days, features.columns(), name, horizon=given, seed=seed).to_dict()


def leak(honest: Any = None, rule: Any = None, drop: str = "", numbers: Any = None, **params: Any) -> dict:
    measured = numbers or leakage()
    made = run("leakage", measured, drop, **{"model": "logistic", "horizon": 20, **params})
    honest = measured["walk_forward"] if honest is None else honest
    return {"symbol": "nasdaq", "run": made, "honest": honest, "rule": measured["best_rule"] if rule is None else rule}


def table() -> pd.DataFrame:
    return recomputed.table("nasdaq")


@cache
def served(
    symbol: str = "nasdaq", length: int = 14, name: str = "logistic", leaked: bool = False, group: str = "window"
) -> str:
    """A model as task 5 wants it, once for all tests; `leaked` has learnt from the days held out as well."""
    columns = [*windows.names(14)[-length:], *features.GROUPS[group]]
    known = table() if leaked else walk_forward.split_off(table(), 250)[0]
    rows = known[columns].set_axis([*windows.names(length), *features.GROUPS[group]], axis=1)
    with mlflow.start_run():
        mlflow.log_param("model", name)
        info = serving.log_served(
            candidates.fit(name, rows, known["answer"]),
            rows.head(),
            group=group,
            symbol=symbol,
            window=length,
            store="",
            today="2018-12-31",
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
def verdict(uri: str = "", first: int = -250, last: int | None = None) -> wb.Verdict:
    """What the gate says on the days held out, or on others."""
    return gate.judge(uri or served(), table().iloc[first:last])[0]


def decided(**wrong: Any) -> dict:
    return {"symbol": "nasdaq", "model_uri": served(), "verdict": verdict(), **wrong}


def leaked() -> dict:
    """A forest that has learnt from the days held out; the gate lets it pass."""
    uri = served(name="forest", leaked=True)
    return decided(model_uri=uri, verdict=verdict(uri))


def lenient(**thresholds: MetricThreshold) -> dict:
    """A verdict that is logged as it should be, of a gate that asks for less, or for other things."""
    held = table().tail(250)
    rule = HEURISTICS[heuristics.scores(held).index[0]]
    answers, theirs = held["answer"].to_numpy(), rule(held)

    def gain_low(predictions: pd.Series, targets: pd.Series, metrics: object) -> float:
        return criterion.gain(predictions.to_numpy(), theirs, answers)[0]

    wanted = {
        "accuracy_score": MetricThreshold(min_absolute_change=0.01, greater_is_better=True),
        "gain_low": MetricThreshold(threshold=0.0, greater_is_better=True),
        **thresholds,
    }
    extra = [make_metric(eval_fn=gain_low, name="gain_low", greater_is_better=True)]
    numbers = held.select_dtypes("number")
    given = {"target": "answer", "thresholds": wanted, "extra_metrics": extra}
    return decided(verdict=wb.validate(gate.Decisions(served()), rule, numbers, **given))


def retold(passed: bool = False, **numbers: float) -> wb.Verdict:
    """The verdict with other numbers in its table, and logged like that in its run."""
    true = verdict()
    table = true.table.copy()
    for name, value in numbers.items():
        table.loc[table["metric"] == name, "candidate"] = value
    with mlflow.start_run(tags={VERDICT_TAG: "passed" if passed else "refused"}) as made:
        mlflow.log_params(mlflow.get_run(true.run_id).data.params)
        told = wb.Verdict(passed, table, made.info.run_id)
        mlflow.log_text(repr(told), "verdict.txt")
    return told


def other_gate() -> wb.Verdict:
    """A verdict on accuracy alone."""
    first = verdict()
    return wb.Verdict(first.passed, first.table[first.table["metric"] == "accuracy_score"], first.run_id)


def asked(alias: str = "candidate", uri: str = "", passed: bool = False, also: str = "", **wrong: Any) -> dict:
    version = wb.register(uri or served(), "up-nasdaq")
    client = mlflow.MlflowClient()
    for held in client.get_model_version("up-nasdaq", version.version).aliases:
        client.delete_registered_model_alias("up-nasdaq", held)
    for name in filter(None, (alias, also)):
        client.set_registered_model_alias("up-nasdaq", name, version.version)
    rows = windows.windows(wb.load_nasdaq()["close"]).tail(20).to_numpy()
    said = mlflow.pyfunc.load_model(served())
    given = wb.Verdict(passed, verdict().table, verdict().run_id)  # passed or not, with the numbers that it has
    answers = {"half": said.predict(rows), "higher": said.predict(rows, params={"threshold": 0.55})}
    return decided(verdict=given) | {"version": version, "rows": rows} | answers | wrong


def at_half() -> np.ndarray:
    return np.asarray(asked()["half"])


@cache
def days(symbol: str = "nasdaq") -> pd.DataFrame:
    return recomputed.by_day(symbol).assign(prediction=1)


@cache
def measured(symbol: str, reference: str, watch: tuple[str, ...], best: bool) -> tuple[Any, Any, pd.DataFrame]:
    """Reference, watched days, and what the monitor measures; the predictions are a rule's, or the answers."""
    known = days(symbol) if best else days(symbol).assign(prediction=days(symbol)["answer"])
    calm, current = known.loc[reference], pd.concat([known.loc[month] for month in watch])
    return calm, current, monitor.by_month(calm, current)


def watched(
    first_alert: Any = "2008-10",
    *,
    symbol: str = "nasdaq",
    reference: str = "2005",
    months: tuple[str, ...] = ("2008-08", "2008-09", "2008-10"),
    steps: tuple[int, ...] | None = None,
    files: dict[str, str] | None = None,
    told: bool = False,
    tag: str = "",
    **wrong: Any,
) -> dict:
    """Numbers and files as monitor.log writes them; its own work is tested elsewhere."""
    calm, current, found = measured(symbol, reference, months, not told)
    made, client = run("monitor", {}, symbol="vix" if symbol == "vix" else "nasdaq"), mlflow.MlflowClient()
    for number, month in enumerate(found.index):
        step = steps[number] if steps else month.year * 100 + month.month
        for name, value in found.iloc[number].items():
            client.log_metric(made.info.run_id, name, wrong.get(name, value), step=step)
    alerts = monitor.alerts(found)
    first = f"{alerts.index[0]}: {alerts.iloc[0]}" if len(alerts) else "none"
    client.set_tag(made.info.run_id, "alert", tag or first)
    left = {"months.csv": found.assign(alert=alerts).to_csv(), "report.html": f"<html>{' '.join(MARKET)}</html>"}
    for name, text in {**left, **(files or {})}.items():
        if text:
            client.log_text(made.info.run_id, text, name)
    return {"symbol": "nasdaq", "run": made, "reference": calm, "current": current, "first_alert": first_alert}


@cache
def stored(evenings: int = 0) -> str:
    """A feature store of the NASDAQ, some evenings old."""
    series = {name: prices.checked(found) for name, found in prices.load_with_companions("nasdaq").items()}
    known = features.features(series, "nasdaq").tail(100)
    folder = Path(_SCRATCH.name, f"features {evenings}")
    feature_store.refresh(folder, known.head(100 - evenings))
    return str(folder)


def kept(
    text: str = "nasdaq: always_up is right on 54 % of the days; no model is better.", better: str = "", **wrong: Any
) -> dict:
    for name in ("logistic", "forest", "xgboost", "keras"):  # none of them is surely better, unless the test says so
        model(name, 0.64 if name == better else 0.52)
    mlflow.set_experiment_tag("mlflow.note.content", text)
    tonight = recomputed.newest("nasdaq")[TONIGHT].to_dict()
    return {"symbol": "nasdaq", "store": stored(), "tonight": tonight, **wrong}
