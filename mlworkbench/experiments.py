"""Experiments by their names: found, made, restored, or put aside for a fresh one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlworkbench.errors import StoreError, WorkbenchError, is_line, shown
from mlworkbench.mlflow_internals import active_experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment


def check_experiment_name(name: str, error: type[WorkbenchError] = WorkbenchError) -> None:
    """Refuse a name that is no text of one line: MLflow takes it, and then nobody can write or find it."""
    if not is_line(name):
        raise error(
            f"the experiment name {shown(name, 60)}.",
            "a text of one line that is not empty.",
            'Write, say, wb.start("my experiment").',
        )


def experiment_for(name: str | None, *, otherwise: str) -> str:
    """Id of the experiment of that name, made if there is none; without a name the active one, or ``otherwise``."""
    import mlflow
    from mlflow.tracking.default_experiment import DEFAULT_EXPERIMENT_ID

    if name is not None:
        check_experiment_name(name)
    elif (active := active_experiment_id()) != DEFAULT_EXPERIMENT_ID:
        return active
    return str(found_experiment(mlflow.MlflowClient(), name or otherwise)[0].experiment_id)


def fresh_experiment(client: MlflowClient, name: str) -> tuple[Experiment, list[str]]:
    """Create an experiment that nobody else has got, also when others do the same at this moment."""
    notes: list[str] = []
    while True:
        if old := client.get_experiment_by_name(name):
            if old.lifecycle_stage == "deleted":
                client.restore_experiment(old.experiment_id)
            kept = f"{name} (kept {old.experiment_id})"
            client.rename_experiment(old.experiment_id, kept)
            notes = [f"The earlier runs are kept in the experiment {kept!r}."]
        if made := _create(client, name):
            return made, notes


def found_experiment(client: MlflowClient, name: str) -> tuple[Experiment, list[str]]:
    """Find, restore or create an experiment, also when another process creates it at the same moment."""
    found = client.get_experiment_by_name(name) or _create(client, name) or client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
        note = f"The experiment {name!r} had been deleted; it is restored with its runs."
        return client.get_experiment(found.experiment_id), [note]
    return found, []


def _create(client: MlflowClient, name: str) -> Experiment | None:
    """Create an experiment; None when another process has been faster."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(client.create_experiment(name))
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return None
        raise StoreError(
            f"MLflow did not create the experiment {name!r} ({error.message}).",
            "a store that takes a new experiment of this name.",
            "Correct what the message in brackets names, or choose another name.",
        ) from error
