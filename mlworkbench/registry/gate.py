"""Ask a gate whether a version may be promoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError
from mlworkbench.registry.audit_trail import client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


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


def ask_gate(gate: Any, candidate: ModelVersion, holder: int | None) -> Asked:
    """Ask a gate, or read its verdict, about a version; refuse anything but a verdict on this version."""
    from mlworkbench.verdict import Verdict

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
