"""A right answer to the task of lesson 0."""

from __future__ import annotations

import mlflow

import mlworkbench as wb


def pass_lesson_0() -> str:
    """The id of a run that passes the task."""
    wb.start("0 start here")
    with mlflow.start_run() as run:
        mlflow.log_param("strategy", "prior")
        mlflow.log_metric("accuracy", 0.4)  # 18 of 45 wines
    return run.info.run_id
