"""Versions move through their life with a trail that nothing is missing from, whoever else writes and whatever dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlworkbench.ports import free_port
from mlworkbench.registry import audit_trail
from mlworkbench.store import open_store

pytestmark = pytest.mark.processes

WORKER = """
    import os, signal, sys, mlflow, mlworkbench as wb
    from mlflow import MlflowClient
    mlflow.set_tracking_uri(sys.argv[1])
"""


@pytest.fixture(autouse=True)
def no_courtesy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for seconds for those who were killed."""
    monkeypatch.setattr(audit_trail, "COURTESY", 0.1)


def use(uri: str, versions: int = 3, name: str = "wine") -> MlflowClient:
    """A store with a registered model whose versions have no files."""
    open_store(uri)
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    client.create_registered_model(name)
    for number in range(versions):
        client.create_model_version(name, f"/nowhere/{number + 1}")
    return client


@pytest.fixture(params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, home: Path) -> MlflowClient:
    """The registered model ``wine`` with three versions, on each database."""
    if request.param == "sqlite":
        return use(f"sqlite:///{home / 'mlflow.db'}")
    return use(request.getfixturevalue("postgres_store")())


@pytest.fixture
def local(home: Path) -> MlflowClient:
    """The same, on SQLite."""
    return use(f"sqlite:///{home / 'mlflow.db'}")


def refused(call: Callable[[], object]) -> str:
    """The message with which a call is refused, after which alias and trail fit together."""
    with pytest.raises(wb.WorkbenchError) as caught:
        call()
    message = str(caught.value)
    assert [line.split(":")[0] for line in message.splitlines()] == ["Found", "Expected", "Do this"]
    return message


def consistent(name: str = "wine") -> pd.DataFrame:
    """The history, after a proof that it explains every alias and every stage, without a gap."""
    now, past = audit_trail.read(name), wb.history(name)
    assert now.strays() == {}
    for alias, moves in past.dropna(subset=["alias"]).query("action != 'refused'").groupby("alias"):
        held = moves["to"].tolist()
        assert moves["from"].fillna(0).tolist() == [0, *[to if to is not pd.NA else 0 for to in held[:-1]]], alias
    table = wb.versions_table(name).set_index("version")
    assert {v: s for v, s in now.stages.items() if v in table.index} == {
        v: s for v, s in table["stage"].items() if v in now.stages
    }
    return past


def worker(uri: str, body: str, *arguments: str) -> subprocess.Popen[str]:
    script = textwrap.dedent(WORKER) + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", script, uri, *arguments], text=True)


def verdict(passed: bool, run_id: str = "") -> wb.Verdict:
    result = "\N{HEAVY CHECK MARK} met" if passed else "\N{MULTIPLICATION X} missed"
    row = ("accuracy_score", 0.9, 0.8, "at least 0.9", result)
    return wb.Verdict(
        passed, pd.DataFrame([row], columns=["metric", "candidate", "baseline", "wanted", "result"]), run_id
    )


# --- the life of a version


def test_a_version_goes_through_all_stages(client: MlflowClient) -> None:
    assert set(wb.versions_table("wine")["stage"]) == {"Development"}
    assert wb.transition("wine", 1, "staging").aliases == ["staging"]
    entity = wb.transition("wine", "1", "Production", why="Good.")
    assert (entity.aliases, entity.tags["stage"]) == (["production"], "Production")
    assert wb.transition("wine", 1, "Archived").aliases == []
    past = consistent()
    assert past["stage"].dropna().unique().tolist() == ["Staging", "Production", "Archived"]
    assert past["why"].tolist().count("Good.") == 2  # it took one alias and gave up the other
    assert set(past["status"]) == {"done"}


def test_a_promotion_returns_what_held_the_alias_and_archives_it(client: MlflowClient) -> None:
    assert wb.promote("wine", 1) is None
    before = wb.promote("wine", 2, why="Better.")
    assert before is not None
    assert (int(before.version), before.tags["stage"]) == (1, "Archived")
    assert int(client.get_model_version_by_alias("wine", "production").version) == 2
    past = consistent()
    assert past["from"].fillna(0).tolist() == [0, 1]
    assert past["to"].tolist() == [1, 2]
    assert past.iloc[1][["action", "why", "verdict"]].tolist() == ["promote", "Better.", "no gate"]
    assert past["who"].ne("").all()


