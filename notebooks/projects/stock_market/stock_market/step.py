"""What every step of the pipeline needs: a run, an error that can be read, tables handed on as artifacts."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import pandas as pd

from mlworkbench.errors import WorkbenchError
from mlworkbench.quiet import quiet_mlflow
from mlworkbench.workbook import workbook_home

if TYPE_CHECKING:
    from mlflow.entities import Run


@contextlib.contextmanager
def step() -> Iterator[Run]:
    """Open the run that MLflow has made for this step. What cannot be done ends the step in three sentences."""
    quiet_mlflow()
    with mlflow.start_run(nested=True) as run:
        try:
            yield run
        except WorkbenchError as error:
            mlflow.set_tag("error", str(error))
            raise SystemExit(f"\n{error}\n") from error


def log_frame(frame: pd.DataFrame, name: str) -> None:
    """Log a table as an artifact of the active run, ``name.parquet``; the name may have a folder before it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, _, stem = name.rpartition("/")
        frame.to_parquet(path := Path(temporary, f"{stem}.parquet"))
        mlflow.log_artifact(str(path), folder or None)


def read_frames(uri: str) -> dict[str, pd.DataFrame]:
    """Read a folder of tables that another step has logged, by name."""
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def store_folder(chosen: str) -> str:
    """Folder of the feature store: what was chosen, else one beside the workbook's own store."""
    return str(Path(chosen).resolve() if chosen else workbook_home() / "feature_store")


def read_frame(uri: str) -> pd.DataFrame:
    """Read a table that another step has logged: ``runs:/…/features.parquet``."""
    return pd.read_parquet(mlflow.artifacts.download_artifacts(artifact_uri=uri))
