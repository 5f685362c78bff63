"""What MLflow asks at the start of every run: its tags, so that lineage needs no wrapper, and its experiment.

See https://mlflow.org/docs/latest/ml/plugins/ (groups ``mlflow.run_context_provider`` and
``mlflow.default_experiment_provider``).
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.tracking.context.abstract_context import RunContextProvider
from mlflow.tracking.default_experiment.abstract_context import DefaultExperimentProvider
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE

from mlworkbench.waiting import patience
from mlworkbench.workbook import (
    EXECUTION_TAG,
    EXECUTION_VARIABLE,
    EXPERIMENT_VARIABLE,
    PARENT_VARIABLE,
    STORE_VARIABLE,
    lesson_id,
)

NOTEBOOK_TAG = "mlworkbench.notebook"
LESSON_TAG = "mlworkbench.lesson"
ELSEWHERE_TAG = "mlworkbench.elsewhere"
"""On a rerun: that its notebook has logged to a store of its own choice, where its runs have no parent."""


class WorkbookRunContext(RunContextProvider):  # type: ignore[misc]
    """Stamps a run with its notebook, lesson, git commit and, under the runner, its execution and parent run."""

    def in_context(self) -> bool:
        """Whether the notebook is known: in JupyterLab, and under ``mlworkbench run``."""
        return notebook_path() is not None

    def tags(self) -> dict[str, str]:
        """The tags by name; those without a value are left out."""
        notebook = notebook_path()
        if notebook is None:
            return {}
        around = {
            EXECUTION_TAG: os.environ.get(EXECUTION_VARIABLE),
            MLFLOW_PARENT_RUN_ID: _parent(),
        }
        return notebook_tags(notebook) | {name: value for name, value in around.items() if value}


class RerunExperiment(DefaultExperimentProvider):  # type: ignore[misc]
    """Names the experiment of a rerun, in the rerun's store; a notebook that chooses one itself is not asked."""

    def in_context(self) -> bool:
        """Whether this is a rerun that logs where it was told to."""
        from mlflow import get_tracking_uri

        return EXPERIMENT_VARIABLE in os.environ and get_tracking_uri() == os.environ.get(STORE_VARIABLE)

    def get_experiment_id(self) -> str:
        """Id of that experiment."""
        return os.environ[EXPERIMENT_VARIABLE]


def _parent() -> str | None:
    """The run that a run of this notebook belongs to, unless the notebook logs to a store of its own choice."""
    from mlflow import MlflowClient, get_tracking_uri  # which load this module at their own import

    parent, store = os.environ.get(PARENT_VARIABLE), os.environ.get(STORE_VARIABLE)
    if parent is None or store in (None, get_tracking_uri()):
        return parent
    with contextlib.suppress(MlflowException):
        told = "the notebook logs to a store of its own choice: those runs are not children of this one"
        MlflowClient(store).set_tag(parent, ELSEWHERE_TAG, told)
    return None


def notebook_tags(notebook: Path) -> dict[str, str]:
    """What tells a run which notebook it comes from, by name; tags without a value are left out."""
    found = {
        NOTEBOOK_TAG: notebook.name,
        LESSON_TAG: lesson_id(notebook),
        MLFLOW_SOURCE_NAME: notebook.name,
        MLFLOW_SOURCE_TYPE: "NOTEBOOK",
        MLFLOW_GIT_COMMIT: _git_commit(notebook.parent),
    }
    # A file's name may have bytes that are no text, which databases refuse, and every run with them.
    return {name: value.encode(errors="backslashreplace").decode() for name, value in found.items() if value}


def notebook_path() -> Path | None:
    """The notebook this kernel executes: named by the runner (``IPYNB_FILE``) or by Jupyter's server."""
    named = os.environ.get("IPYNB_FILE") or os.environ.get("JPY_SESSION_NAME")
    return Path(named) if named and named.endswith(".ipynb") else None


@functools.cache
def _git_commit(folder: Path) -> str | None:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=patience(5)).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
