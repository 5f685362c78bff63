"""Checks of the assignment of part 1 that look into files and data sets: tasks 4 and 5."""

from __future__ import annotations

import json
from typing import Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import rows, shown
from mlcourse.tracking import cancer
from mlcourse.tracking.search import EXPERIMENT
from mlworkbench.tasks import NotYetError

SETTINGS = {"C": 0.1, "max_iter": 10000}


def logged_files(run_id: Any) -> str:
    """Task 4: a table, a dictionary and a figure.

    Recomputed: how many test rows the model of task 2 predicts wrongly, of each kind.
    Cross-examined: settings.json against the settings of the task.
    Plausible: confusion.png is a picture with something on it; what it shows is not checked.
    """
    run = logged_runs.run_in(EXPERIMENT, run_id)
    table = run_files.table(run, "errors.json", {"actual", "predicted"})
    right = int((table["actual"] == table["predicted"]).sum())
    if right:
        raise NotYetError(
            f"In {right} of {len(table)} rows of errors.json actual and predicted are equal.",
            "Keep the rows in which they differ.",
        )
    run_files.artifact(run, "settings.json", "`mlflow.log_dict`")
    run_files.artifact(run, "confusion.png", "`mlflow.log_figure`")
    _settings(run_files.dictionary(run, "settings.json"))
    _wrong_rows(table)
    run_files.picture(run, "confusion.png")
    return "The table, the settings and the figure are all there."


def _wrong_rows(table: Any) -> None:
    """The rows are those that the model of task 2 predicts wrongly."""
    if len(strange := table[~table[["actual", "predicted"]].isin([0, 1]).all(axis=1)]):
        told = ", ".join(f"{name} {strange.iloc[0][name]}" for name in ("actual", "predicted"))
        raise NotYetError(f"A row of errors.json has {told}.", "Both are 0 or 1, as in y_test.")
    truth = list(cancer.split().y_test)
    for kind in ((1, 0), (0, 1)):
        expected = sum(pair == kind for pair in zip(truth, cancer.logistic(), strict=True))
        found = int(((table["actual"] == kind[0]) & (table["predicted"] == kind[1])).sum())
        if abs(found - expected) > cancer.SLACK:
            raise NotYetError(
                f"errors.json has {found} row(s) with actual {kind[0]} and predicted {kind[1]}; the model of task 2 "
                f"has {expected} on the test rows.",
                "Compare y_test with your predictions of task 2, and keep the rows that differ.",
            )


def _settings(found: dict[str, Any]) -> None:
    if not found:
        raise NotYetError("The file settings.json is empty.", "Log the settings of the model: C and max_iter.")
    for name, wanted in SETTINGS.items():
        if found.get(name) != wanted:
            told = shown(found.get(name, "missing"))
            raise NotYetError(f"In settings.json {name} is {told}.", f"Log the settings of task 2: {name} is {wanted}.")


def known_data(run_id: Any, X_train: Any) -> str:
    """Task 5: the data set, with its context, target and all rows of the training data.

    Recomputed: the digest of the training data with its target.
    Cross-examined: context, columns and number of rows.
    Not checked: rows beyond the first 10,000, which a digest does not see; there are 426. The columns of X_train,
    which the answer only counts.
    """
    expected = rows(X_train, "X_train")
    data = logged_runs.data_set(logged_runs.run_in(EXPERIMENT, run_id), "training")
    if '"malignant"' not in (data.schema or ""):
        raise NotYetError("The data set has no column 'malignant'.", "Log features and target together.")
    found = json.loads(data.profile or "{}").get("num_rows")
    if found != expected:
        raise NotYetError(
            f"The data set has {found} rows, X_train has {expected}.", "Log the training data, all of it."
        )
    if data.digest not in cancer.digests():
        raise NotYetError(
            f"The data set has the digest {shown(data.digest)}, which X_train with y_train as 'malignant' has not.",
            "Log X_train.assign(malignant=y_train): these rows, each with its own target, in their order.",
        )
    return f"The run names its training data, {data.name}, by a digest."
