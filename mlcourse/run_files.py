"""What checks look at: the files of a run, with a message for every gap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs
from mlcourse.answers import shown
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run
    from pandas import DataFrame

_MOST_LISTED = 6


def artifact_paths(run: Run) -> list[str]:
    """Paths of all artifact files of a run."""
    found: list[str] = []
    folders = [""]
    while folders:
        for item in logged_runs.client().list_artifacts(run.info.run_id, folders.pop() or None):
            (folders if item.is_dir else found).append(item.path)
    return sorted(found)


def artifact(run: Run, name: str, call: str) -> None:
    """The run holds a file of this name, in no folder."""
    found = artifact_paths(run)
    if name in found:
        return
    for path in found:
        if path.endswith(f"/{name}"):
            raise NotYetError(f"The run has {shown(path)}.", f"Give {name!r} as the path, without a folder.")
    told = f"The run has {', '.join(found[:_MOST_LISTED])}, but no {name}." if found else "The run has no artifacts."
    raise NotYetError(told, f"Log {name} with {call}.")


def table(run: Run, name: str, columns: set[str]) -> DataFrame:
    """A logged table with at least these columns and a row."""
    artifact(run, name, "`mlflow.log_table`")
    found = _written_as_table(run, name)
    if not columns <= set(found.columns):
        told = ", ".join(str(column) for column in sorted(found.columns, key=str)[:_MOST_LISTED]) or "no names"
        raise NotYetError(
            f"The table {name} has the columns {told}.",
            f"It needs {' and '.join(sorted(columns))}; `reset_index` makes a column of an index.",
        )
    if found.empty:
        raise NotYetError(f"The table {name} has no rows.", "Look at the table before you log it.")
    return found


def _written_as_table(run: Run, name: str) -> DataFrame:
    """What `mlflow.log_table` has written, or whoever wrote the same form."""
    import pandas as pd

    try:
        return pd.DataFrame(**{part: dictionary(run, name)[part] for part in ("columns", "data")})
    except (NotYetError, KeyError, TypeError, ValueError) as error:
        raise NotYetError(f"The file {name} cannot be read as a table.", "Log it with `mlflow.log_table`.") from error


def text(run: Run, name: str) -> str:
    """What is written in a file of a run."""
    import mlflow

    artifact(run, name, "`mlflow.log_text`")
    try:
        return str(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}"))
    except Exception as error:  # whatever lies there is no text
        raise NotYetError(f"The file {name} is no text.", "Log it with `mlflow.log_text`.") from error


def dictionary(run: Run, name: str) -> dict[str, Any]:
    """The dictionary in a file of a run."""
    try:
        found = json.loads(text(run, name))
    except ValueError as error:
        raise NotYetError(f"The file {name} is no JSON.", "Log it with `mlflow.log_dict`.") from error
    if not isinstance(found, dict):
        raise NotYetError(f"The file {name} holds {shown(found)}.", "Log a dictionary with `mlflow.log_dict`.")
    return found


def picture(run: Run, name: str) -> None:
    """A file of a run is a picture with more than one colour."""
    import mlflow

    try:
        pixels = mlflow.artifacts.load_image(f"{run.info.artifact_uri}/{name}").convert("L").getextrema()
    except Exception as error:  # whatever lies there is no picture
        raise NotYetError(f"The file {name} is no picture.", "Log the figure with `mlflow.log_figure`.") from error
    if pixels[0] == pixels[1]:
        raise NotYetError(f"The picture {name} is empty.", "Log the figure on which something was drawn.")
