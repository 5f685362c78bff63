"""What checks look at in the registry: versions, searches, the trail, who holds an alias; each gap with a message."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlcourse.answers import shown
from mlcourse.course_data import samples
from mlcourse.logged_runs import finished_run, parameter
from mlcourse.models import evaluated, logged_models, verdicts
from mlcourse.run_files import artifact
from mlworkbench.errors import told
from mlworkbench.registry import audit_trail
from mlworkbench.tasks import NotYetError
from mlworkbench.verdict import VERDICT_TAG

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion

AGAIN = "Roll back, move the version to Staging, and promote it again"
_FEWEST_WORDS = 3
_RIVAL = "the gate gets the candidate and the version in production"
_STAGED = "Move it to Staging, then to Production, each with why=…."


def versions(name: Any) -> dict[int, ModelVersion]:
    """The versions of a registered model by their numbers; there must be some."""
    from mlworkbench.registry.versions import find_versions

    if not isinstance(name, str):
        raise NotYetError(f"The name is of type {type(name).__name__}.", "Give the name of the registered model.")
    try:
        found = {int(version.version): version for version in find_versions(name)}
    except Exception as error:  # a name that no registry takes, or a store that went away
        raise NotYetError(
            f"The registry cannot look for {shown(name)} ({told(error)[:150]}).", "Give its name."
        ) from error
    if not found:
        raise NotYetError(
            f"The registry has no version of {shown(name)}.",
            f"Register a model: mlflow.register_model(…, {shown(name)}).",
        )
    return dict(sorted(found.items()))


def version_of(answer: Any, name: str, what: str = "version") -> ModelVersion:
    """The version that the learner names, as a number or as MLflow's entity."""
    known, theirs = versions(name), getattr(answer, "name", name)
    if theirs != name:
        raise NotYetError(f"{what} is a version of {shown(theirs)}.", f"Give a version of {name!r}.")
    number = getattr(answer, "version", answer)
    if isinstance(number, bool) or not isinstance(number, str | numbers.Real):
        raise NotYetError(f"{what} is of type {type(answer).__name__}.", "Give the number of a version.")
    found = {str(each): version for each, version in known.items()}
    text = str(number).strip().removesuffix(".0")  # a column with gaps holds floats
    if text not in found:
        listed = ", ".join(found)
        raise NotYetError(
            f"{name!r} has the versions {listed}, but no {shown(text)[1:-1]}.", "Look at wb.versions_table."
        )
    return found[text]


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
    if len({word for word in words if len(word) > 1}) < _FEWEST_WORDS - 1 or len(words) < _FEWEST_WORDS:
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


def past(name: str) -> pd.DataFrame:
    """The history of a model, which must have versions."""
    from mlworkbench.registry.history import history

    versions(name)
    return history(name)


def aliases(name: str) -> dict[str, int]:
    """Which version holds each alias."""
    return audit_trail.read(name).aliases


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


def holder_before(past: pd.DataFrame, row: pd.Series, alias: str = "production") -> int:
    """Who held an alias before this row of a history."""
    rows = past[(past["alias"] == alias) & (past["action"] != "refused") & (past.index < row.name)].dropna(subset="to")
    if rows.empty:
        raise NotYetError("Nobody was in production before.", f"Do task 4. {AGAIN}.")
    return int(rows["to"].iloc[-1])


def demanded(row: pd.Series, holder: int, name: str, demands: dict[str, str]) -> None:
    """The gate of a row of the trail has asked for all this, of the test rows, and compared with whom it replaces."""
    import mlflow

    run, data = finished_run(row["run_id"], "The run of the verdict"), samples()
    artifact(run, "verdict.txt", "`wb.validate`")
    told = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/verdict.txt").splitlines()
    for what, wanted in demands.items():
        if not any(what in line and wanted in line for line in told):
            raise NotYetError(f"The gate did not ask for {what} {wanted}.", f"{AGAIN}, with that.")
    for role, version in (("candidate", int(row["version"])), ("baseline", holder)):
        stored = logged_models.stored_model(parameter(run, role), f"The {role}")
        if versions(name)[version].source != f"models:/{stored.record.model_id}":
            raise NotYetError(f"The gate compared with another model as the {role}.", f"{AGAIN}: {_RIVAL}.")
        answers = logged_models.numbers(stored.answer(data.X_test), "The predictions")
        verdicts.saw(run, role, "accuracy_score", evaluated.of_classifier(data.y_test.to_numpy(), answers))


def with_a_verdict(row: pd.Series, wanted: str = "passed") -> None:
    """The run that the trail names holds a verdict that says so."""
    run = finished_run(row["run_id"], "The run of the verdict")
    if (said := run.data.tags.get(VERDICT_TAG)) != wanted:
        raise NotYetError(f"The verdict in the run {run.info.run_name!r} is {said!r}.", "Give wb.promote a gate.")


def answers_of(uri: str, found: list[Any], rows: Any) -> None:
    """Predictions must be what this model answers to these rows."""
    if len(found) != len(rows):
        raise NotYetError(f"There are {len(found)} predictions for {len(rows)} test rows.", "Predict all of X_test.")
    differ = sum(bool(a != b) for a, b in zip(found, logged_models.stored_model(uri).answer(rows), strict=True))
    if differ:
        raise NotYetError(f"{differ} of the predictions are not those of {uri}.", "Take what it answers, unchanged.")
