"""For each task of part 5, right answers pass, and typical wrong ones are refused, each with its own message."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from mlflow.entities import Run
from mlflow.models import MetricThreshold
from pandera.typing import Index

import mlworkbench as wb
from mlcourse.market import recomputed
from mlcourse.market.left_to_others import TONIGHT
from stock_market import heuristics, windows
from tests.mlcourse.market.answers import (
    asked,
    at_half,
    days,
    decided,
    delivered,
    demands,
    kept,
    leak,
    leakage,
    leaked,
    lenient,
    model,
    models,
    other_gate,
    plain,
    retold,
    rules,
    run,
    served,
    stored,
    table,
    texts,
    unmended,
    verdict,
    walked,
    watched,
)
from tests.refusals import refused


def on_all_days() -> dict:
    """Models that were split at random are judged on all days, and so is the rule."""
    rule = heuristics.scores(recomputed.table("nasdaq"))["always_up"]
    return models(model("logistic", rule=rule), model("forest", rule=rule))


pytestmark = pytest.mark.usefixtures("session")


class Prices(pa.DataFrameModel):
    """The schema of task 1 as a class, which pandera knows as well."""

    close: float = pa.Field(gt=0)
    date: Index[pa.DateTime] = pa.Field(unique=True)

    @pa.check("date")
    @classmethod
    def ascending(cls, dates: pd.Series) -> bool:
        return bool(dates.is_monotonic_increasing)


TONIGHT_OF_NONE = dict.fromkeys(TONIGHT)


def relabelled() -> Run:
    """The numbers of one model under the name of another."""
    return run("logistic", recomputed.against_the_rule("nasdaq", "xgboost", "always_up"), model="forest")


def leaking(claim: float) -> dict[str, float]:
    return leakage() | {"random_split": claim, "leakage": claim - leakage()["walk_forward"]}


def changed_days(**columns: Any) -> dict:
    right = watched()
    return right | {"current": right["current"].assign(**columns)}


def by_run(uri: str) -> str:
    """The address of the same model by its run."""
    found = mlflow.get_logged_model(uri.removeprefix("models:/"))
    return f"runs:/{found.source_run_id}/{found.name}"


def of_vix(answers: dict) -> dict:
    """Answers of somebody who has chosen the other index."""
    return answers | {"symbol": "vix"}


def spotless() -> dict:
    """A delivery of one's own, in which nothing is wrong."""
    path = Path(tempfile.mkdtemp(), "delivery.csv")
    good = wb.load_nasdaq().loc["2018":, ["close"]].round(2)
    good.to_csv(path)
    return delivered(lambda _: good, problems=0, told=lambda found: found.assign(rows=0)) | {"delivery": path}


def invented() -> dict:
    """A delivery of one's own, with prices that never were."""
    path = Path(tempfile.mkdtemp(), "delivery.csv")
    path.write_text("date,close\n2018-01-02,1\n2018-01-02,1\n2018-01-03,n/a\n2018-01-04,-1\n")
    return delivered() | {"delivery": path}


MONTHS_OF_VIX = ("2018-03", "2018-04", "2018-05")
OTHER_MONTHS = "month,drift_share,accuracy,days\n2008-07,0,0.5,20\n"


def thinned() -> dict:
    """Of the watched days only those on which the market was quiet."""
    right = watched()
    return right | {"current": right["current"][right["current"]["return_1"].abs() < 0.01]}


