"""What `doctor` looks at in the tracking store. Each check gives (state, what was found, what to do)."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlworkbench.doctor_checks.findings import Found, some
from mlworkbench.errors import WorkbenchError, told
from mlworkbench.groups import missing_groups
from mlworkbench.locations import is_elsewhere, is_there, local_path
from mlworkbench.orphans import end_orphans
from mlworkbench.store import Store
from mlworkbench.waiting import patience

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run


NEWEST = 20
"""How many models are looked at."""

_ANSWER_SECONDS = 10  # that the server may take
_CLOCK = 60  # seconds that clocks may differ
_MARK = "mlworkbench doctor"
_BY_SERVER = (
    "Start the server without --default-artifact-root and --no-serve-artifacts, with --artifacts-destination, and log "
    "to a new experiment: an experiment keeps the location with which it was made."
)


def cure(error: WorkbenchError) -> str:
    """What to do when the store cannot be opened, with what the error alone cannot know."""
    from requests.utils import get_environ_proxies

    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError):
        if cause.name == "psycopg":
            return missing_groups("PostgreSQL", ["scale"]).do
        return f"Install the driver: `pip install {cause.name}`. In a container it belongs into the image."
    try:
        server = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    except ValueError:  # no address at all
        return error.do
    if server.hostname and (proxy := get_environ_proxies(server.geturl(), no_proxy=None).get(server.scheme)):
        return f"Requests go by way of the proxy {proxy}: add {server.hostname} to NO_PROXY. If it is meant: {error.do}"
    return error.do


def _client(store: Store) -> MlflowClient:
    import mlflow

    return mlflow.MlflowClient(store.uri)


def _ask(store: Store, route: str, **params: str) -> Any:
    """One request to the server, with this client's credentials."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    options = {"max_retries": 0, "timeout": patience(_ANSWER_SECONDS), "raise_on_status": False}
    return http_request(get_default_host_creds(store.uri.rstrip("/")), route, "GET", params=params, **options)


def server(store: Store) -> Iterator[Found]:
    """Version and clock of the tracking server; that its database answers was proven when the store was opened."""
    import mlflow

    if not store.uri.startswith("http"):
        yield "ok", "none: this process opens the database itself, and it answers", ""
        return
    answer = _ask(store, "/version")
    theirs, ours = answer.text.strip(), mlflow.__version__
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        yield "problem", f"the server is MLflow {theirs}, this is MLflow {ours}.", "Install the same version on both."
    else:
        yield "ok", f"MLflow {theirs}; its database answers", ""
    apart = abs(time.time() - parsedate_to_datetime(answer.headers["Date"]).timestamp())
    if apart > _CLOCK:
        yield "problem", f"its clock and this one are {apart:.0f} s apart.", "Set the clocks by NTP: runs sort by time."
    else:
        yield "ok", "clocks agree", ""


def artifacts(store: Store) -> Iterator[Found]:
    """An artifact there and back: logged by this client, and read by the server."""
    client, name = _client(store), f"{_MARK} {uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name, store.artifact_root and f"{store.artifact_root}/{name}")
    try:
        run = client.create_run(experiment)
        yield _round_trip(store, client, run)
        client.set_terminated(run.info.run_id)
    finally:
        client.delete_experiment(experiment)
        if store.artifact_root:
            shutil.rmtree(f"{local_path(store.artifact_root)}/{name}", ignore_errors=True)


def _round_trip(store: Store, client: MlflowClient, run: Run) -> Found:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    place, number = run.info.artifact_uri, run.info.run_id
    on_this_disk = store.artifact_root is None and local_path(place) is not None
    do = _BY_SERVER if on_this_disk else "Look at disk, rights and log where artifacts are kept."
    try:
        client.log_text(number, _MARK, "doctor.txt")
        with tempfile.TemporaryDirectory() as folder:
            Path(client.download_artifacts(number, "doctor.txt", folder)).read_text(encoding="utf-8")
        seen = not on_this_disk or _ask(store, "/get-artifact", run_id=number, path="doctor.txt").text == _MARK
        get_artifact_repository(place, tracking_uri=store.uri).delete_artifacts()
    except Exception as error:
        return "problem", f"an artifact does not reach {place} ({told(error, 120)}).", do
    if not seen:
        return "problem", f"an artifact went to {place} on this machine, and the server does not see it.", do
    return "ok", f"there and back ({place.split(number)[0].rsplit('/', 2)[0]})", ""


def locations(store: Store) -> Iterator[Found]:
    """Experiments whose artifacts go somewhere else than those of the store, and models whose files are gone."""
    client = _client(store)
    elsewhere = [
        f"{experiment.name!r} at {path}"
        for experiment in client.search_experiments()
        if (path := local_path(experiment.artifact_location)) and is_elsewhere(path, store)
        if client.search_runs([experiment.experiment_id], max_results=1)
    ]
    gone = [
        f"{model.name!r} at {path}"
        for model in _models(client)
        if (path := local_path(model.artifact_location)) and not is_there(path)
    ]
    if elsewhere:
        do = "Make experiments by wb.start(…) or with artifact_location=…. Was the workbook moved? Move it back."
        yield "problem", f"artifacts of {some(elsewhere)} do not lie with the store.", do
    if gone:
        do = "Move the folder back to where it was when they were logged, or log them again."
        yield "problem", f"the files of the model {some(gone)} are gone.", do
    if not elsewhere and not gone:
        yield "ok", "with the store", ""


def signatures(store: Store) -> Iterator[Found]:
    """Models that would take any data, because nothing says what they expect."""
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    bare, unreadable, models = [], [], _models(_client(store))
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            path = local_path(model.artifact_location)
            if path and not is_there(path):
                continue
            description = f"{model.artifact_location}/MLmodel"
            try:
                stored = Model.load(download_artifacts(description, dst_path=folder, tracking_uri=store.uri))
            except Exception as error:  # whatever the file holds, or is not there
                unreadable.append(f"{model.name!r} ({told(error, 120)})")
            else:
                bare += [] if stored.signature else [repr(model.name)]
    if unreadable:
        do = "Log it again; delete this one with MlflowClient().delete_logged_model(…)."
        yield "problem", f"the file MLmodel cannot be read of the model {some(unreadable)}.", do
    if bare:
        do = "Log models with wb.log_model(model, name, example=…), or give MLflow an input_example."
        yield "problem", f"no signature in the model {some(bare)}: wrong columns would reach it.", do
    else:
        yield "ok", f"none is missing in the newest {len(models)} models" if models else "no models yet", ""


def _models(client: MlflowClient) -> list[LoggedModel]:
    """The newest models that are ready, of every experiment."""
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = [{"field_name": "creation_timestamp", "ascending": False}]
    found = client.search_logged_models(experiment_ids=ids, order_by=newest, max_results=NEWEST) if ids else []
    return [model for model in found if model.status == "READY"]


def orphans(store: Store) -> Iterator[Found]:
    """Runs that a killed process has left RUNNING; they are ended."""
    number = end_orphans(_client(store))
    yield "ok", f"{number} run(s) of processes that were killed are ended as KILLED" if number else "none is left", ""


CHECKS = {
    "server": server,
    "artifacts": artifacts,
    "locations": locations,
    "signatures": signatures,
    "killed runs": orphans,
}
