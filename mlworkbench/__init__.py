"""Helpers of the MLflow workbook. ``import mlworkbench as wb`` is cheap: each name loads when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlworkbench.batch import score
    from mlworkbench.checks import Feedback, check, hint
    from mlworkbench.checkup import doctor
    from mlworkbench.data import load_live, load_nasdaq, load_sp500, load_vix, load_wine
    from mlworkbench.errors import NotebookError, ProjectError, StoreError, WorkbenchError
    from mlworkbench.gate import Verdict, validate
    from mlworkbench.lifecycle import plot_lifecycle
    from mlworkbench.models import describe_model, log_model
    from mlworkbench.notebooks import parameters
    from mlworkbench.plots import log_figure, plot_history, plot_runs, show
    from mlworkbench.projects import describe_project, run_project
    from mlworkbench.promotion import migrate_stages, promote, rollback, transition
    from mlworkbench.registry import history, register, versions_table
    from mlworkbench.reruns import rerun
    from mlworkbench.serving import Endpoint, serve
    from mlworkbench.session import Session, start
    from mlworkbench.steps import run_step
    from mlworkbench.store import workbook_root
    from mlworkbench.sweeps import sweep
    from mlworkbench.tracking import best_run, log_history, runs_table
    from mlworkbench.workbook import run_workbook

_HOME = {
    "score": "batch",
    "Feedback": "checks",
    "check": "checks",
    "hint": "checks",
    "doctor": "checkup",
    "load_live": "data",
    "load_nasdaq": "data",
    "load_sp500": "data",
    "load_vix": "data",
    "load_wine": "data",
    "NotebookError": "errors",
    "ProjectError": "errors",
    "StoreError": "errors",
    "WorkbenchError": "errors",
    "Verdict": "gate",
    "validate": "gate",
    "describe_model": "models",
    "log_model": "models",
    "parameters": "notebooks",
    "rerun": "reruns",
    "sweep": "sweeps",
    "run_workbook": "workbook",
    "log_figure": "plots",
    "plot_history": "plots",
    "plot_lifecycle": "lifecycle",
    "plot_runs": "plots",
    "show": "plots",
    "describe_project": "projects",
    "run_project": "projects",
    "migrate_stages": "promotion",
    "promote": "promotion",
    "rollback": "promotion",
    "transition": "promotion",
    "history": "registry",
    "register": "registry",
    "versions_table": "registry",
    "Endpoint": "serving",
    "serve": "serving",
    "Session": "session",
    "start": "session",
    "run_step": "steps",
    "workbook_root": "store",
    "best_run": "tracking",
    "log_history": "tracking",
    "runs_table": "tracking",
}

__all__ = [  # noqa: RUF022 (in the order of _HOME, which a test compares)
    "score",
    "Feedback",
    "check",
    "hint",
    "doctor",
    "load_live",
    "load_nasdaq",
    "load_sp500",
    "load_vix",
    "load_wine",
    "NotebookError",
    "ProjectError",
    "StoreError",
    "WorkbenchError",
    "Verdict",
    "validate",
    "describe_model",
    "log_model",
    "parameters",
    "rerun",
    "sweep",
    "run_workbook",
    "log_figure",
    "plot_history",
    "plot_lifecycle",
    "plot_runs",
    "show",
    "describe_project",
    "run_project",
    "migrate_stages",
    "promote",
    "rollback",
    "transition",
    "history",
    "register",
    "versions_table",
    "Endpoint",
    "serve",
    "Session",
    "start",
    "run_step",
    "workbook_root",
    "best_run",
    "log_history",
    "runs_table",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'mlworkbench' has no attribute {name!r}. It has: {', '.join(_HOME)}.")
    value = getattr(importlib.import_module(f"mlworkbench.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
