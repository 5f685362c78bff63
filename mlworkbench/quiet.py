"""Keep MLflow's telemetry, notes and warnings that are not of the reader's making out of a notebook."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from mlworkbench.mlflow_internals import forget_telemetry, logging_stream

_LEVELS = {
    logging.WARNING: "alembic mlflow.store.db.utils mlflow.tracking.fluent mlflow.utils.autologging_utils "
    "mlflow.models.python_api mlflow.projects mlflow.pyfunc mlflow.models",
    logging.ERROR: "absl tensorflow mlflow.models.evaluation mlflow.onnx",  # what MLflow chooses, not the reader
}
_HINTS = ("`y_pred` was renamed", "Inferred schema contains integer")

_inside: ContextVar[bool] = ContextVar("_inside", default=False)


class _UnlessQuiet:
    """A function that does nothing when it is called inside of `quiet`; what other threads do is no matter."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **options: Any) -> None:
        if not _inside.get():
            self._function(*args, **options)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's notes, warnings and Keras' progress bars of this thread out of a notebook; errors come through."""
    for owner, name in ((warnings, "showwarning"), (logging_stream(), "write")):
        if not isinstance(function := getattr(owner, name), _UnlessQuiet):
            setattr(owner, name, _UnlessQuiet(function))
    token = _inside.set(True)
    try:
        with _no_bars():
            yield
    finally:
        _inside.reset(token)


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Switch Keras' progress bars off, which Keras itself keeps for each thread."""
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is None or not config.is_interactive_logging_enabled():
        yield
        return
    config.disable_interactive_logging()
    try:
        yield
    finally:
        config.enable_interactive_logging()


def _tells_no_error(record: logging.LogRecord) -> bool:
    """Whether a record has no traceback: what MLflow notes of a database's error, it raises as well."""
    return not record.exc_info


def quiet_mlflow() -> None:
    """Switch off MLflow's telemetry, and lines and warnings that are not of the reader's making.

    It changes what the whole process shares, each time to the same; a level that somebody has chosen stays.
    """
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # also keeps TensorFlow's numbers the same on other machines
    forget_telemetry()
    logging.getLogger("mlflow.store.db.utils").addFilter(_tells_no_error)  # which stays one, however often
    for level, names in _LEVELS.items():
        for logger in map(logging.getLogger, names.split()):
            if logger.level in (logging.NOTSET, logging.INFO):
                logger.setLevel(level)
    for hint in _HINTS:
        warnings.filterwarnings("ignore", f".*{hint}")
