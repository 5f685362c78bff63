"""The checks of the lessons of part 3: right answers pass, typical mistakes are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

import mlworkbench as wb

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


def refused(task: str, says: str, **answers: Any) -> None:
    feedback = wb.check(task, **answers)
    assert feedback.status == "Not yet"
    assert says in feedback.message
    assert "The check stopped" not in feedback.message
    assert len(feedback.message) < 600


def verdict(result: str = MET) -> wb.Verdict:
    row = ("accuracy_score", 0.9, 0.8, "at least 0.9", result)
    columns = ["metric", "candidate", "baseline", "wanted", "result"]
    return wb.Verdict(result == MET, pd.DataFrame([row], columns=columns), "")


def test_lesson_3_1(client: MlflowClient) -> None:
    right = {"name": "my-model", "filter_string": "name = 'my-model' and tags.purpose = 'to practise'"}
    refused("3.1", "Version 3 has no description", **right)
    client.update_model_version("my-model", "3", "Forest")
    refused("3.1", "The description of Version 3 is 'Forest'", **right)
    client.update_model_version("my-model", "3", "A forest of 20 trees.")
    refused("3.1", "Version 3 has no tag 'purpose'", **right)
    client.set_model_version_tag("my-model", "3", "purpose", "to practise")
    assert "1 of 3" in wb.check("3.1", **right).message
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


def test_lesson_3_2(client: MlflowClient) -> None:
    refused("3.2", "No version of 'my-model' holds the alias 'production'", name="my-model")
    wb.transition("my-model", 1, "Production")
    refused("3.2", "Version 1 went to Production without Staging", name="my-model")
    wb.promote("my-model", 2)
    refused("3.2", "The trail tells nothing of version 2", name="my-model")
    wb.transition("my-model", 3, "Staging")
    wb.transition("my-model", 3, "Production")
    assert "Version 3 replaced version 2" in wb.check("3.2", name="my-model").message
    wb.transition("my-model", 2, "Development")
    refused("3.2", "Version 2 has the stage Development", name="my-model")
    client.set_registered_model_alias("my-model", "production", "1")
    refused("3.2", "is on version 1, but the trail ends at 3", name="my-model")
    refused("3.2", "no version of 'another'", name="another")


def test_lesson_3_2_wants_somebody_to_replace(client: MlflowClient) -> None:
    wb.transition("my-model", 1, "Staging")
    wb.transition("my-model", 1, "Production")
    refused("3.2", "Nobody was in Production before version 1", name="my-model")


def test_lesson_3_3(client: MlflowClient) -> None:
    refused("3.3", "The trail tells of no promotion of a version of 'my-model'", name="my-model")
    wb.promote("my-model", 1)
    refused("3.3", "Version 1 was promoted without a gate", name="my-model")
    wb.promote("my-model", 2, gate=verdict(MISSED), override="It is fast.")
    refused("3.3", "The gate refused version 2: refused, overridden", name="my-model")
    wb.promote("my-model", 3, gate=verdict())
    refused("3.3", "Version 3 was promoted, and not rolled back", name="my-model")
    wb.rollback("my-model")
    refused("3.3", "The rollback has no reason", name="my-model")


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
