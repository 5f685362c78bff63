"""The pipeline promotes what is better, refuses what is not, stops before it learns from bad data, and reuses steps."""

from __future__ import annotations

import importlib
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlworkbench as wb
from mlworkbench.errors import ProjectError
from stock_market import monitor, prices
from tests.paths import ROOT
from tests.stock_market.conftest import session_in

pytestmark = pytest.mark.processes

PROJECT = ROOT / "notebooks" / "projects" / "stock_market"
STEPS = ["load", "validate", "features", "train", "evaluate", "register"]
NAME = "up-tomorrow"


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps are scripts, which a test imports to call them."""
    monkeypatch.syspath_prepend(str(PROJECT))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(home))
    wb.start("stock market")


@pytest.fixture(scope="module")
def promoted(home: Path) -> Run:
    """What an alert of October 2008 leads to, on the market with a rule to be found."""
    with session_in(home):
        alert = pd.Series({pd.Period("2008-10"): "drift"})
        run = monitor.respond(alert, PROJECT, symbol="planted", name=NAME)
        assert run is not None
        return run


def champion() -> str:
    return str(mlflow.MlflowClient().get_model_version_by_alias(NAME, "production").version)


def below(run: Run) -> dict[str, Run]:
    """The steps that a run of the pipeline has run itself, by entry point."""
    query = f"tags.mlflow.parentRunId = '{run.info.run_id}'"
    found = mlflow.search_runs(filter_string=query, output_format="list")
    return {each.data.tags["mlflow.project.entryPoint"]: each for each in found}


@pytest.mark.slow
def test_an_alert_runs_the_pipeline_and_the_gate_promotes_what_is_better(promoted: Run) -> None:
    """Six runs below one, each with its artifacts; what came after the alert is not used; the trail has a verdict."""
    steps = below(promoted)
    assert set(steps) == set(STEPS)
    assert {step.info.status for step in steps.values()} == {"FINISHED"}
    assert steps["features"].data.tags["newest"] == "2008-10-31"
    assert steps["evaluate"].data.metrics["accuracy_low"] > steps["evaluate"].data.metrics["heuristic_always_up"]
    assert promoted.data.tags["decision"] == "promoted"
    assert promoted.data.tags["learnt_until"] == steps["train"].data.tags["learnt_until"] < "2006-11"
    assert champion() == promoted.data.tags["version"] == "1"
    trail = wb.history(NAME)
    assert trail[["action", "verdict"]].to_numpy().tolist() == [["promote", "passed"]]
    months = mlflow.artifacts.load_text(f"runs:/{steps['evaluate'].info.run_id}/months.csv")
    assert months.splitlines()[0] == "month,days,accuracy,low,high,met,sure"


@pytest.mark.slow
def test_a_second_run_reuses_every_step(promoted: Run) -> None:
    again = wb.run_project(PROJECT, symbol="planted", until="2008-10-31", name=NAME)
    assert below(again) == {}
    for step in STEPS:
        assert again.data.tags[f"step.{step}"] == f"reused {below(promoted)[step].info.run_id}"
    assert again.data.metrics == promoted.data.metrics
    assert len(wb.versions_table(NAME)) == 1


@pytest.mark.slow
def test_bad_prices_are_refused_before_anything_is_learnt(
    promoted: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The report stays as an artifact of the step that failed, and the champion stays in place."""
    bad = prices.load("planted", until="2008-10-31").reset_index()
    bad.loc[1000, "close"] = -1.0
    pd.concat([bad, bad.tail(1)]).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ProjectError, match="the entry point 'main' ended with an error"):
        wb.run_project(PROJECT, symbol="planted", source=str(tmp_path / "bad.csv"), name=NAME)
    told = capfd.readouterr().err
    assert "Found: the prices of planted: day twice (1 row(s), first 2008-10-31); price that is not positive" in told
    assert "Do this: Keep the row that the source confirms. Get the price again" in told
    failed = mlflow.search_runs(filter_string="attributes.status = 'FAILED'", output_format="list")
    steps = {run.data.tags["mlflow.project.entryPoint"]: run for run in failed}
    assert set(steps) == {"main", "validate"}
    assert set(below(steps["main"])) == {"load", "validate"}
    report = mlflow.artifacts.load_text(f"runs:/{steps['validate'].info.run_id}/report.csv")
    assert "price that is not positive" in report
    assert champion() == "1"


def step(name: str, /, **options: object) -> Run:
    """Run the script of a step in this process."""
    words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    importlib.import_module(name).main(words, standalone_mode=False)
    run = mlflow.last_active_run()
    assert run is not None
    return mlflow.get_run(run.info.run_id)


def test_what_is_not_better_than_the_best_heuristic_is_refused(promoted: Run, home: Path) -> None:
    """On the real index nothing beats always-up: the version is registered, refused, and the champion stays."""
    loaded = step("load", symbol="sp500", source="bundled", until="2010-12-31", state="")
    checked = step("validate", prices=f"runs:/{loaded.info.run_id}/prices")
    made = step("features", prices=f"runs:/{checked.info.run_id}/checked", symbol="sp500", window=14, group="rich")
    table = f"runs:/{made.info.run_id}/training.parquet"
    options = {"model": "xgboost", "folds": 3, "store": home / "features", "today": "2010-12-31"}
    trained = step("train", table=table, holdout=500, **options)
    assert trained.data.metrics["accuracy_high"] < 0.6
    model_uri = trained.data.tags["model_uri"]
    judged = step("evaluate", table=table, model_uri=model_uri, holdout=500)
    assert judged.data.tags["verdict"] == "refused"
    ended = step("register", model_uri=model_uri, evaluation=judged.info.run_id, name=NAME)
    assert ended.data.tags["decision"] == "refused"
    assert ended.data.tags["version"] == "2"
    assert champion() == "1"
    assert wb.history(NAME).iloc[-1][["action", "verdict", "version"]].to_list() == ["refused", "refused", 2]


def test_the_evening_job_refreshes_the_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store lies beside the workbook's own unless it is told otherwise, and has the features of that evening."""
    from feast import FeatureStore

    ran = step("refresh", symbol="sp500", source="bundled", until="2008-10-15", window=14, store="")
    assert ran.data.tags["newest"].startswith("2008-10-15")
    store = FeatureStore(repo_path=home / "feature_store")
    found = store.get_online_features(features=["market:return_1"], entity_rows=[{"symbol": "sp500"}]).to_dict()
    assert found["return_1"][0] == pytest.approx(-0.0947, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "found"),
    [
        ("load", {"symbol": "sp501", "source": "bundled", "until": "", "state": ""}, "no symbol is called 'sp501'"),
        ("load", {"symbol": "sp500", "source": "nowhere.csv", "until": "", "state": ""}, "no file 'nowhere.csv'"),
    ],
)
def test_a_step_that_cannot_work_ends_in_three_sentences(name: str, options: dict[str, str], found: str) -> None:
    """No traceback: status 1, the sentences on the terminal and in a tag of the run, which is FAILED."""
    with pytest.raises(SystemExit) as ended:
        step(name, **options)
    assert f"Found: {found}" in str(ended.value)
    run = mlflow.last_active_run()
    assert run is not None
    assert run.info.status == "FAILED"
    assert found in mlflow.get_run(run.info.run_id).data.tags["error"]
