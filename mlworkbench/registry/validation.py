"""What the registry refuses, and how it says so: names, versions, verdicts, and servers that went away."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import TYPE_CHECKING

from mlworkbench import mlflow_internals
from mlworkbench.errors import WorkbenchError, told, unknown_name, without_password
from mlworkbench.registry.audit_trail import client
from mlworkbench.registry.trail_entries import STAGE_OF, Trail
from mlworkbench.store import check_registry
from mlworkbench.store_watch import watched
from mlworkbench.texts import bad_model_name, require_text

if TYPE_CHECKING:
    from mlflow import MlflowException
    from mlflow.entities.model_registry import ModelVersion

_LONGEST_DESCRIPTION = 5000  # that databases take


def stored_model(model_uri: str | os.PathLike[str]) -> str:
    """The address to register a model by: that of the logged model where there is one; refused where there is none."""
    from mlflow.models import get_model_info

    from mlworkbench.errors import no_model

    model_uri = require_text(os.fspath(model_uri) if isinstance(model_uri, os.PathLike) else model_uri, "a model URI")
    check_registry(model_uri)
    try:
        model_id = get_model_info(model_uri).model_id
    except Exception as error:  # what a malformed address raises depends on where MLflow trips over it
        raise no_model(model_uri, error) from error
    return f"models:/{model_id}" if model_id else model_uri


def check_description(description: object, tags: object) -> None:
    """Refuse what MLflow or a database would refuse of a version, before that is made."""
    from mlflow.exceptions import MlflowException

    if description is not None and len(require_text(description, "a description")) > _LONGEST_DESCRIPTION:
        raise WorkbenchError(
            f"a description of {len(str(description))} characters.", f"at most {_LONGEST_DESCRIPTION}.", "Shorten it."
        )
    if not isinstance(tags, Mapping):
        raise WorkbenchError(f"tags of type {type(tags).__name__}.", "a dict of texts.", "Write {'key': 'value'}.")
    for key, value in tags.items():
        text = require_text(str(value), "the value of a tag")
        try:
            mlflow_internals.check_version_tag(require_text(key, "the key of a tag"), text)
        except MlflowException as error:
            raise WorkbenchError(f"the tag {key!r} ({told(error)}).", "one that MLflow takes.", "Change it.") from error


def quoted(name: str) -> str:
    """A name as MLflow's search grammar takes it, which knows no way to write both kinds of quotes."""
    if "'" in name and '"' in name:
        raise bad_model_name(name, "both kinds of quotes, which MLflow's search cannot find")
    return f'"{name}"' if "'" in name else f"'{name}'"


def check_alias(alias: str) -> None:
    """Refuse an alias that MLflow would refuse, before anything is entered."""
    from mlflow.exceptions import MlflowException

    try:
        mlflow_internals.check_alias(require_text(alias, "an alias"))
    except MlflowException as error:
        raise WorkbenchError(
            f"the alias {alias!r} ({error.message}).",
            "letters, digits, '_' and '-'; not 'latest', and no version such as 'v1'.",
            "Take, say, 'production', 'champion' or 'challenger'.",
        ) from error


def gate_refuses(candidate: ModelVersion, headline: str) -> WorkbenchError:
    """Build the error for a promotion that a gate refuses."""
    return WorkbenchError(
        f"the gate refuses version {candidate.version} of {candidate.name!r}. {headline}",
        "a version that passes.",
        "Promote a better version, or write override='why it must be': the trail keeps that reason.",
    )


def unknown_alias(name: str, alias: str, known: Iterable[str]) -> WorkbenchError:
    """Build the error for an alias that nobody holds: a misspelt one gets the nearest."""
    held = list(known)
    if held and alias not in STAGE_OF:
        return unknown_name("alias", alias, held)
    return WorkbenchError(
        f"no version of {name!r} holds the alias {alias!r}.",
        f"one that holds it (held are: {', '.join(held) or 'none'}).",
        f"Promote a version first: promote({name!r}, version, alias={alias!r}, why='…').",
    )


def get_version(name: str, version: int | str) -> ModelVersion:
    """Find a version by its number, or name the nearest ones that there are."""
    from mlflow.exceptions import MlflowException

    asked = str(version) if isinstance(version, str | Integral) and not _is_huge(version) else type(version).__name__
    try:
        if re.fullmatch(r"[0-9]{1,9}", asked):  # what databases take
            return client().get_model_version(name, asked)
        client().get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST" or "Registered Model" in str(error):
            raise
    known = [str(found.version) for found in client().search_model_versions(f"name = {quoted(name)}")]
    raise unknown_name("version", asked, known)


def _is_huge(version: str | Integral) -> bool:
    return not isinstance(version, str) and abs(int(version)) >= 10**20  # Python writes out not every one


def check_ready(name: str, version: int | str, now: Trail, *, archived_too: bool = True) -> ModelVersion:
    """Find a version that may take an alias; refuse one that failed, is not ready yet, or is archived."""
    found = get_version(name, version)
    if found.status != "READY":
        raise WorkbenchError(
            f"version {version} of {name!r} has the status {found.status} ({found.status_message or 'no message'}).",
            "a version that is READY.",
            "Register the model again, and promote the new version.",
        )
    if archived_too and now.stages.get(int(found.version)) == "Archived":
        raise WorkbenchError(
            f"version {version} of {name!r} is archived.",
            "a version in Development or Staging.",
            f"If it shall come back, call transition({name!r}, {version}, 'Staging') first; "
            "to undo a promotion, call rollback.",
        )
    return found


@contextlib.contextmanager
def explained(name: str, *, writes: bool = False) -> Iterator[None]:
    """Turn what MLflow raises about a registered model into three sentences; refuse a registry that does not answer."""
    from mlflow import get_registry_uri
    from mlflow.exceptions import MlflowException

    require_text(name, "the name of a registered model")
    check_registry(writes=writes)
    with watched(get_registry_uri()):
        try:
            yield
        except MlflowException as error:
            raise _explanation(name, error) from error


def _explanation(name: str, error: MlflowException) -> WorkbenchError:
    text = str(error)
    if error.error_code == "RESOURCE_DOES_NOT_EXIST" and "Registered Model" in text:
        known = [model.name for model in client().search_registered_models(max_results=1000)]
        return unknown_name("registered model", name, known)
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return WorkbenchError(
            f"what MLflow refuses about {name!r} ({' '.join(text.split())[:300]}).",
            "what its registry takes.",
            "Correct what the message in brackets names.",
        )
    if "API request to" in text or error.error_code == "TEMPORARILY_UNAVAILABLE":
        from mlflow import get_registry_uri

        return WorkbenchError(
            f"the registry at {without_password(get_registry_uri())} does not answer any more ({text[:120]}…).",
            "a registry that answers to the end of the call.",
            "Bring it back and make the same call again: what was begun is in the trail, and is finished or reported.",
        )
    return WorkbenchError(
        f"the registry does not do what was asked of {name!r} ({told(error)}).",
        "a registry that can be reached and that takes a model of this name.",
        "Mend what the brackets name; mlflow.set_registry_uri(None) goes back to the registry of the tracking store.",
    )