def test_doing_the_same_again_enters_nothing(local: MlflowClient) -> None:
    wb.promote("wine", 1)
    wb.transition("wine", 2, "Staging")
    again = wb.promote("wine", 1)
    assert again is not None
    assert int(again.version) == 1
    wb.transition("wine", 2, "Staging")
    assert len(consistent()) == 2


def test_rolling_back_goes_one_holder_further_each_time(client: MlflowClient) -> None:
    for version in (1, 2, 3):
        wb.promote("wine", version)
    assert int(wb.rollback("wine", why="Bad.").version) == 2
    assert int(wb.rollback("wine").version) == 1
    assert "no version that held 'production'" in refused(lambda: wb.rollback("wine"))
    past = consistent()
    assert past["action"].tolist() == ["promote"] * 3 + ["rollback"] * 2
    assert wb.versions_table("wine")["stage"].tolist() == ["Archived", "Archived", "Production"]


def test_a_rollback_passes_over_what_was_deleted_or_archived(home: Path) -> None:
    client = use(f"sqlite:///{home / 'mlflow.db'}", versions=4)
    for version in (1, 2, 3, 4):
        wb.promote("wine", version)
    client.delete_model_version("wine", "3")
    wb.transition("wine", 2, "Development")
    wb.transition("wine", 2, "Archived", why="It knows the test data.")
    assert int(wb.rollback("wine").version) == 1
    consistent()


def test_another_alias_carries_no_stage(local: MlflowClient) -> None:
    wb.promote("wine", 1, alias="champion")
    wb.promote("wine", 2, alias="champion")
    assert set(wb.versions_table("wine")["stage"]) == {"Development"}
    assert int(wb.rollback("wine", alias="champion").version) == 1
    wb.transition("wine", 1, "Archived")
    assert local.get_registered_model("wine").aliases == {}
    consistent()


def test_an_alias_set_or_deleted_elsewhere_is_entered(client: MlflowClient) -> None:
    wb.promote("wine", 1)
    client.set_registered_model_alias("wine", "production", "2")
    before = wb.promote("wine", 3)
    assert before is not None
    assert int(before.version) == 2
    client.delete_registered_model_alias("wine", "production")
    assert int(wb.rollback("wine").version) == 3
    past = consistent()
    assert past["action"].tolist() == ["promote", "outside", "promote", "outside", "rollback"]
    assert past.query("action == 'outside'")["who"].tolist() == ["unknown"] * 2


def test_deleting_the_version_in_production_is_entered(local: MlflowClient) -> None:
    wb.promote("wine", 1)
    wb.promote("wine", 2)
    local.delete_model_version("wine", "2")
    assert int(wb.rollback("wine").version) == 1
    assert consistent()["action"].tolist() == ["promote", "promote", "outside", "rollback"]


def test_legacy_stages_are_migrated_once(client: MlflowClient) -> None:
    for version, stage in ((1, "Production"), (2, "Production"), (3, "Staging")):
        client.transition_model_version_stage("wine", str(version), stage)
    table = wb.migrate_stages("wine").set_index("version")
    assert table["stage"].to_dict() == {3: "Staging", 2: "Production", 1: "Archived"}
    assert table["legacy"].to_dict() == {3: "Staging", 2: "Production", 1: "Production"}
    assert len(wb.migrate_stages("wine")) == 3
    assert consistent()["action"].tolist() == ["migrate"] * 3
    assert int(wb.rollback("wine").version) == 1


def test_a_migration_leaves_an_alias_that_is_held(local: MlflowClient) -> None:
    wb.promote("wine", 3)
    local.transition_model_version_stage("wine", "1", "Production")
    local.transition_model_version_stage("wine", "2", "Archived")
    assert wb.migrate_stages("wine").set_index("version")["stage"].to_dict() == {
        3: "Production",
        2: "Archived",
        1: "Development",
    }


