"""What checks look at in the registry: versions, searches, the trail, who holds an alias; each gap with a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlcourse.answers import apart, same, shown
from mlcourse.logged_runs import children, finished_run, metric
from mlcourse.models import logged_models
from mlworkbench.errors import told
from mlworkbench.registry import audit_trail
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

AGAIN = "Roll back, move the version to Staging, and promote it again"
_FEWEST_WORDS = 3
_STAGED = "Move it to Staging, then to Production, each with why=…."


def versions(name: Any) -> dict[int, ModelVersion]:
    """The versions of a registered model by their numbers; there must be some."""
    from mlworkbench.registry.versions import find_versions

    if not isinstance(name, str):
        raise NotYetError(f"The name is of type {type(name).__name__}.", "Give the name of the registered model.")
    found = {int(version.version): version for version in find_versions(name)}
    if not found:
        raise NotYetError(
            f"The registry has no version of {shown(name)}.", f"Register a model: mlflow.register_model(…, {name!r})."
        )
    return dict(sorted(found.items()))


def version_of(answer: Any, name: str, what: str = "version") -> ModelVersion:
    """The version that the learner names, as a number or as MLflow's entity."""
    known, theirs = versions(name), getattr(answer, "name", name)
    if theirs != name:
        raise NotYetError(f"{what} is a version of {shown(theirs)}.", f"Give a version of {name!r}.")
    number = str(getattr(answer, "version", answer))
    if not number.isdecimal():
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the number of a version.")
    if int(number) not in known:
        listed = ", ".join(map(str, known))
        raise NotYetError(f"{name!r} has the versions {listed}, but no {number}.", "Look at wb.versions_table.")
    return known[int(number)]


def versions_of(model_uri: Any, name: str, what: str) -> list[int]:
    """The versions of a registered model that are this stored model; there must be one."""
    model_id = logged_models.stored_model(model_uri, what).record.model_id
    found = [number for number, version in versions(name).items() if version.source == f"models:/{model_id}"]
    if not found:
        raise NotYetError(f"No version of {name!r} is {what}.", f"Register it: wb.register(….model_uri, {name!r}).")
    return found


def described(description: str | None, what: str, call: str) -> None:
    """A description must say something."""
    if not (words := (description or "").split()):
        raise NotYetError(f"There is no description of {what}.", f"Write one with {call}.")
    if len(words) < _FEWEST_WORDS:
        raise NotYetError(
            f"The description of {what} is {shown(description)}: too short.",
            f"Say in {_FEWEST_WORDS} words or more what it is.",
        )


def tagged(version: ModelVersion, key: str, wanted: str | None = None) -> str:
    """A version must have a tag, with this value if there is one."""
    call = f"client.set_model_version_tag({version.name!r}, '{version.version}', {key!r}, {wanted or '…'!r})"
    if not (value := str(version.tags.get(key, "")).strip()):
        raise NotYetError(f"Version {version.version} has no tag {key!r}.", f"Set it with {call}.")
    if wanted and value != wanted:
        raise NotYetError(f"The tag {key!r} of version {version.version} is {shown(value)}.", f"Set it with {call}.")
    return value


def finds(condition: Any, name: str, key: str, value: str) -> int:
    """A filter must find the versions of a model with this tag, by the tag, and no others; returns how many."""
    import mlflow
    from mlflow.exceptions import MlflowException

    if not isinstance(condition, str):
        raise NotYetError(
            f"The filter is of type {type(condition).__name__}.", "Give the text that filter_string gets."
        )
    try:
        found = {(found.name, int(found.version)) for found in mlflow.search_model_versions(filter_string=condition)}
    except MlflowException as error:
        raise NotYetError(
            f"MLflow refuses the filter {shown(condition)} ({told(error)[:200]}).",
            "The form is name = '…' and tags.key = '…'.",
        ) from error
    wanted = {(name, number) for number, version in versions(name).items() if version.tags.get(key) == value}
    if foreign := {other for other, _ in found - wanted} - {name}:
        raise NotYetError(f"The filter finds versions of {shown(min(foreign))} too.", f"Ask for name = {name!r} too.")
    if found != wanted:
        raise NotYetError(
            f"The filter finds {len(found)} version(s) of {name!r}, {len(wanted)} have {key} = {value!r}.",
            f"Ask for the tag: tags.{key} = '…'.",
        )
    if key not in condition:
        raise NotYetError("The filter does not name the tag.", "The next version with the tag should be found too.")
    if name not in condition:
        raise NotYetError(
            f"The filter does not name {name!r}.",
            f"Another model may get this tag tomorrow: ask for name = {name!r} too.",
        )
    return len(found)


def past(name: str) -> pd.DataFrame:
    """The history of a model, which must have versions."""
    from mlworkbench.registry.history import history

    versions(name)
    return history(name)


