"""What each lesson leaves in the tracking store when it runs with its fast parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run

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
        """Metrics of every run, sorted by experiment and run name; times are left out, since no two are equal."""
        return sorted(
            (
                (name, run.info.run_name, {k: v for k, v in run.data.metrics.items() if "seconds" not in k})
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
    assert run.data.tags["mlworkbench.lesson"] == "0"
    assert run.data.tags["mlflow.source.name"] == "00_start_here.ipynb"


def lesson_1_1(logged: Logged) -> None:
    experiment = "1.1 wine trees"
    expected = ["depth 1", "depth 2", "forgotten", "how deep?", "impossible", "one question", "two questions"]
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
    stored = logged.client.get_experiment_by_name(experiment)
    assert stored.lifecycle_stage == "active"
    assert {k: stored.tags[k] for k in ("data", "owner", "stage")} == {
        "data": "wine",
        "owner": "you",
        "stage": "exploration",
    }


def lesson_1_2(logged: Logged) -> None:
    assert len(logged.runs) == 1
    run = logged.one("1.2 logging", "share of days up")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"first_year": "2010", "window": "10", "price": "close"}
    assert 0.5 < run.data.metrics["share_up"] < 0.6
    history = logged.client.get_metric_history(run.info.run_id, "share_up_of_year")
    assert [point.step for point in history] == list(range(2010, 2019))
    assert logged.artifacts(run) == [
        *("code/02_logging.ipynb", "code/share_up.py", "conclusion.txt", "definitions.json", "figures/volatility.png"),
        *("files/README.txt", "files/share_up.csv", "images/ups_and_downs.png", "tables/share_up.json"),
    ]
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "S&P 500"


EXPECTED: dict[str, Callable[[Logged], None]] = {"0": lesson_0, "1.1": lesson_1_1, "1.2": lesson_1_2}