# --- registering, scoring, drawing


@pytest.fixture
def model_uri(local: MlflowClient) -> str:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier(strategy="constant", constant=1).fit([[0.0], [1.0]], [0, 1])
    return str(mlflow.sklearn.log_model(model, name="m", pip_requirements=["scikit-learn"]).model_uri)


def test_registering_the_same_model_again_finds_it(model_uri: str) -> None:
    first = wb.register(model_uri, "tea", description="A *dummy*.", tags={"by": "test"})
    assert (int(first.version), first.description, first.tags) == (1, "A *dummy*.", {"by": "test"})
    again = wb.register("models:/tea/1", "tea", tags={"more": "1"})
    assert (int(again.version), again.tags, again.description) == (1, {"by": "test", "more": "1"}, "A *dummy*.")
    assert len(wb.versions_table("tea")) == 1


def test_scores_name_the_version_that_gave_them(model_uri: str) -> None:
    wb.register(model_uri, "tea")
    wb.promote("tea", 1)
    scored = wb.score("models:/tea@production", pd.DataFrame({"x": [1.0, 2.0]}))
    assert scored["prediction"].tolist() == [1, 1]
    assert set(scored["model_version"]) == {"tea/1"}
    run = mlflow.get_run(scored["run_id"].iloc[0])
    assert run.data.params["model_version"] == "tea/1"
    assert run.data.params["model_id"] in model_uri
    kept = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/scores.csv")
    assert kept.count("tea/1") == 2
    rows = pd.DataFrame({"x": [1.0]})
    assert "no version of 'tea' holds the alias 'staging'" in refused(lambda: wb.score("models:/tea@staging", rows))
    assert "no alias is called 'prod'" in refused(lambda: wb.score("models:/tea@prod", rows))
    assert "no registered model is called 'te'" in refused(lambda: wb.score("models:/te/1", rows))
    assert "no version is called '7'" in refused(lambda: wb.score("models:/tea/7", rows))
    assert "the model URI" in refused(lambda: wb.score(model_uri, rows))
    assert "a table that has" in refused(lambda: wb.score("models:/tea/1", scored))
    assert "cannot score this table" in refused(lambda: wb.score("models:/wine/1", rows))


def test_the_life_cycle_is_drawn_in_words_too(local: MlflowClient) -> None:
    wb.transition("wine", 1, "Staging")
    wb.promote("wine", 1)
    wb.promote("wine", 2, alias="champion")
    wb.promote("wine", 2)
    axes = wb.plot_lifecycle("wine")
    assert axes.get_title() == "wine: version 2 is in production, turn number 2"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["Development", "Staging", "Production", "Archived"]
    assert "@champion" in [text.get_text() for text in axes.texts]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (UTC)", "version")
    local.create_registered_model("empty")
    assert "has no versions" in refused(lambda: wb.plot_lifecycle("empty"))
    assert wb.versions_table("empty").empty
    assert wb.history("empty").empty
    local.create_model_version("empty", "/nowhere")
    assert wb.plot_lifecycle("empty").get_title() == "empty: no version is in production"


# --- gates


def test_a_gate_that_passes_is_in_the_trail(local: MlflowClient) -> None:
    asked: list[tuple[str, str | None]] = []

    def gate(new: str, old: str | None) -> wb.Verdict:
        asked.append((new, old))
        return verdict(passed=True)

    wb.promote("wine", 1, gate=verdict(passed=True))
    wb.promote("wine", 2, gate=gate)
    assert asked == [("models:/wine/2", "models:/wine/1")]
    assert consistent()["verdict"].tolist() == ["passed", "passed"]


def test_a_gate_that_refuses_is_passed_only_with_a_reason(local: MlflowClient) -> None:
    wb.promote("wine", 1)
    message = refused(lambda: wb.promote("wine", 2, gate=verdict(passed=False)))
    assert "misses accuracy_score" in message
    assert "override='" in message
    assert "without a reason" in refused(lambda: wb.promote("wine", 2, gate=verdict(passed=False), override=" "))
    assert int(local.get_model_version_by_alias("wine", "production").version) == 1
    wb.promote("wine", 2, gate=verdict(passed=False), override="The old one leaks.")
    past = consistent()
    assert past["action"].tolist() == ["promote", "refused", "promote"]
    assert past["verdict"].tolist() == ["no gate", "refused", "refused, overridden"]
    assert past["why"].tolist()[-1] == "The old one leaks."


