"""The workbook's fork server: what it imports beforehand, for kernels, reruns and model servers alike."""

from __future__ import annotations

import functools
import json
import socket
from pathlib import Path
from typing import Any

from mlworkbench.errors import WorkbenchError
from warmkernel.client import keep_server
from warmkernel.warmup import SettingError, Warmup

JUPYTER_DATA = Path(__file__).parent / "lab" / "jupyter_data"
"""Where JupyterLab, when the workbook opens it, finds how the kernel ``python3`` is forked."""


@functools.cache
def provisioner() -> dict[str, Any]:
    """What that specification says of how the kernel is started, and what is imported beforehand."""
    text = (JUPYTER_DATA / "kernels" / "python3" / "kernel.json").read_text(encoding="utf-8")
    return dict(json.loads(text)["metadata"]["kernel_provisioner"])


def warmup() -> Warmup:
    """What is imported beforehand, for those who ask the fork server themselves.

    Raises
    ------
    WorkbenchError
        When MLWORKBENCH_WARM_SECONDS is no number of seconds: correct or unset it.
    """
    says = provisioner()["config"]
    found = Warmup(tuple(says["preload"]), tuple(says["shelve"]), tuple(says["variables"]), says["idle_variable"])
    try:
        found.idle_seconds  # noqa: B018 (read here, so that nobody meets nonsense later)
    except SettingError as error:
        raise WorkbenchError(*error.args) from None
    return found


@functools.cache
def keep_warm() -> socket.socket | None:
    """Keep the fork server as long as this process lives."""
    return keep_server(warmup())