def explained(name: str, alias: str = "production") -> int:
    """The version that holds an alias, which the trail must explain."""
    now = audit_trail.read(name)
    if alias not in now.aliases:
        raise NotYetError(f"No version of {name!r} holds the alias {alias!r}.", "Look at wb.versions_table.")
    if alias in now.strays():
        raise NotYetError(
            f"The alias {alias!r} is on version {now.aliases[alias]}, but the trail ends at {now.holder(alias)}.",
            "Somebody set it by hand. Change it with promote, transition or rollback, which say so in the trail.",
        )
    return now.aliases[alias]


def moved(past: pd.DataFrame, to: Iterable[int], *actions: str, alias: str = "production") -> pd.Series | None:
    """The last row of a history in which one of these actions gave an alias to one of these versions."""
    rows = past[past["action"].isin(actions) & (past["alias"] == alias) & past["to"].isin(list(to))]
    return None if rows.empty else rows.iloc[-1]


def reasoned(rows: pd.DataFrame, what: str, do: str) -> None:
    """Each of these changes must have a reason."""
    if not rows["why"].str.strip().all():
        raise NotYetError(f"{what} has no reason.", do)


def _moves(past: pd.DataFrame, number: int) -> pd.DataFrame:
    return past[(past["action"] == "transition") & (past["version"] == number)]


def through_staging(past: pd.DataFrame, number: int) -> None:
    """`transition` must have moved a version to Staging, and from there to Production, with a reason each time."""
    rows = _moves(past, number)
    if not rows["stage"].eq("Production").any():
        raise NotYetError(f"Version {number} was not moved to Production with wb.transition.", _STAGED)
    before = rows["stage"].loc[: rows.index[rows["stage"] == "Production"][-1]]
    if not before[before != "Production"].tail(1).eq("Staging").any():
        raise NotYetError(f"Version {number} went to Production without Staging.", _STAGED)
    for stage in ("Staging", "Production"):
        last = rows[rows["stage"] == stage].tail(1)
        reasoned(last, f"The move of version {number} to {stage}", _STAGED)


def put_away(past: pd.DataFrame, number: int) -> None:
    """`transition` must have moved a version to Archived, with a reason."""
    last = _moves(past, number).query("stage == 'Archived'").tail(1)
    if last.empty:
        raise NotYetError(f"Version {number} was never archived.", "wb.transition(…, 'Archived', why='…').")
    again = "Move it to Development, then to Archived again, with why=…."
    reasoned(last, f"The move of version {number} to Archived", again)


def passed(row: pd.Series | None, what: str) -> pd.Series:
    """A promotion must be there and have passed a gate."""
    if row is None:
        raise NotYetError(f"The trail tells of no promotion of {what}.", "Use wb.promote(…, gate=…).")
    if row["verdict"] == "no gate":
        raise NotYetError(f"Version {row['to']} was promoted without a gate.", f"{AGAIN}, with gate=….")
    if row["verdict"] != "passed":
        raise NotYetError(f"The gate refused version {row['to']}: {row['verdict']}.", "Promote one that passes.")
    return row


def demanded(row: pd.Series, name: str, demands: dict[str, str], truth: Sequence[Any], rows: Any) -> None:
    """The gate of a promotion must have asked for all this, of these rows, and compared with whom it replaces."""
    import mlflow

    run = finished_run(row["run_id"], "The run of the verdict")
    told = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/verdict.txt").splitlines()
    for what, wanted in demands.items():
        if not any(what in line and wanted in line for line in told):
            raise NotYetError(f"The gate did not ask for {what} {wanted}.", f"{AGAIN}, with that.")
    against = logged_models.stored_model(run.data.params["baseline"], "The baseline").record
    if versions(name)[row["from"]].source != f"models:/{against.model_id}":
        raise NotYetError("The gate compared with another model.", f"{AGAIN}: the gate's second argument is its rival.")
    answers = logged_models.stored_model(run.data.params["candidate"], "The candidate").answer(rows)
    expected = sum(bool(a == b) for a, b in zip(answers, truth, strict=True)) / len(rows)
    measured = next(metric(run, "accuracy_score") for run in children(run) if run.info.run_name == "candidate")
    if not same(measured, expected):
        found, right = apart(measured, expected)
        raise NotYetError(f"The gate found an accuracy of {found}; on the test rows it is {right}.", f"{AGAIN} there.")


def answers_of(uri: str, found: list[Any], rows: Any) -> None:
    """Predictions must be what this model answers to these rows."""
    if len(found) != len(rows):
        raise NotYetError(f"There are {len(found)} predictions for {len(rows)} test rows.", "Predict all of X_test.")
    differ = sum(bool(a != b) for a, b in zip(found, logged_models.stored_model(uri).answer(rows), strict=True))
    if differ:
        raise NotYetError(f"{differ} of the predictions are not those of {uri}.", "Take what it answers, unchanged.")
