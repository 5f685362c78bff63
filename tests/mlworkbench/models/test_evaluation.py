"""The gate lets a candidate pass or refuses it, says why in words, and logs the verdict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import MetricThreshold, make_metric
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from mlworkbench.verdict import VERDICT_TAG, Verdict
from tests.mlworkbench.models.test_log import X, Y

pytestmark = pytest.mark.slow

DATA = X.assign(species=(Y > 0).astype(int))
HIGH = MetricThreshold(threshold=0.9, greater_is_better=True)
BETTER = MetricThreshold(min_absolute_change=0.01, greater_is_better=True)


BRACKETS = make_metric(eval_fn=lambda predictions, targets, metrics: 1.0, greater_is_better=True, name="f1[macro]")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


def good() -> Any:
    return wb.log_model(LogisticRegression(max_iter=500).fit(X, DATA["species"]), "good", example=X[:5])


def bad() -> Any:
    return wb.log_model(DummyClassifier().fit(X, DATA["species"]), "bad", example=X[:5])


def validate(candidate: Any, baseline: Any = None, **options: Any) -> Verdict:
    given = {"target": "species", "thresholds": {"accuracy_score": HIGH}, **options}
    return wb.validate(candidate, baseline, given.pop("data", DATA), **given)


def test_a_better_candidate_passes_and_the_verdict_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    thresholds = {
        "accuracy_score": MetricThreshold(threshold=0.9, min_absolute_change=0.01, greater_is_better=True),
        "log_loss": MetricThreshold(min_relative_change=0.1, greater_is_better=False),
    }
    candidate, baseline = good(), bad()
    capsys.readouterr()
    mine = plt.figure().number
    before = plt.get_fignums()
    verdict = validate(candidate, baseline.model_uri, thresholds=thresholds)
    assert capsys.readouterr().out == ""
    assert plt.get_fignums() == before, "figures were left open that a notebook would show, or mine was closed"
    plt.close(mine)
    assert verdict
    assert verdict.table["wanted"].to_list() == ["at least 0.9, 0.01 above the baseline", "10 % below the baseline"]
    run = mlflow.get_run(verdict.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags[VERDICT_TAG] == "passed"
    assert run.data.params == {"candidate": candidate.model_uri, "baseline": baseline.model_uri}
    assert mlflow.artifacts.load_text(f"runs:/{verdict.run_id}/verdict.txt") == repr(verdict)
    assert "meets every threshold" in mlflow.artifacts.load_text(f"runs:/{verdict.run_id}/verdict.html")
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{verdict.run_id}'", output_format="list")
    assert {child.info.run_name for child in children} == {"candidate", "baseline"}
    assert all("accuracy_score" in child.data.metrics for child in children)
    artifacts = [a.path for child in children for a in mlflow.MlflowClient().list_artifacts(child.info.run_id)]
    assert "confusion_matrix.png" in artifacts
    assert not any("shap" in name for name in artifacts)


def test_a_worse_candidate_is_refused_under_the_active_run() -> None:
    with mlflow.start_run() as parent:
        verdict = validate(bad(), good(), thresholds={"accuracy_score": BETTER, "f1_score": BETTER})
    assert not verdict
    assert "Refused: the candidate misses accuracy_score, f1_score." in repr(verdict)
    run = mlflow.get_run(verdict.run_id)
    assert run.data.tags[VERDICT_TAG] == "refused"
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_functions_and_regressors_and_own_metrics_can_be_gated() -> None:
    def mean(frame: pd.DataFrame) -> np.ndarray:
        return np.full(len(frame), 1.0)

    def worst(predictions, targets, metrics):
        return float((predictions - targets).abs().max())

    verdict = validate(
        mean,
        data=X.assign(species=Y.astype(float)),
        model_type="regressor",
        thresholds={"worst": MetricThreshold(threshold=1, greater_is_better=False)},
        extra_metrics=[make_metric(eval_fn=worst, greater_is_better=False)],
    )
    assert verdict
    assert verdict.table["candidate"].to_list() == [1.0]
    assert "\N{EN DASH}" in repr(verdict)  # there was no baseline


@pytest.mark.parametrize("threshold", [BETTER, MetricThreshold(min_relative_change=0.1, greater_is_better=True)])
def test_a_metric_that_is_not_a_number_never_passes(threshold: MetricThreshold) -> None:
    """MLflow 3.17 lets it pass a relative comparison, and stops at an absolute one with an error of decimal."""

    def odd(predictions, targets, metrics):
        return float("nan") if len(set(predictions)) == 1 else 1.0

    options = {"thresholds": {"odd": threshold}, "extra_metrics": [make_metric(eval_fn=odd, greater_is_better=True)]}
    assert not validate(good(), bad(), **options)
    assert not validate(bad(), good(), **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": "specie"}, "no column is called 'specie'.*Did you mean 'species'"),
        ({"thresholds": {"accuracy": HIGH}}, "no metric is called 'accuracy'.*Did you mean 'accuracy_score'"),
        ({"thresholds": {}}, "at least one metric"),
        ({"thresholds": {"accuracy_score": 0.9}}, "MetricThreshold"),
        ({"thresholds": {"accuracy_score": BETTER}}, "no baseline, but a threshold on accuracy_score"),
        ({"data": DATA.to_numpy()}, "data of type ndarray"),
        ({"target": None}, "no column is called 'None'"),
        ({"target": ["species"]}, "no column is called"),
        ({"model_type": "classifer"}, "no model_type is called 'classifer'.*'classifier'"),
        ({"thresholds": [HIGH]}, "at least one metric"),
        ({"thresholds": {"accuracy_score": MetricThreshold(np.nan, greater_is_better=True)}}, "NaN in the threshold"),
        ({"data": DATA.assign(species=DATA["species"].where(X.index > 3))}, "4 gaps in the target.*dropna"),
        ({"data": DATA[:0]}, "no rows"),
        ({"data": DATA[DATA["species"] == 1]}, "one class alone.*: 1.*two classes"),
        ({"data": DATA.rename(columns={"species": 0}), "target": 0}, "the target 0 .*a text as target"),
        ({"data": pd.concat([DATA, DATA[["species"]]], axis=1)}, "stand there twice"),
        ({"candidate": lambda rows: np.full(len(rows), np.nan)}, "NaN.*without gaps"),
        ({"candidate": None}, "the candidate could not be evaluated"),
        ({"baseline": 5}, "the baseline could not be evaluated"),
        ({"extra_metrics": 5}, "extra_metrics = 5.*make_metric"),
        ({"extra_metrics": [BRACKETS]}, "f1\\[macro\\].*another name of the metric"),
        ({"data": DATA[["petal_width", "species"]]}, "the candidate could not be evaluated"),
        ({"candidate": "models:/nobody/1"}, "the candidate could not be evaluated"),
    ],
)
def test_what_cannot_be_gated_is_told(change: dict[str, Any], says: str) -> None:
    with pytest.raises(wb.WorkbenchError) as refused:
        validate(**{"candidate": good(), **change})
    assert re.search(says, str(refused.value).replace("\n", " "))
    assert mlflow.active_run() is None


def test_a_model_that_pyfunc_refuses_does_not_pass() -> None:
    """MLflow's evaluation asks the model itself, around the signature."""
    from xgboost import XGBClassifier

    rows = X.assign(color=pd.Categorical(["red", "green"] * (len(X) // 2)))
    model = XGBClassifier(n_estimators=2, enable_categorical=True).fit(rows, DATA["species"])
    signature = mlflow.models.infer_signature(rows)
    info = mlflow.xgboost.log_model(model, name="refuses", signature=signature, pip_requirements=["xgboost"])
    with pytest.raises(wb.WorkbenchError, match="Incompatible input types for column color"):
        validate(info, data=rows.assign(species=DATA["species"]))


def test_each_model_gets_the_columns_of_its_own_signature() -> None:
    """MLflow's evaluation goes around the signature, and hands on all columns."""
    narrow = LogisticRegression(max_iter=500).fit(X[["petal_width"]], DATA["species"])
    info = wb.log_model(narrow, "narrow", example=X[["petal_width"]][:5])
    verdict = validate(good(), info, data=DATA.assign(more="none asks for it"), thresholds={"accuracy_score": HIGH})
    expected = [(each.predict(rows) == DATA["species"]).mean() for each, rows in ((narrow, X[["petal_width"]]),)]
    assert verdict.table["baseline"].to_list() == pytest.approx(expected)


def test_settings_of_the_evaluation_reach_it() -> None:
    weights = (DATA["species"] == 1).astype(float).to_list()
    guess = {"candidate": lambda rows: np.ones(len(rows), dtype=int), "thresholds": {"accuracy_score": HIGH}}
    assert not validate(**guess, extra_metrics=None)
    assert validate(**guess, evaluator_config={"sample_weights": weights})


def test_a_metric_that_only_the_candidate_has_is_told() -> None:
    def guess(frame: pd.DataFrame) -> np.ndarray:
        return np.ones(len(frame), dtype=int)

    with pytest.raises(wb.WorkbenchError, match="no metric of the baseline is called 'roc_auc'"):
        validate(good(), guess, thresholds={"roc_auc": BETTER})
    assert validate(good(), guess, thresholds={"roc_auc": HIGH})  # this one needs no baseline


def test_the_verdict_is_escaped_and_shows_words_not_only_colours() -> None:
    long = "a wanted thing that is told in many more words than fifty characters would hold"
    table = pd.DataFrame([["<script>", 0.5, np.nan, long, "\N{MULTIPLICATION X} missed"]])
    verdict = Verdict(False, table.set_axis(["metric", "candidate", "baseline", "wanted", "result"], axis=1), "run")
    shown = verdict._repr_html_()
    assert "<script>" not in shown
    assert "Refused: the candidate misses &lt;script&gt;." in shown
    assert long in shown
    assert "missed" in shown
    assert "#" not in shown  # no fixed colours
