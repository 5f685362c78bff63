"""Checks of the appendix. Each looks at what the learner wrote, and returns a sentence, or raises."""

from __future__ import annotations

from typing import Any

from mlcourse.answers import shown
from mlworkbench.tasks import NotYetError, Task

IMAGE, COPIES, MEMORY = "registry.example.org/wine:2", 3, "1Gi"
READY, PORT, OUTSIDE = "/ping", 8080, 80
"""Where MLflow's server answers when it is ready, its port in the image, and the port that clients know."""

_USED = {"app": "wine"}
_SECTION = "See the section 'Describe it to Kubernetes'."


def described(manifest: Any) -> str:
    """Lesson A.1: a Deployment and a Service for the second version of an image.

    Cross-examined: the label of the pods against both selectors, every port against that of the image.
    Not checked: that a cluster takes it; there is none.
    """
    deployment, service = (_item(manifest, kind) for kind in ("Deployment", "Service"))
    container = _at(deployment, "spec.template.spec.containers.0")
    for what, found, wanted in (
        ("image", _at(container, "image"), IMAGE),
        ("replicas", _at(deployment, "spec.replicas"), COPIES),
        ("resources.limits.memory", _at(container, "resources.limits.memory"), MEMORY),
        ("readinessProbe.httpGet.path", _at(container, "readinessProbe.httpGet.path"), READY),
        ("readinessProbe.httpGet.port", _at(container, "readinessProbe.httpGet.port"), PORT),
        ("port of the Service", _at(service, "spec.ports.0.port"), OUTSIDE),
        ("targetPort of the Service", _at(service, "spec.ports.0.targetPort"), PORT),
    ):
        if found != wanted:
            raise NotYetError(f"{what} is {shown(found)}.", f"The task wants {wanted}.")
    label = _at(deployment, "spec.template.metadata.labels")
    for kind, selector in (
        ("Deployment", _at(deployment, "spec.selector.matchLabels")),
        ("Service", _at(service, "spec.selector")),
    ):
        if selector != label:
            raise NotYetError(f"The {kind} selects {selector}, the pods have {label}.", "Give both the same.")
    if label == _USED or "app" not in label:
        raise NotYetError(f"The label is {label}.", "Take `app` with another word than wine: that one is in use.")
    return f"{COPIES} copies of {IMAGE} behind port {OUTSIDE}, by the label {label}."


def _item(manifest: Any, kind: str) -> dict[str, Any]:
    """The only part of a manifest that is of a kind."""
    items = manifest.get("items") if isinstance(manifest, dict) else manifest
    parts = items if isinstance(items, list) else [manifest]
    found = [part for part in parts if isinstance(part, dict) and part.get("kind") == kind]
    if len(found) != 1:
        raise NotYetError(f"The manifest has {len(found)} part(s) of the kind {kind}.", _SECTION)
    return found[0]


def _at(part: dict[str, Any], path: str) -> Any:
    """What stands at a path of names and numbers in a part of a manifest."""
    found: Any = part
    for step in path.split("."):
        try:
            found = found[int(step) if step.isdigit() else step]
        except (KeyError, IndexError, TypeError):
            raise NotYetError(f"The {part.get('kind', 'container')} has no {path}.", _SECTION) from None
    return found


TASKS = {
    "A.1": Task(
        described,
        (
            "Take the cell with `manifest` and change what the task names. The label stands in three places: at the "
            "pods, in the selector of the Deployment, and in that of the Service.",
            'container["resources"] = {"limits": {"memory": "1Gi"}}; replicas is 3, the image ends with :2, and '
            'labels = {"app": "wine-two"}.',
        ),
    ),
}
