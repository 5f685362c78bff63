"""The check of the appendix: a right manifest passes, typical mistakes are refused in words."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd
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
MOMENTS = "2018-02-05 12:00", "2018-02-05 23:00"
FRIDAY, MONDAY = 0.007595021702226158, 0.012022508862789827
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


def known(noon: Any = FRIDAY, night: Any = MONDAY, times: tuple[str, str] = MOMENTS) -> pd.DataFrame:
    return pd.DataFrame({"event_timestamp": pd.to_datetime(times, utc=True), "volatility_20": [noon, night]})


def test_lesson_a_2() -> None:
    assert "knew 0.008, of Friday; at 23:00 it knew 0.012" in wb.check("A.2", known=known()).message
    assert wb.check("A.2", known=known().iloc[::-1])
    assert wb.check("A.2", known=known(round(FRIDAY, 4), round(MONDAY, 4)).assign(symbol="sp500"))
    for says, answer in {
        f"At 12:00 your volatility_20 is {MONDAY:.3g}. That is what the other moment knew": known(noon=MONDAY),
        f"At 23:00 your volatility_20 is {FRIDAY:.3g}. That is what the other moment knew": known(night=FRIDAY),
        "At 12:00 your volatility_20 is 0.5. See the section": known(noon=0.5),
        "At 12:00 your volatility_20 is nan. See the section": known(noon=float("nan")),
        "The times of the table are 2018-02-05 12:00, 2018-02-06 23:00": known(times=(MOMENTS[0], "2018-02-06 23:00")),
        "The times of the table are 2018-02-05 12:00.": known().head(1),
        "Give the joined table": known().drop(columns="volatility_20"),
        "known is '0.012'": 0.012,
    }.items():
        refused("A.2", says, known=answer)