def test_a_gate_that_cannot_load_its_data_promotes_nothing(local: MlflowClient, tmp_path: Path) -> None:
    def gate(new: str, old: str | None) -> wb.Verdict:
        data = pd.read_csv(tmp_path / "gone.csv")
        return wb.validate(new, old, data, target="y", thresholds={})

    message = refused(lambda: wb.promote("wine", 1, gate=gate))
    assert "gone.csv" in message
    assert "Nothing was promoted" in message
    assert wb.history("wine").empty
    assert "a gate that gives bool" in refused(lambda: wb.promote("wine", 1, gate=lambda new, old: True))  # type: ignore[arg-type, return-value]
    assert consistent().empty


def test_a_verdict_on_another_model_does_not_count(model_uri: str) -> None:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    other = mlflow.sklearn.log_model(model, name="other", pip_requirements=["scikit-learn"]).model_uri
    wb.register(model_uri, "tea")
    with mlflow.start_run() as run:
        mlflow.log_param("candidate", other)
    assert "which is another model" in refused(lambda: wb.promote("tea", 1, gate=verdict(True, run.info.run_id)))
    with mlflow.start_run() as run:
        mlflow.log_param("candidate", model_uri)
    wb.promote("tea", 1, gate=verdict(True, run.info.run_id))
    assert consistent("tea")["run_id"].tolist() == [run.info.run_id]


# --- bad input


def test_unknown_names_get_the_nearest(client: MlflowClient) -> None:
    for call in (
        lambda: wb.promote("wnie", 1),
        lambda: wb.rollback("wnie"),
        lambda: wb.transition("wnie", 1, "Staging"),
        lambda: wb.versions_table("wnie"),
        lambda: wb.history("wnie"),
        lambda: wb.migrate_stages("wnie"),
        lambda: wb.plot_lifecycle("wnie"),
    ):
        assert "Did you mean 'wine'?" in refused(call)
    assert "one of: 3, 2, 1" in refused(lambda: wb.promote("wine", 7))
    assert "no version is called 'one'" in refused(lambda: wb.transition("wine", "one", "Staging"))
    assert "Did you mean 'Production'?" in refused(lambda: wb.transition("wine", 1, "Prodution"))
    wb.promote("wine", 1)
    assert "Did you mean 'production'?" in refused(lambda: wb.rollback("wine", alias="prodction"))
    assert len(consistent()) == 1


def test_a_model_without_history_cannot_roll_back(local: MlflowClient) -> None:
    message = refused(lambda: wb.rollback("wine"))
    assert "no version of 'wine' holds the alias 'production'" in message
    assert "Promote a version first" in message
    wb.transition("wine", 1, "Staging")
    assert "(held are: staging)" in refused(lambda: wb.rollback("wine"))
    assert "Choose one of those" in refused(lambda: wb.rollback("wine", alias="xyz"))
    wb.promote("wine", 1)
    assert "Promote the version that shall take over" in refused(lambda: wb.rollback("wine"))
    assert consistent()["action"].unique().tolist() == ["transition", "promote"]


@pytest.mark.parametrize("alias", ["latest", "v1", "in production", ""])
def test_an_alias_that_mlflow_refuses_leaves_no_entry(local: MlflowClient, alias: str) -> None:
    assert "the alias" in refused(lambda: wb.promote("wine", 1, alias=alias))
    assert wb.history("wine").empty


def test_a_prompt_is_no_registered_model(local: MlflowClient) -> None:
    mlflow.genai.register_prompt("greeting", "Hello {{name}}")
    mlflow.genai.set_prompt_alias("greeting", "production", 1)
    for call in (lambda: wb.promote("greeting", 1), lambda: wb.rollback("greeting"), lambda: wb.history("greeting")):
        assert "no registered model is called 'greeting'" in refused(call)
    assert mlflow.genai.load_prompt("prompts:/greeting@production").tags == {}


