"""What the workbook uses of MLflow and Ray without being invited to is where it was, and does what it did."""

from __future__ import annotations

import ast
import inspect
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

import mlworkbench
from mlworkbench import mlflow_internals, ray_internals
from tests.paths import ROOT
from tests.projects import project
from tests.servers import server_with_a_token

pytestmark = pytest.mark.slow

PROJECT = "entry_points: {main: {parameters: {a: float}, command: 'echo {a}'}}"


def refuses(call: Callable[[str], object], text: str) -> bool:
    try:
        call(text)
    except mlflow.MlflowException:
        return True
    return False


def active_experiment_id(folder: Path) -> object:
    return mlflow_internals.active_experiment_id() == mlflow.set_experiment("a").experiment_id or (
        mlflow_internals.active_experiment_id() == mlflow.get_experiment_by_name("a").experiment_id
    )


def forget_telemetry(folder: Path) -> object:
    mlflow_internals.forget_telemetry()
    return mlflow.telemetry.get_telemetry_client() is None


def logging_stream(folder: Path) -> object:
    stream = mlflow_internals.logging_stream()
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stream, "write", written.append)
        mlflow.utils.logging_utils.eprint("from a print")
        logging.getLogger("mlflow").error("from a logger")
    return "from a print" in written and any("from a logger" in text for text in written)


def ask_server(folder: Path) -> object:
    """A token is sent; a refusal is an answer, and nobody at all is an error."""
    os.environ["MLFLOW_TRACKING_TOKEN"] = "secret"
    with server_with_a_token("secret") as uri:
        accepted = mlflow_internals.ask_server(uri, "/api", 60).status_code
        os.environ["MLFLOW_TRACKING_TOKEN"] = "other"
        refused = mlflow_internals.ask_server(uri, "/api", 60).status_code
    return (accepted, refused) == (200, 401) and refuses(lambda text: mlflow_internals.ask_server(uri, text, 60), "/")


def open_database(folder: Path) -> object:
    engine = mlflow_internals.open_database(f"sqlite:///{folder}/new.db", f"{folder}/artifacts")
    return "experiments" in mlflow.store.db.utils.sqlalchemy.inspect(engine).get_table_names()


def artifact_root(folder: Path) -> object:
    os.environ[mlflow_internals.ARTIFACT_ROOT_VARIABLE] = (folder / "here").as_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/other.db")
    made = mlflow.get_experiment(mlflow.create_experiment("b"))
    return made.artifact_location.startswith((folder / "here").as_uri())


def is_known_schema(folder: Path) -> object:
    versions = Path(mlflow.store.__file__).parent / "db_migrations" / "versions"
    (newest, *_) = sorted(versions.glob("*_*.py"))
    known = mlflow_internals.is_known_schema
    return known(newest.name.split("_")[0]) and not known("0" * 12)


def names(folder: Path) -> object:
    name, alias = mlflow_internals.check_model_name, mlflow_internals.check_alias
    metric = mlflow_internals.check_metric_name
    models = refuses(name, "a/b") and not refuses(name, "a") and refuses(alias, "latest") and not refuses(alias, "best")
    tag, param = mlflow_internals.check_version_tag, mlflow_internals.check_param_name
    tags = refuses(lambda key: tag(key, "1"), "") and not refuses(lambda key: tag(key, "1"), "a")
    aliases = mlflow_internals.is_alias("best") and not mlflow_internals.is_alias("latest")
    addresses = mlflow_internals.is_addressed("a#b") and not mlflow_internals.is_addressed("a?b")
    names = refuses(param, "a!") and not refuses(param, "a-b") and refuses(metric, "f1[macro]")
    return models and tags and aliases and addresses and names and not refuses(metric, "f1/macro")


def registry_writer(folder: Path) -> object:
    """The method that is switched off is there, and takes a name."""
    return callable(mlflow.MlflowClient._raise_if_prompt) and bool(
        mlflow_internals.registry_writer().create_registered_model("one")
    )


