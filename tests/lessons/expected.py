"""What each lesson leaves in the tracking store when it runs with its fast parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run, Trace, ViewType

from mlworkbench.workbook import EXECUTION_TAG


@dataclass
class Logged:
    """The runs of one execution of a lesson."""

    client: MlflowClient
    runs: list[tuple[str, Run]]

    @classmethod
    def of(cls, uri: str, execution: str) -> Logged:
        client = MlflowClient(uri)
        names = {e.experiment_id: e.name for e in client.search_experiments()}
        runs = client.search_runs(list(names), f"tags.`{EXECUTION_TAG}` = '{execution}'", max_results=1000)
        return cls(client, [(names[run.info.experiment_id], run) for run in runs])

    @property
    def metrics(self) -> list[tuple[str, str, dict[str, float]]]:
        """Metrics of every run, by experiment and run name, without times and the machine's load: no two are equal."""
        return sorted(
            (
                (
                    name,
                    run.info.run_name,
                    {
                        k: v
                        for k, v in run.data.metrics.items()
                        if not k.endswith(("seconds", "_ms")) and not k.startswith("system/")
                    },
                )
                for name, run in self.runs
            ),
            key=repr,
        )

    def names(self, experiment: str) -> list[str]:
        return sorted(run.info.run_name for name, run in self.runs if name == experiment)

    def one(self, experiment: str, run_name: str) -> Run:
        (found,) = [run for name, run in self.runs if (name, run.info.run_name) == (experiment, run_name)]
        return found

    def artifacts(self, run: Run, folder: str | None = None) -> list[str]:
        found = self.client.list_artifacts(run.info.run_id, folder)
        return sorted(p for item in found for p in (self.artifacts(run, item.path) if item.is_dir else [item.path]))


def lesson_0(logged: Logged) -> None:
    assert len(logged.runs) == 1
    run = logged.one("0 start here", "a first guess")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"strategy": "stratified"}
    assert 0.2 < run.data.metrics["accuracy"] < 0.6
    assert logged.artifacts(run) == ["note.txt"]
    (model,) = run.outputs.model_outputs
    assert models(logged, "0 start here")["guess"].model_id == model.model_id
    assert run.data.tags["mlworkbench.lesson"] == "0"
    assert run.data.tags["mlflow.source.name"] == "00_start_here.ipynb"


def lesson_1_1(logged: Logged) -> None:
    experiment = "1.1 experiments and runs"
    expected = ["depth 1", "depth 2", "how deep?", "impossible", "one question", "two questions"]
    assert logged.names(experiment) == expected
    assert len(logged.runs) == len(expected)
    parent = logged.one(experiment, "how deep?")
    for depth in (1, 2):
        child = logged.one(experiment, f"depth {depth}")
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.params == {"max_depth": str(depth)}
        assert 0.5 < child.data.metrics["accuracy"] <= 1
    assert logged.one(experiment, "impossible").info.status == "FAILED"
    assert logged.one(experiment, "two questions").data.tags["purpose"] == "reference"
    stored, scratch = (logged.client.get_experiment_by_name(name) for name in (experiment, "1.1 scratch"))
    assert stored.tags["owner"] == "you"
    assert scratch.lifecycle_stage == "active"
    assert {k: scratch.tags.get(k) for k in ("data", "owner", "stage")} == {
        "data": "wine",
        "owner": None,
        "stage": "exploration",
    }
    number = stored.experiment_id
    (deleted, *_) = logged.client.search_runs([number], run_view_type=ViewType.DELETED_ONLY)
    assert (deleted.info.run_name, deleted.info.status) == ("forgotten", "KILLED")


def lesson_1_2(logged: Logged) -> None:
    assert len(logged.runs) == 1
    run = logged.one("1.2 logging", "share of days up")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"first_year": "2010", "window": "10", "price": "close"}
    assert 0.5 < run.data.metrics["share_up"] < 0.6
    history = logged.client.get_metric_history(run.info.run_id, "share_up_of_year")
    assert [point.step for point in history] == list(range(2010, 2019))
    assert run.data.metrics["loss"] == 0.3
    assert len(logged.client.get_metric_history(run.info.run_id, "monthly_volatility")) > 90
    assert logged.artifacts(run) == [
        *("code/02_logging.ipynb", "code/share_up.py", "conclusion.txt", "data/test.csv", "data/train.csv"),
        *("definitions.json", "figures/volatility.png", "files/README.txt", "files/share_up.csv"),
        *("images/ups_and_downs.png", "tables/share_up.json"),
    ]
    used = {each.dataset.name: each.tags[0].value for each in run.inputs.dataset_inputs}
    assert used == {"S&P 500": "analysis", "train": "training", "test": "test"}
    assert len(run.outputs.model_outputs) == 1


