"""The check of the appendix: a right manifest passes, typical mistakes are refused in words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import mlworkbench as wb
from tests.refusals import refused

pytestmark = pytest.mark.processes

LABEL = {"app": "wine-two"}
CONTAINER = {
    "image": "registry.example.org/wine:2",
    "resources": {"limits": {"memory": "1Gi"}},
    "readinessProbe": {"httpGet": {"path": "/ping", "port": 8080}},
}
DEPLOYMENT = {
    "kind": "Deployment",
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": LABEL},
        "template": {"metadata": {"labels": LABEL}, "spec": {"containers": [CONTAINER]}},
    },
}
SERVICE = {"kind": "Service", "spec": {"selector": LABEL, "ports": [{"port": 80, "targetPort": 8080}]}}


@pytest.fixture(autouse=True)
def session(home: object) -> None:
    wb.start("checks")


def changed(value: Any, *path: Any, kind: str = "Deployment") -> dict[str, Any]:
    """The right manifest with another value at a path of one of its parts."""
    items = {part["kind"]: part for part in copy.deepcopy([DEPLOYMENT, SERVICE])}
    place: Any = items[kind]["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return {"kind": "List", "items": list(items.values())}


def test_lesson_a_1() -> None:
    assert (
        "3 copies of registry.example.org/wine:2 behind port 80"
        in wb.check("A.1", manifest={"kind": "List", "items": [DEPLOYMENT, SERVICE]}).message
    )
    assert wb.check("A.1", manifest=[SERVICE, DEPLOYMENT])
    first = ("template", "spec", "containers", 0)
    for says, manifest in {
        "image is 'registry.example.org/wine:1'": changed("registry.example.org/wine:1", *first, "image"),
        "replicas is '2'. The task wants 3": changed(2, "replicas"),
        "no resources.limits.memory": changed({}, *first, "resources"),
        "path is '/health'": changed("/health", *first, "readinessProbe", "httpGet", "path"),
        "targetPort of the Service is '80'": changed(80, "ports", 0, "targetPort", kind="Service"),
        "The Service selects {'app': 'other'}, the pods": changed({"app": "other"}, "selector", kind="Service"),
        "The Deployment selects": changed({"app": "other"}, "selector", "matchLabels"),
        "has 0 part(s) of the kind Service": [DEPLOYMENT],
        "has 0 part(s) of the kind Deployment": "kubernetes.yaml",
        "The Deployment has no spec.template": {"items": [{"kind": "Deployment", "spec": None}, SERVICE]},
    }.items():
        refused("A.1", says, manifest=manifest)
    old = {"app": "wine"}
    manifest = changed(old, "selector", "matchLabels")
    manifest["items"][0]["spec"]["template"]["metadata"]["labels"] = manifest["items"][1]["spec"]["selector"] = old
    refused("A.1", "another word than wine", manifest=manifest)
