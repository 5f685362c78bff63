"""Everything that the workbook uses of MLflow without being invited to: each with the reason, and the public call.

A test tells, in a sentence, which of them a new release of MLflow has moved. Nothing else in the package may use a name
of MLflow that begins with an underscore.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests
    import sqlalchemy
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.projects._project_spec import EntryPoint, Project

ARTIFACT_ROOT_VARIABLE = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""Where MLflow puts the artifacts of new experiments of an embedded store. Public: ``mlflow server
--default-artifact-root``; without a server MLflow would put them under the working directory."""


def active_experiment_id() -> str:
    """Id of the experiment that the next run goes to. Public calls set it, and none tells it without making a run."""
    from mlflow.tracking.fluent import _get_experiment_id

    return str(_get_experiment_id())


def forget_telemetry() -> None:
    """Make the telemetry client anew, which looks at ``MLFLOW_DISABLE_TELEMETRY`` only when it is made."""
    from mlflow.telemetry import set_telemetry_client

    set_telemetry_client()


def logging_stream() -> Any:
    """What MLflow's loggers and prints write to. Public calls switch it off for all threads, or not its prints."""
    from mlflow.utils.logging_utils import MLFLOW_LOGGING_STREAM

    return MLFLOW_LOGGING_STREAM


def ask_server(uri: str, path: str, seconds: float) -> requests.Response:
    """Ask a server once, with whatever lets MLflow's client in: passwords, tokens, certificates, headers, a workspace.

    Public: ``MlflowClient``, which asks again for minutes.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    known = get_default_host_creds(uri)
    return http_request(  # type: ignore[no-any-return]
        known, path, "GET", max_retries=0, timeout=seconds, raise_on_status=False
    )


def open_database(uri: str, artifact_root: str) -> sqlalchemy.Engine:
    """Open a database with MLflow's own store class, which makes missing tables and checks the schema.

    Public: ``mlflow db upgrade`` and ``mlflow server``, each a process of several seconds.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(uri, artifact_root).engine  # type: ignore[no-any-return]


def is_known_schema(revision: str) -> bool:
    """Whether this MLflow knows a revision of the database's schema, so that it could upgrade from it."""
    import mlflow.store

    versions = Path(mlflow.store.__file__).parent / "db_migrations" / "versions"
    return any(path.name.startswith(f"{revision}_") for path in versions.glob("*.py"))


def check_metric_name(name: str) -> None:
    """Raise what ``log_metric`` would raise of a name, before the first of many values is logged."""
    from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_length_limit, _validate_metric_name

    _validate_metric_name(name)
    _validate_length_limit("Metric name", MAX_ENTITY_KEY_LENGTH, name)


def check_model_name(name: str) -> None:
    """Raise what ``create_registered_model`` would raise of a name, before anything is made."""
    from mlflow.utils.validation import _validate_model_name

    _validate_model_name(name)


def is_addressed(name: str) -> bool:
    """Whether ``models:/name/1`` and ``models:/name@alias`` name this model; MLflow registers names for which not.

    Public: ``mlflow.pyfunc.load_model``, which needs the model to be there, and takes what is before any ``@``.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.utils.models import _parse_model_uri

    try:
        return "@" not in name and all(_parse_model_uri(f"models:/{name}{e}").name == name for e in ("/1", "@a"))
    except MlflowException:
        return False


def check_alias(alias: str) -> None:
    """Raise what ``set_registered_model_alias`` would raise of an alias, before anything is entered."""
    from mlflow.utils.validation import _validate_model_alias_name, _validate_model_alias_name_reserved

    _validate_model_alias_name(alias)
    _validate_model_alias_name_reserved(alias)


def is_alias(alias: str) -> bool:
    """Whether MLflow takes an alias."""
    from mlflow.exceptions import MlflowException

    try:
        check_alias(alias)
    except MlflowException:
        return False
    return True


def check_version_tag(key: str, value: str) -> None:
    """Raise what ``set_model_version_tag`` would raise of a tag, before the version is made."""
    from mlflow.utils.validation import _validate_model_version_tag

    _validate_model_version_tag(key, value)


def registry_writer() -> MlflowClient:
    """A client that does not read the whole model before each write, to see whether it is a prompt.

    Public: ``MlflowClient()``. It halves the cost of a change; if the method gets another name, it is only slower.
    """
    from mlflow import MlflowClient

    registry = MlflowClient()
    registry._raise_if_prompt = lambda _: None
    return registry


def find_mlproject(folder: Path) -> str | None:
    """Path of the ``MLproject`` of a folder, in whatever case it is written."""
    from mlflow.projects._project_spec import _find_mlproject

    return _find_mlproject(folder)  # type: ignore[no-any-return]


def load_project(folder: Path) -> Project:
    """Read an ``MLproject`` as ``mlflow run`` does. Public: ``mlflow.projects.run``, which runs it at once."""
    from mlflow.projects._project_spec import load_project as load

    return load(folder)


def entry_points(project: Project) -> dict[str, EntryPoint]:
    """The entry points that a project declares, by name; the public `get_entry_point` makes up those it does not."""
    return project._entry_points  # type: ignore[no-any-return]


def create_project_run(folder: Path, experiment_id: str, entry_point: str, parameters: dict[str, str]) -> Run:
    """Make the run of an entry point with the tags and parameters of ``mlflow run``, without running anything."""
    from mlflow.projects.utils import _create_run

    return _create_run(str(folder), experiment_id, str(folder), None, entry_point, parameters)


def check_param_name(name: str) -> None:
    """Raise what ``log_param`` would raise of a name, before the run is made."""
    from mlflow.utils.validation import _validate_param_name

    _validate_param_name(name)


def run_project_as(run: Run, folder: Path, entry_point: str, parameters: dict[str, str], **options: Any) -> None:
    """Run an entry point as a run that was made before, so that its id is known whatever happens.

    Public: ``mlflow.projects.run`` without ``run_id``, which its documentation keeps for MLflow itself.
    """
    import mlflow

    info = run.info
    mlflow.projects.run(
        str(folder), entry_point, None, parameters, experiment_id=info.experiment_id, run_id=info.run_id, **options
    )


def autologging_of() -> dict[str, Any]:
    """What was chosen for autologging, by library. Public calls switch it, and none tells it."""
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS

    return AUTOLOGGING_INTEGRATIONS  # type: ignore[no-any-return]
