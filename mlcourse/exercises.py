"""Exercises: released from their solutions by nbgrader, and put back when a learner wants to begin again."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from mlcourse.lessons import lessons
from mlworkbench.errors import NotebookError, unknown_name
from mlworkbench.groups import missing_groups
from mlworkbench.notebooks.notebook_file import read_notebook
from mlworkbench.tasks import forget
from mlworkbench.workbook import make_private, workbook_root

RELEASED = ".released"
"""Folder of the pristine exercises in a learner's copy of the workbook, which has no solutions to make them from."""


def assignments(root: Path | None = None) -> dict[str, Path]:
    """Solution notebooks by the name of the exercise, which is that of the file; in a learner's copy the exercises."""
    notebooks = (root or workbook_root()) / "notebooks"
    folder = notebooks / "solutions" if (notebooks / "solutions").is_dir() else notebooks / RELEASED
    return {path.stem: path for path in sorted(folder.glob("*/*.ipynb"))}


def release(target: Path, root: Path | None = None) -> list[Path]:
    """Make the exercises of all assignments: solutions and hidden tests taken out.

    Parameters
    ----------
    target : Path
        Folder that gets ``<part>/<exercise>.ipynb``.
    root : Path, optional
        Root of the workbook; found by walking up when left out.

    Returns
    -------
    list of Path
        The exercises.

    Raises
    ------
    NotebookError
        When nbgrader is not installed or refuses a solution notebook.

    References
    ----------
    https://nbgrader.readthedocs.io/en/stable/user_guide/creating_and_grading_assignments.html
    """
    root, target = root or workbook_root(), target.resolve()  # nbgrader takes a relative path from the course
    with tempfile.TemporaryDirectory() as scratch:  # a new gradebook takes nbgrader longer than an assignment
        for part in sorted({path.parent.name for path in assignments(root).values()}):
            generate(root / "notebooks", part, target, f"sqlite:///{scratch}/gradebook.db")
    return sorted(target.glob("*/*.ipynb"))


def nbgrader_settings(course: Path) -> Any:
    """What ``nbgrader_config.py`` in the folder of the notebooks says."""
    from traitlets.config.loader import PyFileConfigLoader

    if not (course / "nbgrader_config.py").is_file():
        raise NotebookError(
            f"no nbgrader_config.py in {course}.",
            "a teacher's copy of the workbook, with the solutions.",
            "Clone the whole workbook: learners' copies hold neither.",
        )
    return PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()


def generate(course: Path, part: str, target: Path, db_url: str | None = None) -> None:
    """Release an assignment, and enter it into a gradebook if one is named."""
    try:
        from nbgrader.converters import GenerateAssignment, NbGraderException
        from nbgrader.coursedir import CourseDirectory
    except ImportError as error:
        raise missing_groups("nbgrader", ["course"]) from error
    config = nbgrader_settings(course)
    # nbgrader calls alembic by its name, which is beside this Python also where the environment is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory() as scratch:
        config.CourseDirectory.db_url = db_url or f"sqlite:///{scratch}/gradebook.db"
        config.CourseDirectory.root = str(course)
        config.CourseDirectory.release_directory = str(target)
        config.CourseDirectory.assignment_id = part
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        converter.force, converter.create_assignment = True, True
        converter.log.setLevel(logging.ERROR)
        try:
            converter.start()
        except NbGraderException as error:
            raise NotebookError(
                f"nbgrader refuses {part} ({error}).", "a solution notebook with nbgrader's cells.", "Correct it."
            ) from error


def reset(exercise: str, root: Path | None = None) -> tuple[Path, Path | None]:
    """Put a pristine copy of an exercise in place; the learner's work is kept under a dated name.

    Parameters
    ----------
    exercise : str
        Name of the exercise, that is of its file without the ending.

    Returns
    -------
    tuple of Path and (Path or None)
        The pristine exercise, and where the earlier work is kept, if there was any.

    Raises
    ------
    NotebookError
        For an exercise that does not exist, with the nearest name.
    """
    root = root or workbook_root()
    known = assignments(root)
    if exercise not in known:
        raise unknown_name("exercise", exercise, known, NotebookError)
    source, part = known[exercise], known[exercise].parent.name
    place = root / "notebooks" / "exercises" / part / f"{exercise}.ipynb"
    kept = None
    with tempfile.TemporaryDirectory() as scratch:
        if source.parents[1].name != RELEASED:
            generate(root / "notebooks", part, Path(scratch))
            source = Path(scratch, part, f"{exercise}.ipynb")
        place.parent.mkdir(parents=True, exist_ok=True)
        make_private(root / ".mlworkbench")
        # Two at once would keep the same work, or overwrite it.
        with FileLock(root / ".mlworkbench" / "reset.lock", mode=0o600):
            new = Path(shutil.copyfile(source, place.with_name(f".{exercise}.new")))  # without room, nothing has moved
            if place.exists():
                kept = _kept(place)
            new.replace(place)
    forget(f"{exercise}.")
    return place, kept


def _kept(place: Path) -> Path:
    """Move a file to a dated name that no file has; a number is added to the name when one has it."""
    dated, number = f"{place.stem} {time.strftime('%Y-%m-%d %H.%M.%S')}", 1
    kept = place.with_name(f"{dated}.ipynb")
    while kept.exists():
        number += 1
        kept = place.with_name(f"{dated} {number}.ipynb")
    return place.rename(kept)


def points_of(title: str) -> int:
    """The points that stand behind the title of a task, in brackets; 0 for the tasks of lessons."""
    found = re.search(r"\((\d+) points?\)$", title)
    return int(found[1]) if found else 0


def task_titles(root: Path | None = None) -> dict[str, str]:
    """Title and points of each task: of a lesson's task the title of the lesson."""
    titles = {lesson.id: lesson.title for lesson in lessons(root=root)}
    for exercise, path in assignments(root).items():
        for cell in read_notebook(path).cells:
            if found := re.match(r"## Task (\d+): (.*)", cell.source):
                titles[f"{exercise}.{found[1]}"] = found[2]
    return titles
