"""An S3 store that only the server talks to.

MLflow would hand out addresses of the objects, so that clients fetch them from the store itself. Ours is on a network
that no client reaches: each download would hang for minutes.
"""

from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository


class S3ThroughServer(ArtifactRepository):
    """MLflow's repository for S3, without the classes by which the server knows what can be fetched directly."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.s3 = S3ArtifactRepository(*arguments, **options)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store a file."""
        self.s3.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store the files of a folder."""
        self.s3.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Files and folders in a folder."""
        return self.s3.list_artifacts(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self.s3._download_file(remote_file_path, local_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or a folder."""
        self.s3.delete_artifacts(artifact_path)
