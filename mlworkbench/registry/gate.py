"""Ask a gate whether a version may be promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.registry.audit_trail import client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from mlworkbench.verdict import Verdict


class Answer(NamedTuple):
    """What a gate said: a word for the trail (``no gate``, ``passed``, ``refused``), its run, its sentence."""

    word: str
    run_id: str = ""
    headline: str = ""


def ask_gate(gate: Any, candidate: ModelVersion, holder: int | None) -> Answer:
    """Ask a gate, or read its verdict, about a version; refuse anything but a verdict on this version."""
    if gate is None:
        return Answer("no gate")
    uri = f"models:/{candidate.name}/{candidate.version}"
    verdict = _verdict(gate, uri, None if holder is None else f"models:/{candidate.name}/{holder}")
    _check_about(verdict.run_id, uri)
    return Answer("passed" if verdict else "refused", verdict.run_id, verdict.headline)


def _verdict(gate: Any, uri: str, holder_uri: str | None) -> Verdict:
    from mlworkbench.verdict import Verdict

    try:
        verdict = gate(uri, holder_uri) if callable(gate) else gate
    except Exception as error:
        raise WorkbenchError(
            f"the gate could not decide on {uri} ({told(error, 500)}).",
            "a gate that loads its data and returns a Verdict. Nothing was promoted.",
            "Mend the gate, and promote again.",
        ) from error
    if not isinstance(verdict, Verdict):
        raise WorkbenchError(
            f"a gate that gives {type(verdict).__name__}.",
            "a Verdict, as validate returns it, or a function of (candidate, holder) that returns one.",
            "Write gate=lambda new, old: wb.validate(new, old, …).",
        )
    return verdict


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
