"""Copy all artifacts as a tar to standard output (`save`), or from standard input (`load`), wherever they are kept."""

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository


def files(repository: ArtifactRepository, folder: str | None = None) -> Iterator[str]:
    """Paths of all files, below the root of the artifacts."""
    for entry in repository.list_artifacts(folder):
        if entry.is_dir:
            yield from files(repository, entry.path)
        else:
            yield entry.path


def save(repository: ArtifactRepository) -> None:
    """Write every file to the tar, one at a time, so that disk for the largest suffices."""
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for path in files(repository):
            with tempfile.TemporaryDirectory() as folder:
                tar.add(repository.download_artifacts(path, folder), arcname=path)


def load(repository: ArtifactRepository) -> None:
    """Put every file of the tar where it was."""
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, path.name)
                with file.open("wb") as target:
                    shutil.copyfileobj(tar.extractfile(member), target)
                repository.log_artifact(str(file), None if path.parent == PurePosixPath() else str(path.parent))


if __name__ == "__main__":
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    {"save": save, "load": load}[sys.argv[1]](get_artifact_repository(os.environ["MLFLOW_ARTIFACTS_DESTINATION"]))
