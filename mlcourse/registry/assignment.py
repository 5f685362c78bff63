"""Checks of the assignment of part 3. They read the registry, its trail and its runs; no answer is kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse.answers import run_id_of, sequence, shown, text
from mlcourse.course_data import samples, unchanged
from mlcourse.logged_runs import client, finished_run
from mlcourse.registry import filters, registered_models
from mlcourse.registry.bad_week import at_the_time, migrated, repaired
from mlcourse.registry.kinds import check_kind
from mlworkbench.registry import audit_trail
from mlworkbench.serving.batch_scoring import ADDED
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    import pandas as pd

CELLS = "exercise-cells"
KEY, VALUE = "algorithm", "random forest"
FEWEST = 2
DEMANDS = {"recall_score": "at least 0.8", "accuracy_score": "0.01 above the baseline"}


def registered(version: Any, model_uri: Any) -> str:
    """Task 1: a registered model with a description, and a version with a description and a tag.

    Recomputed: the stump is trained again, and compared with the stored one.
    Cross-examined: the version against the stored model, its tag.
    Not checked: what the descriptions say, beyond three words.
    """
    check_kind(model_uri, "stump")
    found = registered_models.version_of(version, CELLS)
    if int(found.version) not in registered_models.versions_of(model_uri, CELLS, "the stump"):
        raise NotYetError(f"Version {found.version} is another model.", "Register the stump, and give its version.")
    whole = client().get_registered_model(CELLS).description
    registered_models.described(whole, repr(CELLS), "client.update_registered_model(name, description)")
    registered_models.described(
        found.description, f"version {found.version}", "client.update_model_version(…, description=…)"
    )
    if whole.split() == found.description.split():
        raise NotYetError(
            f"{CELLS!r} and version {found.version} have the same description.",
            "Say of the one what it is for, and of the other what it is.",
        )
    registered_models.tagged(found, KEY, "decision tree")
    return f"Version {found.version} says what it is, and so does the registered model."


def searched(filter_string: Any) -> str:
    """Task 2: a filter that finds versions by their tag.

    Recomputed: what the filter finds, against the tags of all versions.
    """
    known = registered_models.versions(CELLS)
    tagged = [version for version in known.values() if version.tags.get(KEY) == VALUE]
    if len(tagged) < FEWEST or len(tagged) == len(known):
        raise NotYetError(
            f"{len(tagged)} of {len(known)} version(s) have the tag {KEY} = {VALUE!r}.",
            "Register the other models, each with the tag that the task names.",
        )
    found = filters.finds(filter_string, CELLS, KEY, VALUE)
    return f"The filter finds {found} of {len(known)} versions, by their tag."


def loaded(address: Any, predictions: Any, model_uri: Any, rows: Any) -> str:
    """Task 3: the predictions of a version that was loaded by its alias.

    Recomputed: the predictions of the version that holds the alias; the forest is trained again, and compared.
    Cross-examined: the version against the stored model.
    """
    check_kind(model_uri, "forest")
    unchanged(rows, samples().X_test, "rows")
    wanted = f"models:/{CELLS}@candidate"
    if text(address, "address") != wanted:
        raise NotYetError(f"The address is {shown(address)}.", "It has the form models:/name@alias.")
    aliases = client().get_registered_model(CELLS).aliases if registered_models.versions(CELLS) else {}
    if "candidate" not in aliases:
        raise NotYetError("No version holds the alias 'candidate'.", "client.set_registered_model_alias gives it.")
    if int(aliases["candidate"]) not in registered_models.versions_of(model_uri, CELLS, "the forest"):
        raise NotYetError(f"The alias is on version {aliases['candidate']}.", "Give it to the version of the forest.")
    registered_models.answers_of(wanted, sequence(predictions, "predictions"), rows)
    return f"The address leads to version {aliases['candidate']}, and will lead to whatever holds the alias next."


def staged(production: Any, archived: Any, stump: Any, majority: Any) -> str:
    """Task 4: one version through Staging to Production, one to Archived, each with a reason.

    Recomputed: both models are trained again, and compared with the stored ones.
    Cross-examined: both versions, and every move in the trail with its order.
    Not checked: what the reasons say.
    """
    check_kind(stump, "stump")
    check_kind(majority, "majority")
    first, last = (
        registered_models.version_of(production, CELLS, "production"),
        registered_models.version_of(archived, CELLS, "archived"),
    )
    for what, version, uri in (("the stump", first, stump), ("the majority", last, majority)):
        if int(version.version) not in registered_models.versions_of(uri, CELLS, what):
            raise NotYetError(f"Version {version.version} is not {what}.", "Look at wb.versions_table for its number.")
    past = registered_models.past(CELLS)
    registered_models.through_staging(past, int(first.version))
    registered_models.put_away(past, int(last.version))
    return "All three moves are in the trail, with their reasons."


def deserved(before: Any, model_uri: Any, test: Any) -> str:
    """Task 5: a promotion through a gate that compares with the version in production.

    Recomputed: candidate and version in production, by the run of the verdict, on the test rows.
    Cross-examined: trail, alias and verdict, with what its run and verdict.txt say.
    """
    unchanged(test, samples().X_test.assign(malignant=samples().y_test), "test")
    check_kind(model_uri, "forest")
    row = registered_models.moved(
        registered_models.past(CELLS), registered_models.versions_of(model_uri, CELLS, "the forest"), "promote"
    )
    row = registered_models.passed(row, "the forest")
    if row.isna()["from"]:
        raise NotYetError("Nobody was in production before.", f"Do task 4. {registered_models.AGAIN}.")
    registered_models.demanded(row, int(row["from"]), CELLS, DEMANDS)
    if int(registered_models.version_of(before, CELLS, "before").version) != row["from"]:
        raise NotYetError("Another version was in production before.", "wb.promote returns it.")
    return f"Version {row['to']} passed the gate and replaced version {row['from']}."


def turned_away(run_id: Any, model_uri: Any) -> str:
    """Task 6: a promotion that the gate refused, and the run of its verdict, as the trail names it.

    Recomputed: candidate and version in production, by the run of the verdict, on the test rows.
    Cross-examined: the run of the verdict against the trail, its decision, what the gate asked for, the version against
    the model.
    Not checked: verdict.html, which says the same in colours; in the same table as a text the heads of the columns
    (metric, candidate, …) and the numbers (recall_score, accuracy_score), which the runs below it have.
    """
    check_kind(model_uri, "hasty")
    past, hasty = registered_models.past(CELLS), registered_models.versions_of(model_uri, CELLS, "the hasty forest")
    if audit_trail.read(CELLS).aliases.get("production") in hasty:
        raise NotYetError(
            "The hasty forest is in production.", f"{registered_models.AGAIN}, with the gate and without override."
        )
    rows = past[(past["action"] == "refused") & past["version"].isin(hasty)]
    if rows.empty:
        raise NotYetError(
            "The trail tells of no refusal of the hasty forest.", "Call wb.promote with it and the gate of task 5."
        )
    if run_id_of(run_id, "run_id") not in set(rows["run_id"]):
        raise NotYetError("That is not the run of this verdict.", "It is in the column run_id of the row 'refused'.")
    row = rows[rows["run_id"] == run_id_of(run_id, "run_id")].iloc[-1]
    registered_models.with_a_verdict(row, "refused")
    registered_models.demanded(row, registered_models.holder_before(past, row), CELLS, DEMANDS)
    return "The gate refused the hasty forest, and its verdict can be read by everybody."


def traced(scores: Any, algorithm: Any, rows: Any) -> str:
    """Task 7: scores by alias, traced to the version and to what the registry says of it.

    Recomputed: the scores of the version.
    Cross-examined: the version in the table against the run and against who is in production, and its tag.
    Not checked: the columns of scores that hold the features; scores.csv; the metric rows and the parameter
    model_id of the run.
    """
    if missing := [name for name in ADDED if name not in getattr(scores, "columns", ())]:
        raise NotYetError(f"The scores have no {', '.join(missing)}.", "Give the table that wb.score returns.")
    unchanged(rows, samples().X_test, "rows")
    if len(scores) != len(rows):
        raise NotYetError(f"There are {len(scores)} predictions for {len(rows)} test rows.", "Predict all of X_test.")
    table: pd.DataFrame = scores.loc[rows.index] if set(scores.index) == set(rows.index) else scores
    run = finished_run(str(table["run_id"].iloc[0]), "run_id")
    asked, version = run.data.params.get("model_uri", ""), run.data.params.get("model_version", "")
    if asked != f"models:/{CELLS}@production":
        raise NotYetError(f"You scored with {shown(asked)}.", "Ask for whatever is in production, by the alias.")
    if set(table["model_version"]) != {version} or set(table["run_id"]) != {run.info.run_id}:
        raise NotYetError(f"The run says {version}, the table something else.", "Keep the table as it is.")
    holder = client().get_registered_model(CELLS).aliases.get("production")
    if version != f"{CELLS}/{holder}":
        raise NotYetError(f"You scored with {version}; now version {holder} is in production.", "Score again.")
    registered_models.answers_of(f"models:/{version}", list(table["prediction"]), rows)
    wanted = registered_models.version_of(holder, CELLS).tags.get(KEY)
    if text(algorithm, "algorithm") != wanted:
        raise NotYetError(f"The tag of {version} is not {shown(algorithm)}.", "Read it with client.get_model_version.")
    return f"{len(table)} scores lead to {version}, and from there to {wanted!r}."


_HINTED: dict[str, tuple[Any, str, str]] = {
    "registry.1": (
        registered,
        "Lesson 3.1: mlflow.register_model takes tags; descriptions are written by MlflowClient.",
        "client.update_registered_model(name, description=…) is for all versions, "
        "client.update_model_version(name, version, description=…) for one.",
    ),
    "registry.2": (
        searched,
        "Lesson 3.1, on searching: conditions are joined by `and`, values stand in single quotes.",
        "Ask for the name and for tags.algorithm. Try it with mlflow.search_model_versions(filter_string=…).",
    ),
    "registry.3": (
        loaded,
        "Lesson 3.1, on loading: client.set_registered_model_alias takes name, alias and version.",
        "mlflow.pyfunc.load_model takes the address with the @; its predict gives the predictions.",
    ),
    "registry.4": (
        staged,
        "Lesson 3.2: three calls of wb.transition, each with why=….",
        "The stump goes to 'Staging', then to 'Production'; the majority goes to 'Archived' at once.",
    ),
    "registry.5": (
        deserved,
        "Lessons 2.4 and 3.3. A gate is a function of two addresses that returns what wb.validate returns.",
        "Two MetricThresholds: threshold=0.8 for recall_score, min_absolute_change=0.01 for accuracy_score, both with "
        "greater_is_better=True. wb.promote returns the version that held the alias before.",
    ),
    "registry.6": (
        turned_away,
        "A refusal is a wb.WorkbenchError: try and except keep the notebook going. And it is in the trail.",
        "wb.history(…).query(\"action == 'refused'\") has a column run_id.",
    ),
    "registry.7": (
        traced,
        "Lesson 3.3: wb.score takes an address with an alias. Its result names version and run in every row.",
        "The text behind the '/' in model_version is what client.get_model_version needs, with the name.",
    ),
    "registry.8": (
        at_the_time,
        "Compare the column when of wb.history with the time of the complaint.",
        "Only rows with a value in the column to have moved the alias. Take the last one with when <= the time.",
    ),
    "registry.9": (
        migrated,
        "Lesson 3.2, on migrating: a loop over the versions, or wb.migrate_stages. Then read wb.versions_table.",
        "Its column stage says what a version is now; the column legacy of the result, what it was.",
    ),
    "registry.10": (
        repaired,
        "Lesson 3.3. wb.history shows who promoted what with which verdict; wb.versions_table, who holds the alias.",
        "Each wb.rollback goes back by one holder. Look after each call whether that one passed its gate.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
