"""The check of lesson 3.4: a promotion that a call of the server started, traced from the call to the alias."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import apart, same, shown, text
from mlcourse.models import logged_models
from mlcourse.registry import registered_models
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

LESSON, ALIAS, SEED = "cells-3-4", "champion", 7
_LATE = 60_000  # milliseconds that a busy server may take to send a call
CREATED, MOVED = ("model_version", "created"), ("model_version_alias", "created")
_SWITCH_ON = "Switch the webhook on, register a better version, and wait for the gate"


def called(name: Any, version: Any, delivery: Any, run_id: Any, calls: Any) -> str:
    """Lesson 3.4: a version that the gate promoted after a call of the server.

    Recomputed: the accuracy of the promoted model on the held-out rows.
    Cross-examined: the alias, the version's tags, the run of the project and its parameters, the calls and their order.
    """
    if text(name, "name") == LESSON:
        raise NotYetError(f"{LESSON!r} is the model of the lesson.", "Choose a name of your own.")
    promoted = registered_models.version_of(version, name)
    _is_champion(name, promoted)
    _asked_for(promoted, delivery, calls)
    run = logged_runs.finished_run(run_id)
    _judged(promoted, run, delivery)
    _in_order(promoted, run, calls)
    score = _accuracy(promoted)
    logged = logged_runs.metric(run, "accuracy", 0, 1)
    if not same(score, logged):
        told = "The gate's run has an accuracy of {1}; computed again it is {0}.".format(*apart(score, logged))
        raise NotYetError(told, f"{_SWITCH_ON}.")
    return f"Version {promoted.version} came by a call, through the gate with {score:.3f}, to the alias."


def _is_champion(name: str, promoted: ModelVersion) -> None:
    holder = logged_runs.client().get_registered_model(name).aliases.get(ALIAS)
    if str(holder) != str(promoted.version):
        told = f"Version {holder} is {ALIAS}" if holder else f"No version is {ALIAS}"
        raise NotYetError(f"{told}, not {promoted.version}.", "Give the version that the gate has promoted.")
    if len(registered_models.versions(name)) < 2:  # noqa: PLR2004 (one to beat, one that beats it)
        raise NotYetError(f"{name!r} has one version.", f"It had no champion to beat. {_SWITCH_ON}.")
    verdict = registered_models.tagged(promoted, "gate")
    if verdict != "passed":
        raise NotYetError(f"The tag 'gate' of version {promoted.version} is {shown(verdict)}.", f"{_SWITCH_ON}.")


def _asked_for(promoted: ModelVersion, delivery: Any, calls: Any) -> None:
    """The delivery is a call about this version, that the receiver has kept."""
    if not isinstance(calls, dict):
        raise NotYetError(f"calls is of type {type(calls).__name__}.", "Give the dictionary that `note` fills.")
    _as_sent(calls)
    if text(delivery, "delivery") not in calls:
        told = f"No call that was accepted has the id {shown(delivery)}."
        raise NotYetError(told, "The tag 'delivery' of the version has it; the keys of calls are such ids.")
    call = calls[delivery]
    if (call["entity"], call["action"]) != CREATED:
        told = f"That call tells of {call['entity']}.{call['action']}."
        raise NotYetError(told, "Give the call that told of the new version.")
    about = call["data"].get("name"), str(call["data"].get("version"))
    if about != (promoted.name, str(promoted.version)):
        raise NotYetError(f"That call is about version {about[1]} of {shown(about[0])}.", "Look in the version's tags.")


def _as_sent(calls: dict[Any, Any]) -> None:
    """Each call has what the server sends."""
    do = "Give the dictionary that `note` fills, as it is."
    for key, call in calls.items():
        fields = set(call) if isinstance(call, dict) else set()
        if not {"entity", "action", "timestamp", "data"} <= fields or not isinstance(call["data"], dict):
            raise NotYetError(f"The call {shown(key)} is not as the server sends it.", do)
        try:
            _when(call)
        except (TypeError, ValueError) as error:
            raise NotYetError(f"The call {shown(key)} has the time {shown(call['timestamp'])}.", do) from error


def _when(call: dict[str, Any]) -> float:
    """When the server has sent a call, in milliseconds as MLflow has them."""
    return datetime.fromisoformat(call["timestamp"]).timestamp() * 1000


def _judged(promoted: ModelVersion, run: Run, delivery: str) -> None:
    """The run is that of the project's step, for this version and this call."""
    if run.data.tags.get("mlflow.project.entryPoint") != "gate":
        raise NotYetError(f"The run {shown(run.info.run_name)} is not one of the project.", f"{_SWITCH_ON}.")
    wanted = {"name": promoted.name, "version": str(promoted.version), "delivery": delivery}
    for key, value in wanted.items():
        if (found := run.data.params.get(key)) != value:
            told = f"The run judged with {key} = {shown(found)}, not {value!r}."
            raise NotYetError(told, "The tag 'gate_run' of the version has the id of its run.")
    if (tag := promoted.tags.get("gate_run")) != run.info.run_id:
        raise NotYetError(f"The version's tag 'gate_run' is {shown(tag)}, not this run.", "Give that one.")


def _in_order(promoted: ModelVersion, run: Run, calls: dict[str, Any]) -> None:
    """First the version, then the gate, then the call that tells of the alias."""
    if run.info.start_time < promoted.creation_timestamp:
        raise NotYetError("The gate ran before the version was there.", f"{_SWITCH_ON}.")
    moved = [
        _when(call)
        for call in calls.values()
        if (call["entity"], call["action"]) == MOVED
        and (call["data"].get("alias"), str(call["data"].get("version"))) == (ALIAS, str(promoted.version))
        and call["data"].get("name") == promoted.name
    ]
    if not moved:
        told = f"The receiver was not told that version {promoted.version} became {ALIAS}."
        raise NotYetError(told, "Leave the webhook on until the gate has moved the alias.")
    if not any(run.info.start_time <= when <= run.info.end_time + _LATE for when in moved):
        raise NotYetError("The alias was not moved while the gate ran.", f"{_SWITCH_ON}: it moves the alias itself.")


@cache
def held_out() -> pd.DataFrame:
    """The rows on which the gate judges."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer(as_frame=True)
    table = data.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - data.target)
    rows: pd.DataFrame = train_test_split(table, train_size=0.5, random_state=SEED, stratify=table["malignant"])[1]
    return rows


def _accuracy(promoted: ModelVersion) -> float:
    rows = held_out()
    model = logged_models.stored_model(f"models:/{promoted.name}/{promoted.version}", "the promoted version")
    return float((model.answer(rows.drop(columns="malignant")) == rows["malignant"].to_numpy()).mean())
