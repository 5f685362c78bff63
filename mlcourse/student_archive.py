"""What learners are given: the workbook without solutions, hidden tests, worked solutions, and whatever else is there.

Only what is named here goes into it, so that nothing slips in which happens to lie in a teacher's folder.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from mlcourse.exercises import RELEASED, release
from mlworkbench.errors import NotebookError, WorkbenchError
from mlworkbench.workbook import workbook_root

NAME = "mlflow-workbook"
FILES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", "MLproject", "pyproject.toml"),
    *("environment.yml", "requirements*", "docker-compose.yml"),
)
FOLDERS = ("mlcourse", "mlworkbench", "warmkernel", "docs", "docker")
LESSONS = ("00_*.ipynb", "[0-9][0-9]_*", "appendix", "images", "projects")
_NEVER = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "mlruns", "mlflow.db*")


def package(target: Path, root: Path | None = None) -> Path:
    """Write what learners get into a new folder, or into a file whose name ends with ``.zip``.

    Parameters
    ----------
    target : Path
        Folder that is not there yet or empty, or file.
    root : Path, optional
        Root of the workbook; found by walking up when left out.

    Returns
    -------
    Path
        The folder or the file.

    Raises
    ------
    NotebookError
        When an exercise in ``notebooks/exercises`` is not what its solution releases: somebody worked in it, or the
        solution was changed since.
    WorkbenchError
        When something is at the target already.
    """
    root = root or workbook_root()
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise WorkbenchError(f"{target} is there already.", "a new name, or an empty folder.", "Choose another one.")
    with tempfile.TemporaryDirectory(prefix="package-") as scratch:
        folder = Path(scratch, NAME)
        released = folder / "notebooks" / RELEASED
        _refuse_changed(root / "notebooks" / "exercises", release(released, root))
        _copy(root, folder)
        shutil.copytree(released, folder / "notebooks" / "exercises")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() != ".zip":
            return Path(shutil.copytree(folder, target, dirs_exist_ok=True))
        made = shutil.make_archive(str(Path(scratch, "archive")), "zip", scratch, NAME)
        return Path(shutil.move(made, target))


def _refuse_changed(exercises: Path, released: list[Path]) -> None:
    """Raise where an exercise that is stored is not the one that its solution releases."""
    for new in released:
        stored = exercises / new.parent.name / new.name
        if not stored.is_file() or stored.read_text(encoding="utf-8") != new.read_text(encoding="utf-8"):
            raise NotebookError(
                f"{stored} {'differs from' if stored.is_file() else 'is missing beside'} its solution.",
                "the exercise as its solution in notebooks/solutions releases it.",
                f"mlworkbench reset {new.stem} makes it anew, and keeps work that is in it under a dated name.",
            )


def _copy(root: Path, folder: Path) -> None:
    for pattern in FILES:
        for file in root.glob(pattern):
            shutil.copy2(file, folder)
    for name in FOLDERS:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=_NEVER)
    for pattern in LESSONS:
        for found in (root / "notebooks").glob(pattern):
            target = folder / "notebooks" / found.name
            shutil.copytree(found, target, ignore=_NEVER) if found.is_dir() else shutil.copy2(found, target)