def projects(folder: Path) -> object:
    read = mlflow_internals.load_project(project(folder / "p", PROJECT))
    run = mlflow_internals.create_project_run(folder / "p", "0", "main", {"a": "1"})
    mlflow_internals.run_project_as(run, folder / "p", "main", {"a": "1"}, env_manager="local")
    return (
        mlflow_internals.find_mlproject(folder / "p")
        and list(mlflow_internals.entry_points(read)) == ["main"]
        and run.data.tags["mlflow.project.entryPoint"] == "main"
        and mlflow.get_run(run.info.run_id).data.params == {"a": "1"}
        and mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    )


def autologging_of(folder: Path) -> object:
    mlflow.sklearn.autolog(log_models=False)
    on = mlflow_internals.autologging_of()["sklearn"]["log_models"] is False
    mlflow.sklearn.autolog(disable=True)
    return on


def ray(folder: Path) -> object:
    from ray._private import ray_constants

    with ray_internals.address_as_given():
        inside = ray_constants.ENABLE_RAY_CLUSTER
    parameters = inspect.signature(__import__("ray").init).parameters
    return not inside and ray_internals.usual_address("1.2.3.4:5") == "1.2.3.4:5" and "kwargs" in parameters


def ray_start(folder: Path) -> object:
    """What a node waits for is a call that can be made to wait longer, and is put back."""
    from ray import cluster_utils
    from ray._private import node, parameter, services, worker

    before, asked = services.get_node, []

    def not_yet(*_: object) -> object:
        asked.append(1)
        if len(asked) < 3:
            raise RuntimeError
        return {"node": 1}

    services.get_node = not_yet
    try:
        with ray_internals.patient_start(60, no_monitor=True):
            assert parameter.RayParams(num_cpus=1).no_monitor
            found = services.get_node("address", "id")
            limit = os.environ.get("RAY_agent_register_timeout_ms")  # noqa: SIM112 (Ray's own spelling)
        put_back = services.get_node is not_yet and not ray_internals.START_LIMITS.keys() & set(os.environ)
    finally:
        services.get_node = before
    assert "ray._private.parameter.RayParams(" in inspect.getsource(worker)
    assert "ray._private.utils.write_ray_address(" in inspect.getsource(cluster_utils.Cluster.add_node)
    return found and limit == "60000" and put_back and "services.get_node(" in inspect.getsource(node.Node.__init__)


def ray_token(folder: Path) -> object:
    from ray._private.authentication.authentication_token_setup import AuthenticationTokenLoader

    os.environ.pop("RAY_AUTH_MODE", None)
    with ray_internals.token_required():
        inside = os.environ["RAY_AUTH_MODE"]
        there = AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
    return inside == "token" and there and "RAY_AUTH_MODE" not in os.environ


USES = [
    *(
        active_experiment_id,
        forget_telemetry,
        ask_server,
        open_database,
        artifact_root,
        is_known_schema,
        names,
        registry_writer,
        projects,
        autologging_of,
        ray,
        ray_start,
        ray_token,
        logging_stream,
    ),
]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_it_is_where_it_was(use: Callable[[Path], object], home: Path, tmp_path: Path) -> None:
    mlworkbench.start("internals")
    try:
        works = use(tmp_path)
    except Exception as error:
        pytest.fail(f"This release has moved what mlworkbench uses for {use.__name__}: {error!r}")
    assert works, f"What mlworkbench uses for {use.__name__} does something else in this release."


def test_nothing_else_uses_private_names() -> None:
    """No import of a private module or name of MLflow, Ray or Jupyter, and no private attribute of theirs."""
    libraries = r"(mlflow|ray|jupyter\w*|papermill|nbclient|nbformat|ipykernel|IPython)\b"
    found = []
    for package in ("mlworkbench", "mlcourse", "warmkernel"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name in ("mlflow_internals.py", "ray_internals.py"):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and re.match(libraries, node.module or ""):
                    parts = [*str(node.module).split("."), *(alias.name for alias in node.names)]
                    if any(part.startswith("_") for part in parts) and "_project_spec" not in parts:
                        found.append(f"{path.name}: {ast.unparse(node)}")
                if isinstance(node, ast.Attribute) and node.attr in ("_entry_points", "_raise_if_prompt"):
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert not found
