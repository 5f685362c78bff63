"""Keep MLflow's telemetry, notes and warnings that are not of the reader's making out of a notebook."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator

from mlworkbench.mlflow_internals import forget_telemetry


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's notes, its warnings and Keras' progress bars out of a notebook; errors come through."""
    logger = logging.getLogger("mlflow")
    level, nowhere = logger.level, io.StringIO()
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def quiet_mlflow() -> None:
    """Switch off MLflow's telemetry, and lines and warnings that are not of the reader's making."""
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # also keeps TensorFlow's numbers the same on other machines
    forget_telemetry()
    for name in (
        "store.db.utils",
        "tracking.fluent",
        "utils.autologging_utils",
        "models.python_api",
        "projects",
        "pyfunc",
        "models",
    ):
        logging.getLogger(f"mlflow.{name}").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in (
        "absl",
        "tensorflow",
        "mlflow.models.evaluation",
        "mlflow.onnx",
    ):  # what MLflow chooses, not the reader
        logging.getLogger(name).setLevel(logging.ERROR)
    for hint in ("`y_pred` was renamed", "Inferred schema contains integer"):
        warnings.filterwarnings("ignore", f".*{hint}")
