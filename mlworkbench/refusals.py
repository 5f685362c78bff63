"""What the registry refuses, and how it says so: names, versions, verdicts, and servers that went away."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlworkbench.audit import STAGE_OF, Trail
from mlworkbench.errors import WorkbenchError, unknown_name
from mlworkbench.trail import client

if TYPE_CHECKING:
    from mlflow import MlflowException
    from mlflow.entities.model_registry import ModelVersion

_LONGEST_NAME = 256
_LISTED = 20


@dataclass(frozen=True)
class Asked:
    """What a gate said: a word for the trail (``no gate``, ``passed``, ``refused``), its run, its sentence."""

    word: str
    run_id: str = ""
    headline: str = ""

    def refusal(self, name: str, version: int) -> WorkbenchError:
        """The error for a promotion that this gate refuses."""
        return WorkbenchError(
            f"the gate refuses version {version} of {name!r}. {self.headline}",
            "a version that passes.",
            "Promote a better version, or write override='why it must be': the trail keeps that reason.",
        )


def ask(gate: Any, candidate: ModelVersion, holder: int | None) -> Asked:
    """Ask a gate, or read its verdict, about a version; refuse anything but a verdict on this version."""
    from mlworkbench.gate import Verdict

    if gate is None:
        return Asked("no gate")
    uri = f"models:/{candidate.name}/{candidate.version}"
    verdict = gate
    if callable(gate):
        try:
            verdict = gate(uri, None if holder is None else f"models:/{candidate.name}/{holder}")
        except Exception as error:
            raise WorkbenchError(
                f"the gate could not decide on {uri} ({type(error).__name__}: {str(error)[:500]}).",
                "a gate that loads its data and returns a Verdict. Nothing was promoted.",
                "Mend the gate, and promote again.",
            ) from error
    if not isinstance(verdict, Verdict):
        raise WorkbenchError(
            f"a gate that gives {type(verdict).__name__}.",
            "a Verdict, as validate returns it, or a function of (candidate, holder) that returns one.",
            "Write gate=lambda new, old: wb.validate(new, old, …).",
        )
    _check_about(verdict.run_id, uri)
    return Asked("passed" if verdict else "refused", verdict.run_id, verdict.headline)


def _check_about(run_id: str, uri: str) -> None:
    """Refuse a verdict on another model, as far as its run tells."""
    from mlflow.exceptions import MlflowException

    try:
        said = client().get_run(run_id).data.params.get("candidate", "")
    except MlflowException:
        return  # the verdict was made elsewhere
    theirs, ours = _model_id(said), _model_id(uri)
    if theirs and ours and theirs != ours:
        raise WorkbenchError(
            f"a verdict on {said}, which is another model than {uri}.",
            "a verdict on the version that is to be promoted.",
            f"Validate {uri}, or promote the version that was validated.",
        )


def _model_id(uri: str) -> str | None:
    from mlflow.models import get_model_info

    try:
        return str(get_model_info(uri).model_id or "") or None
    except Exception:  # the address of a function, or files that are not there
        return None


def stored_model(model_uri: str) -> str:
    """The address to register a model by: that of the logged model where there is one; refused where there is none."""
    from mlflow.exceptions import MlflowException
    from mlflow.models import get_model_info

    from mlworkbench.models import no_model

    try:
        model_id = get_model_info(model_uri).model_id
    except (MlflowException, OSError) as error:
        raise no_model(model_uri, error) from error
    return f"models:/{model_id}" if model_id else model_uri


def check_name(name: str) -> None:
    """Refuse what MLflow, or a search for it, would refuse as the name of a registered model."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_name

    try:
        _validate_model_name(name)
        quoted(name)
    except MlflowException as error:
        raise _bad_name(name, error) from error
    if len(name) > _LONGEST_NAME:
        raise _bad_name(name, f"{len(name)} characters, which databases refuse")


def _bad_name(name: str, why: object) -> WorkbenchError:
    return WorkbenchError(
        f"the name {name[:50]!r} for a registered model ({str(why).splitlines()[0]}).",
        f"1 to {_LONGEST_NAME} characters without '/' and ':'.",
        "Choose another name, with '-' or '_' between its parts.",
    )


def quoted(name: str) -> str:
    """A name as MLflow's search grammar takes it, which knows no way to write both kinds of quotes."""
    if "'" in name and '"' in name:
        raise _bad_name(name, "both kinds of quotes, which MLflow's search cannot find")
    return f'"{name}"' if "'" in name else f"'{name}'"


def check_alias(alias: str) -> None:
    """Refuse an alias that MLflow would refuse, before anything is entered."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_alias_name, _validate_model_alias_name_reserved

    try:
        _validate_model_alias_name(alias)
        _validate_model_alias_name_reserved(alias)
    except MlflowException as error:
        raise WorkbenchError(
            f"the alias {alias!r} ({error.message}).",
            "letters, digits, '_' and '-'; not 'latest', and no version such as 'v1'.",
            "Take, say, 'production', 'champion' or 'challenger'.",
        ) from error


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

    try:
        return client().get_model_version(name, str(version))
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        known = [str(found.version) for found in client().search_model_versions(f"name = {quoted(name)}")]
        raise unknown_name("version", str(version), _nearest(str(version), known)) from error


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
def explained(name: str) -> Iterator[None]:
    """Turn what MLflow raises about a registered model into three sentences."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise _explanation(name, error) from error


def _explanation(name: str, error: MlflowException) -> MlflowException | WorkbenchError:
    text = str(error)
    if error.error_code == "RESOURCE_DOES_NOT_EXIST" and "Registered Model" in text:
        known = [model.name for model in client().search_registered_models(max_results=1000)]
        return unknown_name("registered model", name, _nearest(name, known))
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return _bad_name(name, text)
    if "API request to" in text or error.error_code == "TEMPORARILY_UNAVAILABLE":
        from mlflow import get_registry_uri

        from mlworkbench.store import without_password

        return WorkbenchError(
            f"the registry at {without_password(get_registry_uri())} does not answer any more ({text[:120]}…).",
            "a registry that answers to the end of the call.",
            "Bring it back and make the same call again: what was begun is in the trail, and is finished or reported.",
        )
    return error


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names most like the one asked for, so that a thousand do not fill the screen."""
    return difflib.get_close_matches(name, known, n=_LISTED, cutoff=0.0)