@pytest.mark.parametrize("name", ["a/b", "a:b", " ", "..", "x" * 257, """both ' and " quotes"""])
def test_a_name_that_mlflow_refuses_makes_nothing(model_uri: str, name: str) -> None:
    assert "the name" in refused(lambda: wb.register(model_uri, name))
    assert [model.name for model in mlflow.search_registered_models()] == ["wine"]


def test_a_name_with_a_quote_works(model_uri: str) -> None:
    wb.register(model_uri, "today's")
    wb.promote("today's", 1)
    assert wb.versions_table("today's")["stage"].tolist() == ["Production"]


def test_what_is_no_model_is_not_registered(local: MlflowClient) -> None:
    assert "no model at" in refused(lambda: wb.register("models:/m-0000", "tea"))
    assert [model.name for model in mlflow.search_registered_models()] == ["wine"]


def test_an_archived_version_is_not_promoted(local: MlflowClient) -> None:
    wb.transition("wine", 1, "Archived")
    assert "is archived" in refused(lambda: wb.promote("wine", 1))
    assert "is archived" in refused(lambda: wb.transition("wine", 1, "Production"))
    wb.transition("wine", 1, "Staging")
    wb.promote("wine", 1)
    consistent()


def test_a_failed_version_is_not_promoted(local: MlflowClient, home: Path) -> None:
    with sqlite3.connect(home / "mlflow.db") as database:
        database.execute("update model_versions set status = 'FAILED_REGISTRATION' where version = 1")
    assert "FAILED_REGISTRATION" in refused(lambda: wb.promote("wine", 1))
    assert "FAILED_REGISTRATION" in refused(lambda: wb.transition("wine", 1, "Staging"))
    assert consistent().empty


def test_a_reason_may_not_be_longer_than_the_database_takes(client: MlflowClient) -> None:
    assert "a reason of 2001 characters" in refused(lambda: wb.promote("wine", 1, why="x" * 2001))
    wb.promote("wine", 1, why="\N{SNOWMAN}" * 2000)
    assert len(consistent()) == 1


# --- many at once, and what dies in the middle

RACE = """
    import multiprocessing
    import mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store
    people, each = int(sys.argv[2]), int(sys.argv[3])
    def promote_each(first):
        for version in range(first, first + each):
            wb.promote("wine", version, why=f"by {first}")
    fork = multiprocessing.get_context("fork")  # what takes longest, importing, is done once
    racing = [fork.Process(target=promote_each, args=(1 + each * person,)) for person in range(people)]
    for process in racing:
        process.start()
    for process in racing:
        process.join()
    sys.exit(sum(process.exitcode != 0 for process in racing))
"""


def race(uri: str, people: int, each: int) -> None:
    client = use(uri, versions=people * each)
    assert worker(uri, RACE, str(people), str(each)).wait(550) == 0
    past = consistent()
    assert past["action"].tolist() == ["promote"] * (people * each)  # none lost, none taken for an outsider's
    assert sorted(past["to"]) == list(range(1, people * each + 1))
    assert set(past["status"]) == {"done"}
    assert int(client.get_model_version_by_alias("wine", "production").version) == past["to"].iloc[-1]
    assert sorted(wb.versions_table("wine")["stage"])[-1] == "Production"
    assert wb.versions_table("wine")["stage"].eq("Production").sum() == 1


def test_eight_people_promote_at_once_on_postgresql(postgres_store: Callable[[], str]) -> None:
    race(postgres_store(), people=8, each=25)


def test_four_people_promote_at_once_on_sqlite(home: Path) -> None:
    race(f"sqlite:///{home / 'mlflow.db'}", people=4, each=8)


