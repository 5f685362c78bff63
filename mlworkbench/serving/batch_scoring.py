"""Score a table with a registered model, so that each score can be traced to the version that gave it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, not_installed, not_kept, shown
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
        values = _values(found)
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    except Exception as error:
        store = not_kept(error)
        raise WorkbenchError(
            f"{model_uri} cannot score this table ({type(error).__name__}: {heart(error)}).",
            "a table with the columns of the model's signature.",
            store.do if store else f"Compare them with describe_model({model_uri!r}).",
        ) from error
    if len(values) == len(table):
        return values
    raise WorkbenchError(
        f"{model_uri} answers with {len(values)} values to {len(table)} rows (a {type(found).__name__}).",
        "an answer for each row.",
        f"Ask it without a trace: mlflow.pyfunc.load_model({model_uri!r}).predict(…).",
    )


def _values(found: Any) -> list[Any]:
    """The answer to each row: a number or a text, or where there are several, a list or a dict of them."""
    import pandas as pd

    if isinstance(found, dict):
        found = pd.DataFrame({name: list(values) for name, values in found.items()})
    if isinstance(found, pd.DataFrame):
        return list(found.iloc[:, 0]) if found.shape[1] == 1 else found.to_dict("records")
    return found.tolist() if hasattr(found, "tolist") else list(found)