def broken_store() -> str:
    folder = tempfile.mkdtemp()
    Path(folder, "feature_store.yaml").write_text("hello")
    return folder


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("market.1", delivered),
    ("market.1", lambda: delivered(schema=Prices)),
    ("market.1", lambda: delivered(lambda good: good.assign(note="kept").sample(frac=1, random_state=1))),
    ("market.1", lambda: delivered(told=lambda found: found[["rows", "do", "found"]][::-1])),
    ("market.2", rules),
    ("market.2", lambda: rules(best=heuristics.HEURISTICS["always_up"])),
    ("market.2", lambda: rules(days=recomputed.all_windows("nasdaq"))),
    ("market.2", lambda: {**(right := rules()), "runs": tuple(run.info.run_id for run in right["runs"])[::-1]}),
    ("market.2", lambda: of_vix(rules("vix", best="always_down", days=recomputed.by_day("vix")))),
    ("market.3", lambda: of_vix(models(walked("logistic", "vix"), walked("forest", "vix")))),
    ("market.7", lambda: of_vix(watched("none", symbol="vix", reference="2017", months=MONTHS_OF_VIX))),
    ("market.3", models),
    ("market.3", lambda: models(walked("forest", digits=3), walked("logistic", digits=4), better=np.array([]))),
    ("market.3", lambda: models(walked("logistic"), model("keras", 0.525), walked("xgboost"))),
    ("market.4", leak),
    ("market.4", lambda: leak(honest=round(leakage()["walk_forward"], 2))),
    ("market.4", lambda: leak(numbers=leakage(seed=7))),
    ("market.4", lambda: leak(numbers=leakage(name="xgboost"), model="xgboost")),
    ("market.5", decided),
    ("market.5", lambda: decided(model_uri=served(name="xgboost"), verdict=verdict(served(name="xgboost")))),
    ("market.5", lambda: decided(model_uri=by_run(served()))),
    ("market.6", asked),
    ("market.6", lambda: asked(also="of-today")),
    ("market.6", lambda: {**(right := asked()), "rows": pd.DataFrame(right["rows"]), "higher": tuple(right["higher"])}),
    ("market.6", lambda: {**(right := asked()), "version": right["version"].version, "half": list(right["half"])}),
    ("market.7", watched),
    ("market.7", lambda: watched("2008-10", reference="2004")),
    ("market.7", lambda: watched("none", months=("2007-01", "2007-02", "2007-03"))),
    ("market.7", lambda: watched(pd.Period("2008-10"))),
    ("market.8", kept),
    ("market.8", lambda: kept("On 53.98 percent of its days the nasdaq goes up. None beats that.")),
    ("market.8", lambda: kept("nasdaq, 54%: only keras is surely better", better="keras")),
    ("market.8", lambda: kept("nasdaq: 53,98 per cent on 5,000 days. Zero models are surely better.")),
    ("market.8", lambda: kept(tonight=pd.Series(recomputed.newest("nasdaq")[TONIGHT]))),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("market.1", lambda: delivered(problems=252), "problems is 252"),
    ("market.1", lambda: delivered(report=False), "Log report.json with `mlflow.log_table`"),
    ("market.1", lambda: delivered(lambda _: texts()), "clean holds texts"),
    ("market.1", lambda: delivered(unmended), "clean still has 3 bad row(s)"),
    ("market.1", lambda: delivered(lambda good: good.drop(good.index[7])), "1 good row(s) are lost"),
    ("market.1", lambda: delivered(lambda good: good["close"]), "clean is not a table"),
    ("market.1", lambda: delivered(schema=demands(pa.Column(float, pa.Check.ge(0)))), "The schema takes a price of 0."),
    ("market.1", lambda: delivered(schema=demands(unique=False, index=[])), "takes a day twice, days in another order"),
    ("market.1", lambda: delivered(schema=demands(pa.Column(int))), "The schema refuses good prices"),
    ("market.1", lambda: delivered(lambda good: good + 1), "clean has"),
    ("market.1", lambda: delivered(told=lambda found: found.assign(rows=3)), "The report tells of 3, 3, 3 row(s)"),
    ("market.1", spotless, "In the delivery no row is wrong in this way: no number"),
    ("market.1", invented, "The delivery holds other prices than those of the NASDAQ"),
    ("market.1", lambda: delivered() | {"delivery": "nowhere.csv"}, "The delivery 'nowhere.csv' cannot be read"),
    ("market.1", lambda: delivered() | {"delivery": "http://127.0.0.1:9/delivery.csv"}, "cannot be read"),
    ("market.1", lambda: delivered() | {"delivery": None}, "The delivery 'None' cannot be read"),
    ("market.1", lambda: delivered(schema={"close": float}), "schema is of type dict. Give a pandera DataFrameSchema"),
    ("market.2", lambda: rules(symbol="sp500"), "is about 'sp500'. Take 'nasdaq'"),
    ("market.2", lambda: rules() | {"symbol": "sp500"}, "symbol is 'sp500'. Choose 'nasdaq' or 'vix'"),
    ("market.2", lambda: rules(always_down=0), "There is no run called always_down"),
    (
        "market.2",
        lambda: rules(always_up={"accuracy": 0.535}),
        "accuracy of 'always_up' is 0.535; computed again it is 0.540",
    ),
    ("market.2", lambda: rules(best="persistence"), "best is 'persistence'"),
    ("market.2", lambda: rules(best=["always_up"]), "Give the name of the rule"),
    ("market.2", lambda: rules(of="sp500"), "Judge every day of sweep.table(series, 'nasdaq')"),
    ("market.2", lambda: rules(persistence={"months_by_luck": 0.2}), "months_by_luck of 'persistence' is 0.200"),
    ("market.2", lambda: rules() | {"runs": rules()["runs"][0]}, "Give the runs as a list"),
    ("market.2", lambda: rules(drop="months_met"), "but no 'months_met'"),
    ("market.3", lambda: models(model("logistic")), "The runs are of 1 model(s)"),
    ("market.3", lambda: models(walked("logistic"), model("keras")), "of 1 model(s) of logistic, forest, xgboost"),
    ("market.3", lambda: models(model("logistic"), model("forest", rule=0.53)), "Accuracy minus gain is not the same"),
    ("market.3", lambda: models(model("logistic", rule=0.5), model("forest", rule=0.5)), "a rule that is right on 0.5"),
    ("market.3", on_all_days, "Were yours split at random"),
    ("market.3", lambda: models(model("logistic", times=100), model("forest", times=100)), "divide by 100"),
    ("market.3", lambda: models(model("logistic", 52.9, 54.7), model("forest", 52.9, 54.7)), "divide by 100"),
    (
        "market.3",
        lambda: models(model("logistic", 0.58), model("xgboost"), better=["logistic"]),
        "computed again it is",
    ),
    (
        "market.3",
        lambda: models(walked("logistic", accuracy_high=0.6), walked("forest")),
        "accuracy_high of 'logistic'",
    ),
    ("market.3", lambda: models(walked("logistic"), walked("forest", months_met=0.5)), "months_met of 'forest' is 0.5"),
    ("market.3", lambda: models(walked("logistic"), relabelled()), "of 'logistic' is"),
    ("market.3", lambda: models(better=None), "better is of type NoneType"),
    ("market.3", lambda: models(better=["logistic"]), "better is \"['logistic']\""),
    ("market.3", lambda: models(better=[model("logistic"), model("xgboost")]), "better is"),
    ("market.3", lambda: models(better="none"), "better is of type str"),
    ("market.3", lambda: models(model("logistic", half=-0.02), model("forest")), "is not between"),
    ("market.3", lambda: models(model("logistic", drop="gain"), model("forest")), "but no 'gain'"),
    ("market.4", lambda: leak(honest=leakage()["random_split"]), "That is what the random split claims"),
    ("market.4", lambda: leak(numbers=leaking(0.9)), "random_split of 'leakage' is 0.900; computed again it is"),
    ("market.4", lambda: leak(numbers=leakage() | {"best_rule": 0.5}), "best_rule of 'leakage' is 0.500"),
    ("market.4", lambda: leak(honest=float("nan")), "honest is nan"),
    ("market.4", lambda: leak(honest=0.11), "honest is 0.110"),
    ("market.4", lambda: leak(honest="0.6"), "honest is a text. Give the number"),
    ("market.4", lambda: leak(rule=0.54), "rule is 0.540. Give best_rule: the best rule on the same days"),
    ("market.4", lambda: leak(horizon=1), "The parameter horizon is '1'"),
    ("market.4", lambda: leak(numbers=leakage(1, 1)), "Give the horizon to sweep.table"),
    ("market.4", lambda: leak(numbers=leakage(20, 1)), "and to walk_forward.leakage"),
    ("market.4", lambda: leak(model="xgboost"), "and the model 'xgboost'"),
    ("market.4", lambda: leak(model="keras"), "Take one of logistic, forest, xgboost"),
    ("market.4", lambda: leak(numbers=leakage() | {"leakage": -0.11}), "leakage is -0.110"),
    ("market.4", lambda: leak(drop="horizon"), "but no 'horizon'"),
    ("market.5", lambda: decided(model_uri=plain()), "The model is called 'plain'"),
    ("market.5", lambda: decided(model_uri=served(length=7)), "Log it with group='window' and window=14"),
    ("market.5", lambda: decided(model_uri=served("vix")), "The model is for 'vix'"),
    ("market.5", lambda: decided(verdict="refused"), "verdict is of type str"),
    ("market.5", lambda: decided(verdict=(verdict(), "always_up")), "judge returns (verdict, rule): give the first"),
    ("market.5", leaked, "is right on 0.8"),
    ("market.5", lambda: decided(model_uri=served(group="rich")), "Log it with group='window'"),
    ("market.5", lambda: decided(verdict=verdict(first=-500)), "on the last 250 days it is"),
    ("market.5", lambda: decided(verdict=verdict(first=0, last=-311)), "The gate saw an accuracy of"),
    ("market.5", lambda: decided(verdict=other_gate()), "Add a threshold for gain_low"),
    ("market.5", lambda: lenient(gain_low=MetricThreshold(threshold=-1.0, greater_is_better=True)), "your gate wanted"),
    (
        "market.5",
        lambda: lenient(accuracy_score=MetricThreshold(threshold=0.5, greater_is_better=True)),
        "Of accuracy_score your gate wanted 'at least 0.5'",
    ),
    ("market.5", lambda: decided(verdict=retold(gain_low=0.01)), "The gate saw a gain_low of 0.010"),
    ("market.5", lambda: decided(verdict=retold(passed=True)), "The verdict says passed; of these numbers the gate"),
    ("market.6", lambda: asked("production", passed=True), "The verdict says passed; of these numbers the gate"),
    ("market.6", lambda: asked(also="production"), "After this verdict it gets 'candidate' alone"),
    ("market.6", lambda: asked(""), "Aliases of version 1: none"),
    ("market.6", lambda: asked("production"), "After this verdict it gets 'candidate' alone"),
    ("market.6", lambda: asked(version=9), "but no 9"),
    ("market.6", lambda: asked() | {"rows": asked()["rows"][:, ::-1]}, "is not the last 20 windows of nasdaq"),
    ("market.6", lambda: asked(**leaked()), "fitted on the days before"),
    ("market.6", lambda: asked(rows=table()[windows.names()].tail(20).to_numpy()), "nobody knows its answer yet"),
    ("market.6", lambda: asked(rows=[[1], [0, 1]]), "rows has the shape ()"),
    ("market.6", lambda: asked(rows="<b>"), "rows has the shape ()"),
    ("market.6", lambda: asked() | {"rows": asked()["rows"][:5]}, "rows has the shape (5, 14)"),
    ("market.6", lambda: asked(higher=at_half()), "differ from the model's at 0.55"),
    ("market.6", lambda: asked(half=at_half()[:1]), "half has 1 answers"),
    ("market.7", lambda: watched(drift_share=0.5), "drift_share of 2008-08 is 0.500; computed again"),
    ("market.7", lambda: watched(accuracy=0.7), "accuracy of 2008-08 is 0.700; computed again"),
    ("market.7", lambda: watched("2008-09", tag="2008-09: drift"), "The tag alert is '2008-09: drift'"),
    ("market.7", lambda: changed_days(prediction=0.5), "A prediction of current is neither 0 nor 1"),
    ("market.7", lambda: changed_days(volatility_20=0.1), "current does not hold days of nasdaq"),
    ("market.7", lambda: watched("2008-11"), "first_alert is '2008-11'"),
    (
        "market.7",
        lambda: watched(steps=(0, 1, 2)),
        "The steps go from 0 to 2, the watched months from 2008-08 to 2008-10",
    ),
    ("market.7", lambda: watched(months=("2008-08", "2008-09")), "Watch at least three months in a row"),
    ("market.7", lambda: watched(months=("2008-07", "2008-10", "2008-12")), "Watch at least three months in a row"),
    ("market.7", lambda: watched(reference="2008"), "The reference does not end before"),
    ("market.7", lambda: watched(symbol="sp500"), "reference does not hold days of nasdaq"),
    ("market.7", lambda: watched() | {"current": days()["2008":].drop(columns="prediction")}, "no column prediction"),
    ("market.7", lambda: watched() | {"current": "2008"}, "current is no table indexed by time"),
    ("market.7", lambda: watched(files={"months.csv": "", "report.html": ""}), "The run has no artifacts"),
    ("market.7", lambda: watched(files={"months.csv": ""}), "no months.csv"),
    ("market.7", lambda: watched(files={"months.csv": "month,x\n2008-08,1\n"}), "months.csv is no table of months"),
    ("market.7", lambda: watched(files={"months.csv": "<script>"}), "months.csv is no table of months"),
    ("market.7", lambda: watched(files={"months.csv": OTHER_MONTHS}), "months.csv is about other months"),
    ("market.7", lambda: watched(files={"report.html": "nothing drifted"}), "report.html is no report"),
    ("market.7", thinned, "from its first day to its last nasdaq has"),
    ("market.1", lambda: delivered(schema=demands(pa.Column(float, pa.Check.gt(5000)))), "refuses prices far below 1"),
    ("market.7", lambda: watched(told=True), "The predictions are right on 1.00 of the days"),
    ("market.7", lambda: watched(reference="2000"), "Choose a calm time as the reference"),
    ("market.7", lambda: watched(reference="2005-03"), "The reference has 22 days. Take one or two years"),
    (
        "market.8",
        lambda: kept("nasdaq, 54%: only logistic is surely better", better="logistic"),
        "A run says that logistic surely gains on always_up; computed again gain_low is -0.0",
    ),
    ("market.8", lambda: kept("nasdaq: always_up, 60 % in 54 months; none is better"), "without 54"),
    ("market.8", lambda: kept("nasdaq: 54 %. Logistic is surely better"), "No run of task 3 has an interval"),
    ("market.8", lambda: kept("nasdaq: 54 %. The forest is better. None else is."), "The description praises forest"),
    ("market.8", lambda: kept(tonight={**TONIGHT_OF_NONE}), "Give return_1, volatility_20, distance_20"),
    ("market.8", lambda: kept(store=broken_store()), "does not answer"),
    ("market.8", lambda: kept("nasdaq 54 %: logistic is surely better, no doubt."), "No run of task 3 has an interval"),
    ("market.8", lambda: kept("nasdaq: always_down is right on 54 %; none is better"), "the best rule is always_up"),
    ("market.8", lambda: kept("54.0 nasdaq"), "the description does not say so"),
    ("market.8", lambda: kept("nasdaq: 54 %, none", better="forest"), "does not name forest"),
    ("market.8", lambda: kept("the nasdaq is up on 60 % of its days, none"), "without 54"),
    ("market.8", lambda: kept(store="nowhere"), "No feature store lies in 'nowhere'"),
    ("market.8", lambda: kept(store=stored(1)), "does not have the features of nasdaq of its newest evening"),
    ("market.8", lambda: kept(tonight={"return_1": 0.5}), "Give return_1, volatility_20, distance_20"),
    ("market.8", lambda: kept("always_up is right on 54 %"), "without nasdaq. Set the experiment's tag"),
    ("market.8", lambda: kept("the nasdaq cannot be predicted"), "without 54"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{task}-{n}" for n, (task, _) in enumerate(RIGHT)])
def test_right_answers_pass(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())


def test_a_model_that_was_not_judged_is_refused() -> None:
    """Another version of the same kind of model is not the one that the gate has seen."""
    another = served.__wrapped__()  # the one that all tests share stays
    assert "The gate judged another model" in wb.check("market.5", **decided(model_uri=another)).message