DYING = """
    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)
    plain = MlflowClient.set_registered_model_tag
    def die_at_done(self, name, key, value):
        die() if key.endswith(".done") else plain(self, name, key, value)
    if sys.argv[2] == "before the alias":
        MlflowClient.set_registered_model_alias = die
    elif sys.argv[2] == "before the stage":
        MlflowClient.set_model_version_tag = die
    else:
        MlflowClient.set_registered_model_tag = die_at_done
    wb.promote("wine", 2)
"""


@pytest.mark.parametrize("moment", ["before the alias", "before the stage", "before the mark"])
def test_what_a_killed_process_left_is_told_and_repaired(
    client: MlflowClient, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wb.promote("wine", 1)
    assert worker(mlflow.get_tracking_uri(), DYING, moment).wait(120) == -signal.SIGKILL
    held = int(client.get_model_version_by_alias("wine", "production").version)
    assert held == (1 if moment == "before the alias" else 2)
    assert wb.history("wine")["status"].tolist() == ["done", "unfinished"]
    monkeypatch.setattr(audit_trail, "PATIENCE", 0.0)  # do not wait for half a minute
    wb.transition("wine", 3, "Staging")
    past = consistent()
    assert past["status"].tolist() == ["done", f"repaired by {audit_trail.user()}", "done"]
    assert int(client.get_model_version_by_alias("wine", "production").version) == 2
    assert wb.versions_table("wine")["stage"].tolist() == ["Staging", "Production", "Archived"]


def test_the_same_promotion_again_carries_out_the_killed_one(local: MlflowClient) -> None:
    assert worker(mlflow.get_tracking_uri(), DYING, "before the alias").wait(120) == -signal.SIGKILL
    assert local.get_registered_model("wine").aliases == {}
    wb.promote("wine", 2)
    past = consistent()
    assert past["status"].tolist() == ["unfinished", "done"]
    assert int(local.get_model_version_by_alias("wine", "production").version) == 2


def test_a_promotion_right_after_a_killed_one_counts_from_it(local: MlflowClient) -> None:
    assert worker(mlflow.get_tracking_uri(), DYING, "before the alias").wait(120) == -signal.SIGKILL
    before = wb.promote("wine", 3)
    assert before is not None
    assert (int(before.version), before.tags["stage"]) == (2, "Archived")
    assert consistent()["status"].tolist() == ["unfinished", "done"]


def serve(database: str, port: int) -> subprocess.Popen[bytes]:
    """A real server, once it answers."""
    import requests

    env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--backend-store-uri", database]
    silent = subprocess.DEVNULL
    server = subprocess.Popen(
        [*command, "--workers", "1"], env=env, stdout=silent, stderr=silent, start_new_session=True
    )
    for _ in range(240):
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=1).ok:
                break
        except requests.RequestException:
            time.sleep(0.25)
    return server


def end(server: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which are a group of processes of their own."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture
def servers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for server in started:
        end(server)


def test_a_server_that_goes_away_half_way_is_told_and_nothing_is_lost(
    local: MlflowClient,
    servers: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr(
        audit_trail, "PATIENCE", 3600.0
    )  # however slow this machine is: the writer is not taken for dead
    database, port = mlflow.get_tracking_uri(), free_port()
    servers.append(serve(database, port))
    mlflow.set_tracking_uri(f"http://127.0.0.1:{port}")
    wb.promote("wine", 1)
    plain = MlflowClient.set_registered_model_alias

    def end_first(client: MlflowClient, name: str, alias: str, version: str) -> None:
        end(servers[-1])
        plain(client, name, alias, version)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", end_first)
    message = refused(lambda: wb.promote("wine", 2))
    assert "does not answer any more" in message
    assert "make the same call again" in message
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", plain)
    servers.append(serve(database, port))
    assert wb.history("wine")["status"].tolist() == ["done", "unfinished"]
    wb.promote("wine", 2)
    assert consistent()["status"].tolist() == ["done", "unfinished", "done"]
    monkeypatch.setattr(audit_trail, "PATIENCE", 0.0)
    wb.transition("wine", 3, "Staging")
    assert consistent()["status"].tolist() == ["done", f"repaired by {audit_trail.user()}", "done", "done"]
    assert wb.versions_table("wine")["stage"].tolist() == ["Staging", "Production", "Archived"]
