"""One bad record harms only itself, bad input is refused in three sentences, and threads leave each other alone."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlworkbench.registry import audit_trail
from mlworkbench.registry.trail_entries import DONE, PREFIX
from tests.mlworkbench.registry.test_registry import consistent, refused, use, verdict

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
WHOLE = {"action": "promote", "version": 3, "alias": "production", "who": "eve", "when": NOW.isoformat()}


def entry(**facts: Any) -> str:
    return json.dumps({name: value for name, value in (WHOLE | facts).items() if value != "left out"})


@pytest.fixture(params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest, home: Path) -> MlflowClient:
    if request.param == "sqlite":
        return use(f"sqlite:///{home / 'mlflow.db'}")
    return use(request.getfixturevalue("postgres_store")())


@pytest.fixture
def local(home: Path) -> MlflowClient:
    return use(f"sqlite:///{home / 'mlflow.db'}")


# --- one garbled tag of the trail

KEY = f"{PREFIX}000002.eeeeeeee"
GARBLED = {
    "no number": (f"{PREFIX}note", "hello"),
    "no number, an entry": (f"{PREFIX}note", entry()),
    "no letters": (f"{PREFIX}000002", entry()),
    "other digits": (f"{PREFIX}00000\N{ARABIC-INDIC DIGIT TWO}.eeeeeeee", entry()),
    "no JSON": (KEY, "hello"),
    "empty": (KEY, " "),
    "a list": (KEY, "[1, 2]"),
    "a number": (KEY, "5"),
    "null": (KEY, "null"),
    "deep": (KEY, "[" * 5000),
    "a number of 4500 digits": (KEY, "9" * 4500),
    "no version": (KEY, entry(version="left out")),
    "no action": (KEY, entry(action="left out")),
    "no time": (KEY, entry(when="left out")),
    "one more field": (KEY, entry(colour="red")),
    "version is a text": (KEY, entry(version="3")),
    "version is true": (KEY, entry(version=True)),
    "version is null": (KEY, entry(version=None)),
    "version is a fraction": (KEY, entry(version=3.0)),
    "version is below 1": (KEY, entry(version=-1)),
    "version is too large": (KEY, entry(version=2**70)),
    "alias is a list": (KEY, entry(alias=["production"])),
    "alias is refused": (KEY, entry(alias="latest")),
    "stage is unknown": (KEY, entry(alias=None, stage="Prodution")),
    "action is unknown": (KEY, entry(action="steal")),
    "why is a number": (KEY, entry(why=5)),
    "half of a pair": (KEY, entry(why="\ud800")),
    "time is nonsense": (KEY, entry(when="yesterday")),
    "time without zone": (KEY, entry(when="2026-01-01T00:00:00")),
    "time out of range": (KEY, entry(when="9999-12-31T00:00:00+00:00")),
    "forged number": (f"{PREFIX}999999.eeeeeeee", entry()),
    "forged number, long": (f"{PREFIX}{'9' * 90}.eeeeeeee", entry()),
    "mark of nothing": (f"{KEY}{DONE}", '{"who": "eve"}'),
    "long": (KEY, "x" * 4900),
}


@pytest.mark.parametrize(("key", "text"), GARBLED.values(), ids=list(GARBLED))
def test_a_garbled_tag_is_told_and_stepped_over(local: MlflowClient, key: str, text: str) -> None:
    wb.promote("wine", 1)
    wb.promote("wine", 2)
    local.set_registered_model_tag("wine", key, text)
    told = wb.history("wine")
    assert told["action"].tolist() == ["promote", "promote", "unreadable"]
    assert key in told["status"].iloc[-1]
    assert told["why"].iloc[-1] == text[:200]
    assert told.to_csv().encode()
    before = wb.promote("wine", 3)
    assert before is not None
    assert int(before.version) == 2
    assert local.get_registered_model("wine").aliases == {"production": 3}
    assert int(wb.rollback("wine").version) == 2
    assert local.get_registered_model("wine").aliases == {"production": 2}
    wb.transition("wine", 1, "Development")
    assert wb.plot_lifecycle("wine").get_title().startswith("wine: version 2 is in production")
    assert consistent()["action"].tolist() == ["promote", "promote", "promote", "rollback", "transition", "unreadable"]


def test_an_emergency_is_possible_when_the_last_entry_is_garbled(local: MlflowClient) -> None:
    """What it did is entered anew, as a change from outside, so that it can be undone."""
    wb.promote("wine", 1)
    wb.promote("wine", 2)
    last = audit_trail.read("wine").entries[-1].key
    local.set_registered_model_tag("wine", last, "hello")
    assert int(wb.rollback("wine", why="Emergency.").version) == 1
    assert local.get_registered_model("wine").aliases == {"production": 1}
    assert consistent()["action"].tolist() == ["promote", "outside", "rollback", "unreadable"]


@pytest.mark.parametrize("mark", ["hello", "[]", "{}", '{"who": 5}', "null", "[" * 5000])
def test_a_garbled_mark_is_repaired(local: MlflowClient, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wb.promote("wine", 1)
    (key,) = [entry.key for entry in audit_trail.read("wine").entries]
    local.set_registered_model_tag("wine", key + DONE, mark)
    assert wb.history("wine")["status"].tolist() == ["unfinished"]
    monkeypatch.setattr(audit_trail, "PATIENCE", 0.0)
    wb.promote("wine", 2)
    assert consistent()["status"].tolist() == [f"repaired by {audit_trail.user()}", "done"]


@pytest.mark.parametrize("number", [3, 500, 999])
def test_a_number_that_leaves_some_out_keeps_its_place(client: MlflowClient, number: int) -> None:
    """Somebody deleted entries: those behind them count, and the next number is the next."""
    wb.promote("wine", 1)
    client.set_registered_model_tag("wine", f"{PREFIX}{number:06d}.eeeeeeee", entry())
    wb.promote("wine", 2)
    assert client.get_registered_model("wine").aliases == {"production": 2}
    assert consistent()["to"].tolist() == [1, 3, 2]


def test_numbers_of_seven_digits_come_after_those_of_six(local: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlworkbench.registry import trail_tags

    monkeypatch.setattr(trail_tags, "_WIDEST_GAP", 10**6)
    local.set_registered_model_tag("wine", f"{PREFIX}999999.eeeeeeee", entry())
    for version in (1, 2):
        wb.promote("wine", version)
        assert local.get_registered_model("wine").aliases == {"production": version}
    assert consistent()["to"].tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    "ahead", [timedelta(hours=1), timedelta(days=30000), timedelta(seconds=8), timedelta(hours=-1)]
)
def test_a_wrong_clock_costs_no_wait(local: MlflowClient, ahead: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time of an unfinished entry says, it is carried out, and no change waits for the clock."""
    monkeypatch.setattr(audit_trail, "COURTESY", 1.0)
    local.set_registered_model_tag("wine", KEY, entry(when=(datetime.now(UTC) + ahead).isoformat()))
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) or threading.Event().wait(seconds))
    wb.transition("wine", 1, "Staging")
    assert sum(waited) < 3
    assert local.get_registered_model("wine").aliases == {"production": 3, "staging": 1}
    if abs(ahead) > timedelta(minutes=1):
        assert consistent()["status"].iloc[0] == f"repaired by {audit_trail.user()}"


