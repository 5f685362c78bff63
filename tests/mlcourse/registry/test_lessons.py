"""The checks of the lessons of part 3: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb
from mlworkbench.verdict import VERDICT_TAG
from tests.mlcourse.registry.lesson_answers import BY_PURPOSE, lived, registered, rolled_back
from tests.mlcourse.registry.lesson_answers import verdict as passes
from tests.refusals import refused

pytestmark = pytest.mark.processes

MET, MISSED = "\N{HEAVY CHECK MARK} met", "\N{MULTIPLICATION X} missed"


@pytest.fixture
def client(home: Path) -> MlflowClient:
    """The registered model ``my-model`` with three versions that have no files."""
    wb.start("checks")
    client = MlflowClient()
    for name in ("my-model", "another"):
        client.create_registered_model(name)
    for number in range(3):
        client.create_model_version("my-model", f"/nowhere/{number}")
    return client


def verdict(result: str = MET) -> wb.Verdict:
    row = ("accuracy_score", 0.9, 0.8, "at least 0.9", result)
    columns = ["metric", "candidate", "baseline", "wanted", "result"]
    with mlflow.start_run(tags={VERDICT_TAG: "passed" if result == MET else "refused"}) as run:
        pass
    return wb.Verdict(result == MET, pd.DataFrame([row], columns=columns), run.info.run_id)


def test_lesson_3_1(client: MlflowClient) -> None:
    right = {"name": "my-model", "filter_string": "name = 'my-model' and tags.purpose = 'to practise'"}
    refused("3.1", "There is no description of version 3", **right)
    client.update_model_version("my-model", "3", "Forest")
    refused("3.1", "The description of version 3 is 'Forest': too short. Say in 3 words", **right)
    client.update_model_version("my-model", "3", "A forest of 20 trees.")
    refused("3.1", "Version 3 has no tag 'purpose'", **right)
    client.set_model_version_tag("my-model", "3", "purpose", "to practise")
    assert "1 of 3" in wb.check("3.1", **right).message
    refused("3.1", "does not name 'my-model'", **{**right, "filter_string": "tags.purpose = 'to practise'"})
    client.create_model_version("another", "/nowhere", tags={"purpose": "to practise"})
    assert wb.check("3.1", **right)
    refused("3.1", "finds versions of 'another' too", **{**right, "filter_string": "tags.purpose = 'to practise'"})
    refused("3.1", "finds 3 version(s)", **{**right, "filter_string": "name = 'my-model'"})
    refused("3.1", "finds 0 version(s)", **{**right, "filter_string": "name = 'my-model' and tags.purpose = 'x'"})
    refused("3.1", "does not name the tag", **{**right, "filter_string": "name = 'my-model' and version_number = 3"})
    refused("3.1", "MLflow refuses the filter", **{**right, "filter_string": "purpose = 'to practise'"})
    refused("3.1", "The filter is of type int", **{**right, "filter_string": 1})
    refused("3.1", "'another' has one version", **{**right, "name": "another"})
    refused("3.1", "no version of 'mine'", **{**right, "name": "mine"})
    refused("3.1", "The name is of type ModelVersion", **{**right, "name": client.get_model_version("my-model", "1")})


def staged(*versions: int, why: str = "It was tried.") -> None:
    for version in versions:
        for stage in ("Staging", "Production"):
            wb.transition("my-model", version, stage, why=why)


def test_lesson_3_2(client: MlflowClient) -> None:
    refused("3.2", "No version of 'my-model' holds the alias 'production'", name="my-model")
    wb.transition("my-model", 1, "Production", why="In a hurry.")
    refused("3.2", "Version 1 went to Production without Staging", name="my-model")
    wb.promote("my-model", 2)
    refused("3.2", "Version 2 was not moved to Production with wb.transition", name="my-model")
    staged(3)
    refused("3.2", "Version 2 was not moved to Production with wb.transition", name="my-model")
    staged(2)
    assert "Version 2 replaced version 3" in wb.check("3.2", name="my-model").message
    wb.transition("my-model", 3, "Development")
    refused("3.2", "Version 3 has the stage Development", name="my-model")
    client.set_registered_model_alias("my-model", "production", "1")
    refused("3.2", "is on version 1, but the trail ends at 2", name="my-model")
    refused("3.2", "no version of 'another'", name="another")


def test_lesson_3_2_wants_somebody_to_replace(client: MlflowClient) -> None:
    staged(1)
    refused("3.2", "Nobody else was in Production before version 1", name="my-model")


def test_lesson_3_2_wants_staging_of_the_first_version_too(client: MlflowClient) -> None:
    wb.transition("my-model", 1, "Production", why="In a hurry.")
    staged(2)
    refused("3.2", "Version 1 went to Production without Staging", name="my-model")
    staged(1)
    assert "Version 1 replaced version 2" in wb.check("3.2", name="my-model").message


def test_lesson_3_2_is_not_passed_by_what_the_lesson_itself_did(client: MlflowClient) -> None:
    client.set_registered_model_alias("my-model", "production", "1")
    client.set_model_version_tag("my-model", "1", "stage", "Production")
    staged(2)
    refused("3.2", "Version 1 was not moved to Production with wb.transition", name="my-model")


@pytest.mark.parametrize("silent", range(4))
def test_lesson_3_2_wants_a_reason_for_each_move(client: MlflowClient, silent: int) -> None:
    """What the message asks for then leads on."""
    moves = [(version, stage) for version in (1, 2) for stage in ("Staging", "Production")]
    for number, (version, stage) in enumerate(moves):
        wb.transition("my-model", version, stage, why=" " if number == silent else "It was tried.")
    version, stage = moves[silent]
    refused("3.2", f"The move of version {version} to {stage} has no reason. Move it to Staging", name="my-model")
    staged(version)
    assert wb.check("3.2", name="my-model")


def test_lesson_3_3(client: MlflowClient) -> None:
    refused("3.3", "The trail tells of no promotion of a version of 'my-model'", name="my-model")
    wb.promote("my-model", 1)
    refused("3.3", "before version 1: it needs no gate. Now promote another version, with gate=…", name="my-model")
    wb.promote("my-model", 2)
    refused("3.3", "Version 2 was promoted without a gate. Roll back", name="my-model")
    wb.promote("my-model", 3, gate=verdict(MISSED), override="It is fast.")
    refused("3.3", "The gate refused version 3: refused, overridden", name="my-model")
    wb.transition("my-model", 2, "Staging")
    wb.promote("my-model", 2, gate=verdict())
    refused("3.3", "Version 2 was promoted, and not rolled back. Call wb.rollback('my-model', why=", name="my-model")


def test_lesson_3_3_asks_for_no_way_back_of_a_first_version_that_passed_a_gate(client: MlflowClient) -> None:
    wb.promote("my-model", 1, gate=verdict())
    refused("3.3", "Nobody was in production before version 1", name="my-model")


@pytest.mark.parametrize(
    ("whys", "says"),
    [
        ([""], "The rollback has no reason. Do not roll back again. Move version 3 to Staging"),
        (["", "Now with a reason."], "The rollback has no reason. Do not roll back again. Move version 3 to Staging"),
        (["Constant.", "Once more."], "Version 1 is in production, the rollback brought 2. Move version 3 to Staging"),
    ],
)
def test_lesson_3_3_says_how_to_do_a_rollback_anew(client: MlflowClient, whys: list[str], says: str) -> None:
    """Rolling back again would make it worse; what the message asks for leads on."""
    wb.promote("my-model", 1)
    wb.promote("my-model", 2)
    wb.promote("my-model", 3, gate=verdict())
    for why in whys:
        wb.rollback("my-model", why=why)
    refused("3.3", says, name="my-model")
    wb.transition("my-model", 3, "Staging")
    wb.promote("my-model", 3, gate=verdict())
    wb.rollback("my-model", why="It is constant since noon.")
    assert wb.check("3.3", name="my-model")


def test_lesson_3_3_passes(client: MlflowClient) -> None:
    wb.promote("my-model", 1)
    wb.promote("my-model", 2, gate=verdict())
    wb.rollback("my-model", why="It is constant since noon.")
    assert "version 1 is in production again" in wb.check("3.3", name="my-model").message
    wb.transition("my-model", 3, "Staging")
    wb.transition("my-model", 3, "Production")
    refused("3.3", "Version 3 is in production, the rollback brought 1", name="my-model")
    mlflow.MlflowClient().delete_registered_model_alias("my-model", "production")
    refused("3.3", "No version of 'my-model' holds the alias", name="my-model")


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("3.1", registered),
    ("3.1", lambda: registered("tags.`purpose` = 'to practise' AND name = 'my-model'")),
    ("3.1", lambda: registered('name = "my-model" and tag.purpose like "a b"', "Said in words.", "a b")),
    ("3.2", lived),
    ("3.2", lambda: lived((1, "Staging"), (1, "production"), (3, "staging"), (3, "Production"))),
    ("3.2", lambda: lived((2, "Staging"), (1, "Staging"), (1, "Production"), (2, "Staging"), (2, "Production"))),
    ("3.3", lambda: rolled_back(passes(), "It is constant since noon.")),
    ("3.3", lambda: rolled_back(passes(), "It is slow.", why="It is better.")),
    ("3.3", lambda: rolled_back(lambda *_: passes(), "Complaints.")),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("3.1", lambda: registered(said=""), "There is no description of version 3"),
    ("3.1", lambda: registered(said="x x x x"), "'x x x x': too short"),
    ("3.1", lambda: registered(purpose=""), "Version 3 has no tag 'purpose'"),
    ("3.1", lambda: registered("name = 'my-model' and version_number = 3"), "does not name the tag"),
    ("3.1", lambda: registered(f"{BY_PURPOSE} and version_number > 2"), "asks for 'version_number > 2' too"),
    ("3.1", lambda: registered("name = 'my-model' and tags.purpose LIKE 'to%'"), "for any text by"),
    ("3.2", lambda: lived((1, "Staging"), (1, "Production")), "Nobody else was in Production before version 1"),
    ("3.2", lambda: lived((1, "Staging")), "No version of 'my-model' holds the alias 'production'"),
    ("3.2", lambda: lived((1, "Production"), (2, "Production")), "Version 2 went to Production without Staging"),
    ("3.2", lambda: lived(why=" "), "The move of version 2 to Staging has no reason"),
    ("3.2", lambda: lived(by_hand=3), "Somebody set it by hand"),
    ("3.3", lambda: rolled_back(None, "Slow."), "Version 2 was promoted without a gate"),
    ("3.3", lambda: rolled_back(passes(MISSED), override="Now."), "The gate refused version 2: refused, overridden"),
    ("3.3", lambda: rolled_back(passes()), "Version 2 was promoted, and not rolled back"),
    ("3.3", lambda: rolled_back(passes(), ""), "The rollback has no reason"),
    ("3.3", lambda: rolled_back(passes(), first=False), "Nobody was in production before version 2"),
    ("3.3", lambda: rolled_back(passes(said="refused"), "Slow."), "The verdict in the run"),
]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{number} {task}" for number, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes_whatever_its_style(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_wrong_answer_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refused(task, says, **answers())
