"""Score a table with a registered model, so that each score can be traced to the version that gave it."""

from __future__ import annotations

from collections.abc import Iterator, Set, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, not_installed, not_kept, shown
from mlworkbench.models.describe import require_predict
from mlworkbench.models.refusals import heart
from mlworkbench.orphans import PROCESS_TAG, this_process
from mlworkbench.registry import audit_trail, validation
from mlworkbench.store_watch import using_store
from mlworkbench.temporary import temporary_folder
from mlworkbench.texts import require_text

if TYPE_CHECKING:
    import pandas as pd

ADDED = ("prediction", "model_version", "run_id")


def score(model_uri: str, table: pd.DataFrame) -> pd.DataFrame:
    """Predict for every row of a table, and say in the result and in a run which version did it.

    An alias is looked up once, before the model is loaded: a promotion in between cannot make the result lie. See
    https://mlflow.org/docs/latest/ml/model-registry/workflow/#fetching-an-mlflow-model-from-the-model-registry

    Parameters
    ----------
    model_uri : str
        ``models:/name@alias`` or ``models:/name/version``.
    table : pandas.DataFrame of shape (rows, features)

    Returns
    -------
    pandas.DataFrame of shape (rows, features + 3)
        The table with ``prediction``, ``model_version`` (``name/version``) and ``run_id``, of the run that keeps it.

    Raises
    ------
    WorkbenchError
        When the URI names no registered version, or the model cannot score the table.
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise WorkbenchError(f"a table of type {type(table).__name__}.", "a DataFrame.", "Write pd.DataFrame(…).")
    if taken := [column for column in ADDED if column in table]:
        raise WorkbenchError(f"a table that has {taken} already.", "a table without it.", "Rename or drop the column.")
    with using_store():
        return _score(model_uri, table)


def _score(model_uri: str, table: pd.DataFrame) -> pd.DataFrame:
    import mlflow

    name, version, model_id = _resolve(model_uri)
    predictions = _predict(f"models:/{name}/{version}", table)
    told, nested = {PROCESS_TAG: this_process()}, mlflow.active_run() is not None
    with mlflow.start_run(run_name=f"score with {name}/{version}", nested=nested, tags=told) as run:
        mlflow.log_params({"model_uri": model_uri, "model_version": f"{name}/{version}", "model_id": model_id})
        mlflow.log_metric("rows", len(table))
        traced = dict(zip(ADDED, (predictions, f"{name}/{version}", run.info.run_id), strict=True))
        scored = table.assign(**traced)
        with temporary_folder() as folder:
            scored.to_csv(path := Path(folder, "scores.csv"))
            mlflow.log_artifact(str(path))
    return scored


def _resolve(model_uri: str) -> tuple[str, str, str]:
    """Name, version and id of the model that a URI means at this moment."""
    model_uri = require_text(model_uri, "the model URI") if isinstance(model_uri, str) else shown(model_uri)
    name, at, alias = model_uri.removeprefix("models:/").partition("@")
    name, _, number = (name, "", "") if at else name.rpartition("/")
    if not model_uri.startswith("models:/") or not name:
        raise WorkbenchError(
            f"the model URI {shown(model_uri)}.",
            "a registered version: models:/name@alias or models:/name/1.",
            "Register the model first, so that its scores can be traced.",
        )
    with validation.explained(name):
        aliases = audit_trail.client().get_registered_model(name).aliases
        if at and alias not in aliases:
            raise validation.unknown_alias(name, alias, aliases)
        version = validation.get_version(name, aliases[alias] if at else number)
    return name, str(version.version), version.source.removeprefix("models:/")


def _predict(model_uri: str, table: pd.DataFrame) -> list[Any]:
    import mlflow

    try:
        found = mlflow.pyfunc.load_model(model_uri).predict(table)
        found = found.toarray() if hasattr(found, "toarray") else found
        found = list(found) if isinstance(found, Iterator) else found
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    except Exception as error:
        if not (store := not_kept(error)):
            require_predict(model_uri)
        raise WorkbenchError(
            f"{model_uri} cannot score this table ({type(error).__name__}: {heart(error)}).",
            "a table with the columns of the model's signature.",
            store.do if store else f"Compare them with describe_model({model_uri!r}).",
        ) from error
    if (values := _values(found, len(table))) is not None:
        return values
    raise WorkbenchError(
        f"{model_uri} cannot score this table: it answers with {shown(found)} to {len(table)} rows.",
        "an answer for each row.",
        f"Ask it without a trace: mlflow.pyfunc.load_model({model_uri!r}).predict(…).",
    )


def _values(found: Any, rows: int) -> list[Any] | None:
    """What each row is answered: a number or a text, or several in a list or a dict; None if not each has an answer."""
    import pandas as pd

    if isinstance(found, dict):
        parts = {name: _values(part, rows) for name, part in found.items()}
        found = None if None in parts.values() else pd.DataFrame(parts)
    if isinstance(found, list | tuple) and _is_of_outputs(found, rows):
        return [list(row) for row in zip(*(part.tolist() for part in found), strict=True)]
    in_order = isinstance(found, Sized) and not isinstance(found, str | bytes | Set)
    if not in_order or getattr(found, "shape", None) == () or len(found) != rows:
        return None
    if isinstance(found, pd.DataFrame) and found.columns.is_unique:
        return list(found.iloc[:, 0]) if found.shape[1] == 1 else found.to_dict("records")
    found = found.to_numpy() if isinstance(found, pd.DataFrame) else found
    return list(found.tolist() if hasattr(found, "tolist") else found)


def _is_of_outputs(found: list[Any] | tuple[Any, ...], rows: int) -> bool:
    """Whether this is an array of all rows for each output, as networks and classifiers of several targets answer."""
    sizes = [getattr(part, "ndim", 0) for part in found]
    each_has_all = bool(sizes) and all(size and len(part) == rows for size, part in zip(sizes, found, strict=True))
    return each_has_all and (len(found) != rows or min(sizes) > 1)