# --- names that no address would reach


@pytest.fixture
def model_uri(local: MlflowClient) -> str:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier(strategy="constant", constant=1).fit([[0.0], [1.0]], [0, 1])
    return str(mlflow.sklearn.log_model(model, name="m", pip_requirements=["scikit-learn"]).model_uri)


TEXTS = ["a@b", "a?b=c", "a\nb", "a\rb", "\ta", "a\t", "@", "?", "a\0b", "a\udcffb", "\ud800", "'\"", "x" * 257, ""]
NAMES: list[object] = [*TEXTS, None, 5, Path("tea"), True]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_could_not_be_addressed_is_refused(model_uri: str, name: Any) -> None:
    refused(lambda: wb.register(model_uri, name))
    if name is not None:
        refused(lambda: wb.log_model(len, "m", example=[[0.0]], registered_model_name=name))
    assert [model.name for model in mlflow.search_registered_models()] == ["wine"]


def test_a_name_that_can_be_addressed_is_taken(model_uri: str) -> None:
    """Each of these looks odd in an address, and MLflow finds it."""
    for name in ("a#b", "a%b", "a%20b", " a ", "a;b&c=d", "a\\b", "a'b", "[x]", "\N{SNOWMAN}", "m-1", ".a", "-a"):
        wb.register(model_uri, name)
        wb.promote(name, 1)
        for end in ("/1", "@production"):
            assert mlflow.pyfunc.load_model(f"models:/{name}{end}").predict([[0.0]]).tolist() == [1]


# --- bad input

BAD = [None, 5, 10**5000, 2.5, True, b"x", ["x"], {}, Path("x"), "a\0b", "a\udcffb", object()]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__ + (ascii(bad) if isinstance(bad, str) else ""))
def test_bad_input_is_refused_in_three_sentences(client: MlflowClient, bad: Any) -> None:
    wb.promote("wine", 1)
    for call in (
        *(
            lambda f=f: f(bad)
            for f in (wb.history, wb.versions_table, wb.migrate_stages, wb.plot_lifecycle, wb.rollback)
        ),
        lambda: wb.promote(bad, 1),
        lambda: wb.promote("wine", bad),
        lambda: wb.promote("wine", 2, alias=bad),
        lambda: wb.promote("wine", 2, why=bad),
        lambda: wb.transition(bad, 1, "Staging"),
        lambda: wb.transition("wine", bad, "Staging"),
        lambda: wb.transition("wine", 2, bad),
        lambda: wb.transition("wine", 2, "Staging", why=bad),
        lambda: wb.rollback("wine", alias=bad),
        lambda: wb.rollback("wine", why=bad),
        lambda: wb.register(bad, "wine"),
    ):
        if bad != 5 or "bad, 'Staging'" not in str(call):
            refused(call)
    for call in (
        lambda: wb.promote("wine", 2, gate=bad),
        lambda: wb.promote("wine", 2, override=bad),
        lambda: wb.register("models:/m-1", "tea", description=bad),
        lambda: wb.register("models:/m-1", "tea", tags={"key": bad} if isinstance(bad, str) else bad),
    ):
        if bad is not None:
            refused(call)
    assert len(consistent()) == 1