def lesson_1_3(logged: Logged) -> None:
    experiment = "1.3 autologging"
    libraries = ["keras", "scikit-learn", "xgboost"]
    timed = [f"{name}, {kind}" for name in libraries for kind in ("with autologging", "and with the model")]
    clashes = ["both", "by hand afterwards", "by hand before", "doubled", "two fits"]
    assert logged.names(experiment) == sorted([*libraries, *timed, *clashes])
    for name in ("scikit-learn", "xgboost", "keras"):
        run = logged.one(experiment, name)
        assert len(run.data.params) > 15
        assert run.inputs.dataset_inputs
    assert "training_accuracy_score" in logged.one(experiment, "scikit-learn").data.metrics
    rounds = logged.client.get_metric_history(logged.one(experiment, "xgboost").info.run_id, "validation_0-mlogloss")
    epochs = logged.client.get_metric_history(logged.one(experiment, "keras").info.run_id, "loss")
    assert (len(rounds), len(epochs)) == (10, 5)
    assert logged.one(experiment, "by hand before").data.params == {"n_estimators": "a few"}
    twice = logged.one(experiment, "two fits").data
    assert twice.params["n_estimators"] == "1"
    assert twice.metrics["training_accuracy_score"] > 0.95
    doubled, both = (logged.one(experiment, name).data.metrics for name in ("doubled", "both"))
    assert both["test_accuracy"] > 0.8
    assert set(doubled) - set(both) == {"RandomForestClassifier_score_X_test"}


def lesson_1_4(logged: Logged) -> None:
    assert logged.names("1.4 ridge") == [f"ridge {n}" for n in range(6)]
    assert logged.names("1.4 forest") == [f"forest {n}" for n in range(6)]
    assert len(logged.runs) == 12
    for _, run in logged.runs:
        assert set(run.data.metrics) == {"r2_score", "rmse"}
        assert "model family" in run.data.tags
        assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["wine"]
    assert max(run.data.metrics["r2_score"] for _, run in logged.runs) > 0.7


