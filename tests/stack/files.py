"""The stack's own files, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.paths import ROOT

MAIN = ROOT / "docker-compose.yml"
PROFILES = {name: ROOT / "docker" / f"{name}.yml" for name in ("classroom", "s3", "ray")}
GRADING = ROOT / "docker" / "grading.yml"
"""Of this one, `mlworkbench course grade --container` starts containers, and `make up` none."""


def services(path: Path) -> dict[str, dict[str, Any]]:
    """The services of one compose file, with anchors merged."""
    return dict(yaml.safe_load(path.read_text())["services"])


def added() -> dict[str, dict[str, Any]]:
    """Every service of the stack and its profiles, as the file that brings it in describes it."""
    found = services(MAIN)
    for path in (*PROFILES.values(), GRADING):
        found |= {name: service for name, service in services(path).items() if name not in found}
    return found