@pytest.mark.parametrize(
    "version", [2**70, -1, 0, 10**400, "1.0", "one", "", " 1", "9" * 5000, 7, float("nan")], ids=lambda v: ascii(v)[:20]
)
def test_a_version_that_there_cannot_be(client: MlflowClient, version: Any) -> None:
    assert "no version is called" in refused(lambda: wb.promote("wine", version))
    assert "no version is called" in refused(lambda: wb.transition("wine", version, "Staging"))
    assert consistent().empty


def test_a_number_out_of_a_table_is_a_version(local: MlflowClient) -> None:
    newest = wb.versions_table("wine")["version"].iloc[0]
    wb.promote("wine", newest)
    assert local.get_registered_model("wine").aliases == {"production": 3}


def test_what_a_database_would_refuse_makes_no_version(model_uri: str) -> None:
    refused(lambda: wb.register(model_uri, "tea", description="x" * 5001))
    refused(lambda: wb.register(model_uri, "tea", tags={"a=b\n!": "1"}))
    refused(lambda: wb.register(model_uri, "tea", tags={"": "1"}))
    assert [model.name for model in mlflow.search_registered_models()] == ["wine"]


@pytest.mark.parametrize("what", ["model", "version"])
def test_what_is_deleted_during_a_promotion_is_told(client: MlflowClient, what: str) -> None:
    """A gate takes its time; meanwhile somebody deletes what it judges."""

    def gate(new: str, old: str | None) -> wb.Verdict:
        client.delete_registered_model("wine") if what == "model" else client.delete_model_version("wine", "2")
        return verdict(passed=True)

    message = refused(lambda: wb.promote("wine", 2, gate=gate))
    assert (
        "no registered model is called 'wine'" in message if what == "model" else "no version is called '2'" in message
    )


def test_a_version_that_is_deleted_at_the_last_moment_is_no_success(
    local: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = MlflowClient.set_registered_model_alias

    def delete_first(self: MlflowClient, name: str, alias: str, version: str) -> None:
        local.delete_model_version(name, version)
        plain(self, name, alias, version)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", delete_first)
    assert "no version is called '2'" in refused(lambda: wb.promote("wine", 2))
    assert "no version is called '1'" in refused(lambda: wb.transition("wine", 1, "Staging"))


# --- threads


def test_eight_threads_at_once(model_uri: str) -> None:
    """The trail of each model is whole, and what belongs to the process is as it was."""
    for name in "abcdefgh":
        use_name = f"model-{name}"
        MlflowClient().create_registered_model(use_name)
        for number in (1, 2, 3):
            MlflowClient().create_model_version(use_name, f"/nowhere/{number}")
    process = (
        sys.stdout,
        sys.stderr,
        logging.getLogger("mlflow").level,
        list(warnings.filters),
        mlflow.get_tracking_uri(),
    )

    def live(name: str) -> list[str]:
        wb.register(model_uri, f"new-{name}")
        for version in (1, 2, 3):
            wb.promote(name, version)
        wb.rollback(name)
        wb.transition(name, 1, "Staging")
        wb.migrate_stages(name)
        wb.promote("wine", 1 + ord(name[-1]) % 3, alias=f"by-{name}")
        wb.plot_lifecycle(name)
        return list(wb.history(name)["action"]) + list(wb.versions_table(name)["stage"])

    names = [f"model-{name}" for name in "abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(live, names))
    assert done == [["promote"] * 3 + ["rollback", "transition", "Archived", "Production", "Staging"]] * 8
    assert process == (
        sys.stdout,
        sys.stderr,
        logging.getLogger("mlflow").level,
        list(warnings.filters),
        mlflow.get_tracking_uri(),
    )
    for name in names:
        consistent(name)
    assert len(consistent("wine")) == 8
    assert set(MlflowClient().get_registered_model("wine").aliases) == {f"by-{name}" for name in names}
    assert [len(wb.versions_table(f"new-{name}")) for name in names] == [1] * 8


def test_one_alias_is_given_by_eight_threads(local: MlflowClient) -> None:
    """Nobody's entry is lost, and what the last entry says holds."""
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: wb.promote("wine", 1 + number % 3, alias=f"a{number % 4}", why=str(number)), range(8)
            )
        )
    past = consistent()
    assert past["action"].tolist() == ["promote"] * 8
    assert set(past["why"]) == set("01234567")
    assert set(past["status"]) == {"done"}