def lesson_1_5(logged: Logged) -> None:
    experiment = "1.5 hyperparameter search"
    parent = logged.one(experiment, "random forest search")
    assert parent.data.params == {"trials": "8", "folds": "5", "seed": "7"}
    assert logged.artifacts(parent) == ["search.png"]
    first = logged.one(experiment, "first search")
    under = [run.data.tags.get("mlflow.parentRunId") for _, run in logged.runs]
    assert len(logged.runs) == 2 + under.count(parent.info.run_id) + under.count(first.info.run_id)
    assert under.count(first.info.run_id) == 4
    children = [run for _, run in logged.runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 8
    for child in children:
        folds = logged.client.get_metric_history(child.info.run_id, "fold_accuracy")
        values = [point.value for point in folds]
        assert len(values) == 5
        assert child.data.metrics["cv_mean"] == pytest.approx(sum(values) / 5)
        assert child.data.metrics["best_fold"] == max(values)
    assert parent.data.metrics["best_cv_mean"] == max(child.data.metrics["cv_mean"] for child in children)
    assert abs(parent.data.metrics["test_gain"]) < 0.1
    assert parent.data.metrics["bias_best_fold"] > parent.data.metrics["bias_best_mean"]


def models(logged: Logged, experiment: str) -> dict[str, LoggedModel]:
    """The newest model of each name in an experiment; all are ready."""
    number = logged.client.get_experiment_by_name(experiment).experiment_id
    found = logged.client.search_logged_models(experiment_ids=[number])
    assert all(model.status == "READY" for model in found)
    return {model.name: model for model in sorted(found, key=lambda model: model.creation_timestamp)}


def lesson_1_6(logged: Logged) -> None:
    run = logged.one("1.6 tracking server", "set-ups")
    assert len(logged.runs) == 1
    assert run.info.status == "FINISHED"
    assert logged.artifacts(run) == ["setups.json"]


def lesson_2_1(logged: Logged) -> None:
    experiment = "2.1 the MLmodel format"
    assert logged.names(experiment) == ["forest", "network", "pipeline"]
    stored = models(logged, experiment)
    assert set(stored) == {"wine", "forest", "network"}
    pipeline = logged.one(experiment, "pipeline")
    assert [output.model_id for output in pipeline.outputs.model_outputs] == [stored["wine"].model_id]
    assert logged.artifacts(pipeline) == []
    version = logged.client.get_model_version_by_alias("wine of lesson 2.1", "best")
    assert version.source.endswith(stored["wine"].model_id)


def lesson_2_2(logged: Logged) -> None:
    assert set(models(logged, "2.2 signatures")) == {"rides", "sums"}


def lesson_2_3(logged: Logged) -> None:
    stored = models(logged, "2.3 custom models")
    assert set(stored) == {"forest", "sure", "forest_onnx"}
    assert logged.names("2.3 custom models") == ["sure"]


def lesson_2_4(logged: Logged) -> None:
    experiment = "2.4 evaluation"
    assert set(models(logged, experiment)) == {"stump", "forest"}
    names = logged.names(experiment)
    assert {"evaluate the forest", "cost of the baseline", "cost of the candidate"} <= set(names)
    gates = [run for _, run in logged.runs if run.info.run_name == "gate"]
    assert sorted(run.data.tags["mlworkbench.verdict"] for run in gates) == ["passed", "refused"]
    plots = logged.artifacts(logged.one(experiment, "evaluate the forest"))
    assert "confusion_matrix.png" in plots
    costs = [logged.one(experiment, f"cost of the {name}").data.metrics for name in ("baseline", "candidate")]
    assert costs[0]["mean_cost"] > costs[1]["mean_cost"]


def lesson_2_5(logged: Logged) -> None:
    assert logged.names("2.5 serving") == ["forest", "latency"]
    assert set(models(logged, "2.5 serving")) == {"forest"}
    latency = logged.one("2.5 serving", "latency").data.metrics
    assert 0 < latency["latency_p50_ms"] <= latency["latency_p99_ms"] < 1000


def lesson_2_6(logged: Logged) -> None:
    experiment = "2.6 checkpoints"
    assert logged.names(experiment) == ["boosting", "computes", "network", "waits"]
    boosting, network = (logged.one(experiment, name) for name in ("boosting", "network"))
    assert sorted(output.step for output in boosting.outputs.model_outputs) == list(range(10, 70, 10))
    assert sorted(output.step for output in network.outputs.model_outputs) == [0, 1]
    watched = logged.one(experiment, "computes").data.metrics
    assert watched["system/cpu_utilization_percentage"] >= 0
    (version,) = logged.client.search_model_versions("name = 'diabetes-2-6'")
    stored = logged.client.get_logged_model(version.source.removeprefix("models:/"))
    errors = {
        model.params["rounds"]: metric.value
        for output in boosting.outputs.model_outputs
        for model in [logged.client.get_logged_model(output.model_id)]
        for metric in model.metrics
        if metric.dataset_name == "validation"
    }
    assert stored.params["rounds"] == min(errors, key=errors.__getitem__)


def lesson_3_1(logged: Logged) -> None:
    assert set(models(logged, "3.1 register")) == {"line", "forest", "tree"}
    versions = logged.client.search_model_versions("name = 'wine-3-1'")
    assert sorted(int(version.version) for version in versions) == [1, 2, 3]
    assert int(logged.client.get_model_version_by_alias("wine-3-1", "champion").version) == 2


def lesson_3_2(logged: Logged) -> None:
    model = logged.client.get_registered_model("wine-3-2")
    changes = [json.loads(model.tags[f"change-{number:03}"]) for number in (1, 2, 3)]
    assert [(change["from"], change["to"]) for change in changes] == [(1, 2), (2, 3), (3, 2)]
    stages = {
        int(version.version): version.tags.get("stage")
        for version in logged.client.search_model_versions("name = 'wine-3-2'")
    }
    assert (stages[1], stages[2], stages[3]) == ("Archived", "Production", "Staging")
    assert model.aliases == {"production": 2, "staging": 3}
    assert logged.client.get_registered_model("wine-3-2-legacy").aliases == {"production": 1, "staging": 2}


def lesson_3_3(logged: Logged) -> None:
    name = "cells-3-3"
    assert logged.client.get_registered_model(name).aliases == {"production": 2}
    versions = {int(v.version): v.tags.get("stage") for v in logged.client.search_model_versions(f"name = '{name}'")}
    assert versions == {1: "Archived", 2: "Production", 4: "Archived"}
    live = logged.client.get_metric_history(logged.one("3.3 promote", "live").info.run_id, "live_accuracy")
    values = [point.value for point in sorted(live, key=lambda point: point.step)]
    assert sum(values[5:10]) / 5 < 0.7
    assert sum(values[:5]) / 5 > 0.8
    gates = [run for _, run in logged.runs if run.info.run_name == "gate"]
    assert sorted(run.data.tags["mlworkbench.verdict"] for run in gates) == ["passed", "refused", "refused"]


def project_runs(logged: Logged, experiment: str, count: int) -> list[Run]:
    """The newest runs of an experiment: those that MLflow makes for a project do not tell which notebook asked."""
    number = logged.client.get_experiment_by_name(experiment).experiment_id
    return list(logged.client.search_runs([number], order_by=["start_time DESC"], max_results=count))


def lesson_3_4(logged: Logged) -> None:
    run = logged.one("3.4 webhooks", "calls")
    assert len(logged.runs) == 1
    assert run.info.status == "FINISHED"
    assert logged.artifacts(run) == ["calls.json"]


def lesson_4_1(logged: Logged) -> None:
    data, wrong, main = project_runs(logged, "4.1 projects", 3)
    assert main.data.params["seed"] == "7"
    assert 0.5 < main.data.metrics["accuracy"] < 1
    assert (wrong.info.status, wrong.data.params["depth"]) == ("FAILED", "two")
    assert data.data.params == {"rows": "3"}


def lesson_4_2(logged: Logged) -> None:
    newest = project_runs(logged, "4.2 running projects", 7)
    (outer,) = [run for run in newest if run.info.run_name == "tonight"]
    runs = [run for run in newest if run.info.run_id != outer.info.run_id]
    assert [run.data.tags.get("mlflow.parentRunId") for run in runs].count(outer.info.run_id) == 1
    assert sorted(run.data.metrics["rows"] for run in runs) == [89] + [178] * 5
    commits = {run.data.tags.get("mlflow.source.git.commit") for run in runs}
    assert len(commits) >= 2
    assert {run.data.params["seed"] for run in runs} == {"7"}


def lesson_4_3(logged: Logged) -> None:
    steps = ["load", "validate", "train", "evaluate", "register"]
    flows = [run for _, run in logged.runs if run.info.run_name == "workflow"]
    flows.sort(key=lambda run: run.info.start_time)
    outcomes = [[run.data.tags[f"step.{step}"].split()[0] for step in steps] for run in flows]
    assert outcomes == [["ran"] * 5, ["reused"] * 5, ["reused"] * 2 + ["ran"] * 3]
    newest = project_runs(logged, "4.3 workflow", len(flows) + 5 + 3)
    assert {run.info.run_id for run in flows} < {run.info.run_id for run in newest}
    assert {run.data.tags.get("mlflow.parentRunId") for run in newest} - {None} == {
        flow.info.run_id for flow in (flows[0], flows[2])
    }


def lesson_4_4(logged: Logged) -> None:
    points = [run for _, run in logged.runs if "mlworkbench.point" in run.data.tags]
    failed = [run for run in points if run.info.status == "FAILED"]
    assert [run.data.params["depth"] for run in failed] == ["0"]
    parents = {run.data.tags.get("mlflow.parentRunId") for run in points} - {None}
    assert len(parents) == 1
    by_hand = [run for _, run in logged.runs if run.info.run_name == "by hand"]
    assert [logged.artifacts(run) for run in by_hand] == [["depth-3.ipynb"]]
    for run in points:
        assert {"how_deep.ipynb", "how_deep.html"} <= set(logged.artifacts(run))
        assert ("accuracy" in run.data.metrics) == (run.info.status == "FINISHED")


MARKET = "5 stock market"
SUMMARY = {"accuracy", "accuracy_low", "accuracy_high", "months", "months_met", "months_sure", "months_by_luck"}


def lesson_5_1(logged: Logged) -> None:
    assert logged.names(MARKET) == ["always_up", "persistence", "random", "reversal"]
    for name in logged.names(MARKET):
        run = logged.one(MARKET, name)
        assert run.data.params == {"window": "7"}
        assert set(run.data.metrics) == SUMMARY
        assert run.data.metrics["accuracy_low"] < run.data.metrics["accuracy"] < run.data.metrics["accuracy_high"]
    assert 0.52 < logged.one(MARKET, "always_up").data.metrics["accuracy"] < 0.54


def lesson_5_2(logged: Logged) -> None:
    assert logged.names(MARKET) == ["leakage", "leakage of one day"]
    for name, horizon in (("leakage", "10"), ("leakage of one day", "1")):
        run = logged.one(MARKET, name)
        assert run.data.params == {"model": "forest", "horizon": horizon}
        assert 0.53 < run.data.metrics["best_rule"] < 0.66
        claimed = run.data.metrics["walk_forward"] + run.data.metrics["leakage"]
        assert claimed == pytest.approx(run.data.metrics["random_split"])
    assert logged.one(MARKET, "leakage").data.metrics["leakage"] > 0.05


def lesson_5_3(logged: Logged) -> None:
    rules = ["always_up", "persistence", "random", "reversal"]
    assert logged.names(MARKET) == sorted([*rules, "classic", "logistic", "xgboost"])
    for name in (*rules, "logistic", "xgboost"):
        run = logged.one(MARKET, name)
        assert run.data.tags["stage"] == "prototype"
        assert set(run.data.metrics) == SUMMARY
        assert run.data.metrics["accuracy_high"] < 0.6
    assert logged.artifacts(logged.one(MARKET, "logistic")) == ["months.csv"]
    assert "classic" in models(logged, MARKET)


STOCK_STEPS = ["load", "validate", "features", "train", "evaluate", "register"]


def pipelines(logged: Logged, experiment: str) -> list[tuple[list[str], str | None]]:
    """What became of the steps of each run of the stock market's pipeline, and its decision, in order."""
    runs = [run for run in project_runs(logged, experiment, 200) if run.data.params.keys() >= {"holdout", "source"}]
    outcomes = [[run.data.tags.get(f"step.{step}", "missed").split()[0] for step in STOCK_STEPS] for run in runs]
    return [(outcome, run.data.tags.get("decision")) for outcome, run in zip(outcomes, runs, strict=True)][::-1]


def lesson_5_4(logged: Logged) -> None:
    assert pipelines(logged, "5.4 pilot") == [
        (["ran"] * 6, "refused"),
        (["reused"] * 6, "refused"),
        (["ran"] * 6, "promoted"),
        (["ran"] + ["missed"] * 5, None),
    ]
    assert len(logged.client.search_model_versions("name = 'up-tomorrow'")) == 1
    assert logged.client.get_registered_model("up-tomorrow").aliases == {}
    assert logged.client.get_registered_model("up-tomorrow-drill").aliases == {"production": 1}


def lesson_5_5(logged: Logged) -> None:
    experiment = "5.5 serving"
    assert logged.names(experiment) == ["load test", "score with up-tomorrow-live/2", "train", "train plain"]
    assert logged.client.get_registered_model("up-tomorrow-live").aliases == {"shadow": 1}
    load_test = logged.one(experiment, "load test")
    assert [p.step for p in logged.client.get_metric_history(load_test.info.run_id, "p99_ms")] == [1, 4, 16]
    assert logged.artifacts(load_test) == ["latency.json", "latency.png"]


def lesson_5_6(logged: Logged) -> None:
    experiment = "5.6 monitoring"
    assert logged.names(experiment) == ["monitor 2008", "train"]
    assert logged.client.get_registered_model("up-tomorrow-watched").aliases == {"shadow": 1}
    monitor = logged.one(experiment, "monitor 2008")
    assert monitor.data.tags["alert"] == "2008-10: drift"
    history = logged.client.get_metric_history(monitor.info.run_id, "drift_share")
    assert [point.step for point in history] == list(range(200801, 200813))
    assert logged.artifacts(monitor) == ["months.csv", "report.html"]


def lesson_5_7(logged: Logged) -> None:
    experiment = "5.7 scaling out"
    assert logged.names(experiment) == ["logistic 14", "logistic 7", "sweep", "where?"]
    sweep = logged.one(experiment, "sweep")
    for window in ("7", "14"):
        trial = logged.one(experiment, f"logistic {window}")
        assert trial.data.tags["mlflow.parentRunId"] == sweep.info.run_id
        assert trial.data.params == {"window": window, "model": "logistic"}
    assert sweep.data.metrics["better_than_holding"] == 0
    assert logged.artifacts(sweep) == ["sweep.json"]
    assert logged.one("5.7 artifacts in a bucket", "where?").info.artifact_uri.startswith("s3://artifacts/")


def lesson_a_1(logged: Logged) -> None:
    experiment = "A.1 clouds"
    assert logged.names(experiment) == ["deployment", "train"]
    assert logged.artifacts(logged.one(experiment, "deployment")) == ["Dockerfile", "kubernetes.yaml", "sagemaker.json"]


def lesson_a_2(logged: Logged) -> None:
    experiment = "A.2 feature store"
    assert logged.names(experiment) == ["check of broken prices", "training data"]
    check = logged.one(experiment, "check of broken prices")
    assert check.data.metrics == {"problems": 4}
    assert logged.artifacts(check) == ["report.json"]
    (used,) = logged.one(experiment, "training data").inputs.dataset_inputs
    assert used.dataset.name == "known at noon"


def traces(logged: Logged, experiment: str) -> list[Trace]:
    """The traces that are in an experiment, the oldest first."""
    number = logged.client.get_experiment_by_name(experiment).experiment_id
    return list(logged.client.search_traces(locations=[number], order_by=["timestamp ASC"], max_results=500))


def lesson_6_1(logged: Logged) -> None:
    found = traces(logged, "6.1 traces")
    names = [(trace.info.tags["mlflow.traceName"], trace.info.state.name) for trace in found]
    assert names == [*[("answer", "OK")] * 2, ("answer", "ERROR"), *[("chat", "OK")] * 2, ("hanging", "ERROR")]
    (retrieved,) = found[0].search_spans(span_type="RETRIEVER")
    assert len(retrieved.outputs) == 2
    assert [span.name for span in found[2].data.spans] == ["answer", "find"]
    assert {trace.info.trace_metadata["mlflow.trace.session"] for trace in found[3:5]} == {"talk 1"}
    assert [trace.info.tags["topic"] for trace in found[3:5]] == ["luck", "tools"]


def lesson_6_2(logged: Logged) -> None:
    experiment = "6.2 evaluation of answers"
    assert logged.names(experiment) == ["broken scorer", "counts", "parts", "words", "wrong inputs"]
    assert logged.one(experiment, "wrong inputs").info.status == "FAILED"
    means = {name: logged.one(experiment, name).data.metrics for name in ("counts", "words", "parts")}
    for found in means.values():
        assert set(found) == {"right_lesson/mean", "names_source/mean", "short/mean"}
        assert found["names_source/mean"] == 0
    assert means["counts"]["right_lesson/mean"] < means["words"]["right_lesson/mean"]
    assert set(logged.one(experiment, "broken scorer").data.metrics) == {"short/mean"}
    number = logged.one(experiment, "words").info.run_id
    runs = [trace.info.trace_metadata.get("mlflow.sourceRun") for trace in traces(logged, experiment)]
    assert runs.count(number) == 24


def lesson_6_3(logged: Logged) -> None:
    experiment, prompt = "6.3 prompts", "help-desk-6-3"
    assert logged.names(experiment) == ["prompt 1", "prompt 2", "prompt 3"]
    named = [logged.one(experiment, f"prompt {n}").data.metrics["names_source/mean"] for n in (1, 2, 3)]
    assert named == [0, 1, 0]
    assert logged.client.get_prompt_version_by_alias(prompt, "production").version == 2
    assert logged.client.get_prompt_version(prompt, "2").tags["replaces"] == "1"
    assert "why" not in logged.client.get_prompt_version(prompt, "3").tags
    used = [trace.info.tags.get("mlflow.linkedPrompts", "") for trace in traces(logged, experiment)]
    assert sum('"version": "1"' in each for each in used) >= 2


EXPECTED: dict[str, Callable[[Logged], None]] = {
    "0": lesson_0,
    "1.1": lesson_1_1,
    "1.2": lesson_1_2,
    "1.3": lesson_1_3,
    "1.4": lesson_1_4,
    "1.5": lesson_1_5,
    "1.6": lesson_1_6,
    "2.1": lesson_2_1,
    "2.2": lesson_2_2,
    "2.3": lesson_2_3,
    "2.4": lesson_2_4,
    "2.5": lesson_2_5,
    "2.6": lesson_2_6,
    "3.1": lesson_3_1,
    "3.2": lesson_3_2,
    "3.3": lesson_3_3,
    "3.4": lesson_3_4,
    "4.1": lesson_4_1,
    "4.2": lesson_4_2,
    "4.3": lesson_4_3,
    "4.4": lesson_4_4,
    "5.1": lesson_5_1,
    "5.2": lesson_5_2,
    "5.3": lesson_5_3,
    "5.4": lesson_5_4,
    "5.5": lesson_5_5,
    "5.6": lesson_5_6,
    "5.7": lesson_5_7,
    "6.1": lesson_6_1,
    "6.2": lesson_6_2,
    "6.3": lesson_6_3,
    "A.1": lesson_a_1,
    "A.2": lesson_a_2,
}
