"""Grades what a class handed in: each submission by nbgrader in a process of its own, several at once."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from mlcourse.exercises import assignments, generate, nbgrader_settings
from mlcourse.grading import submissions
from mlcourse.grading.confinement import end_with_parent, enforced
from mlcourse.grading.container import try_container
from mlworkbench.errors import NotebookError, WorkbenchError, unknown_name
from mlworkbench.workbook import workbook_root

if TYPE_CHECKING:
    import pandas as pd

_LONGEST = 3600.0  # seconds; a submission is stopped long before


@dataclass
class _Submission:
    """One learner's work on its way to its points."""

    student: str
    folder: Path
    told: list[str] = field(default_factory=list)
    written: str = ""
    ready: bool = False


def grade_class(
    assignment: str,
    *,
    jobs: int | None = None,
    seconds: float | None = None,
    container: bool = False,
    root: Path | None = None,
) -> pd.DataFrame:
    """Grade every submission of an assignment, and tell what happened to each.

    Parameters
    ----------
    assignment : str
        Folder of the assignment (``01_tracking``) or name of its notebook (``tracking``).
    jobs : int, optional
        How many submissions at once; as many as there are cores by default.
    seconds : float, optional
        The most that a whole submission may take; the judge has its own time.
    container : bool, default False
        Whether each submission runs, and is judged, in containers of its own without a network.

    Returns
    -------
    pandas.DataFrame
        A row a learner: ``student``, ``points``, ``of`` (points that are given by checks), ``by_hand`` (points that
        wait for a teacher), ``happened``, ``alike`` (learners with nearly the same work).

    Raises
    ------
    NotebookError
        For an unknown assignment, or when nobody has handed anything in; nothing has been graded then.
    """
    root = _course(root or workbook_root(), jobs, container)
    part, name = _chosen(assignment, root)
    settings = nbgrader_settings(root / "notebooks").CourseDirectory
    every = [_Submission(path.parent.name, path) for path in _handed_in(settings.submitted_directory, part, name)]
    release = Path(settings.release_directory).resolve()
    generate(root / "notebooks", part, release, settings.db_url)
    _grade_all(every, release / part / f"{name}.ipynb", root, jobs, str(seconds or ""), str(container or ""))
    return _table(every, part, settings.db_url)


def _course(root: Path, jobs: int | None, container: bool) -> Path:
    """The root of a course in which this can be done; what cannot is refused before anything is done."""
    if jobs is not None and jobs < 1:
        raise WorkbenchError(f"jobs = {jobs}.", "at least 1.", "Leave it out to use every core.")
    if container:
        try_container(root)
    return root


def _grade_all(every: list[_Submission], released: Path, root: Path, jobs: int | None, *options: str) -> None:
    """Grade submissions of what was released, so many at once."""
    pristine = nbformat.read(released, as_version=4)
    with tempfile.TemporaryDirectory(prefix="submitted-") as scratch:
        for each in every:
            _prepare(each, released.stem, pristine, Path(scratch))
        with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
            list(pool.map(partial(_grade, root=root, words=(scratch, released.parent.name, *options)), every))


def _handed_in(submitted: str, part: str, name: str) -> list[Path]:
    """The folders in which learners have handed in an assignment."""
    folders = sorted(path for path in Path(submitted).glob(f"*/{part}") if path.is_dir())
    if not folders:
        expected = f"notebooks like {submitted}/NAME/{part}/{name}.ipynb."
        raise NotebookError(f"nobody has handed in {part}.", expected, "Put them there.")
    return folders


def handed_in(root: Path | None = None) -> list[str]:
    """The assignments of which something was handed in."""
    root = root or workbook_root()
    place = Path(nbgrader_settings(root / "notebooks").CourseDirectory.submitted_directory)
    parts = sorted({path.parent.name for path in assignments(root).values()})
    if found := [part for part in parts if any(place.glob(f"*/{part}"))]:
        return found
    raise NotebookError("nobody has handed anything in.", f"folders like {place}/NAME/{parts[0]}.", "Put them there.")


def _chosen(assignment: str, root: Path) -> tuple[str, str]:
    """Folder and name of an assignment's notebook."""
    known = assignments(root)
    for name, path in known.items():
        if assignment in (name, path.parent.name):
            return path.parent.name, name
    raise unknown_name("assignment", assignment, [path.parent.name for path in known.values()], NotebookError)


def _prepare(each: _Submission, name: str, pristine: Any, scratch: Path) -> None:
    """Put a copy that nbgrader can read into the scratch folder."""
    try:
        notebook, each.told = submissions.read(each.folder, name)
        each.told += submissions.tidy(notebook, pristine)
        each.written = submissions.written(notebook, pristine)
        target = scratch / each.student / each.folder.name / f"{name}.ipynb"
        submissions.save(notebook, target, [each.folder / "timestamp.txt"])
        each.ready = True
    except submissions.UnreadableError as reason:
        each.told.append(f"not graded: {reason}")


def _grade(each: _Submission, *, root: Path, words: tuple[str, ...]) -> None:
    """Let nbgrader grade one submission in a process of its own."""
    command = [sys.executable, "-P", "-m", "mlcourse.grading.classroom", each.student, *words]
    if not each.ready:
        return
    try:
        done = subprocess.run(
            command, cwd=root / "notebooks", capture_output=True, text=True, check=False, timeout=_LONGEST
        )
        said = done.stdout.strip().splitlines()
        each.told += [text] if (text := str(json.loads(said[-1]))) else []
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        each.told.append("not graded: nbgrader stopped with an error")
        each.ready = False


def _table(every: list[_Submission], part: str, db_url: str) -> pd.DataFrame:
    import pandas as pd
    from nbgrader.api import Gradebook

    near, rows = submissions.alike({each.student: each.written for each in every}), []
    with warnings.catch_warnings(), Gradebook(db_url, "mlworkbench") as book:
        warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader
        for each in every:
            book.update_or_create_student(each.student)
            grades = [g for n in book.update_or_create_submission(part, each.student).notebooks for g in n.grades]
            if not each.ready:
                for grade in grades:
                    grade.auto_score, grade.needs_manual_grade = 0, False
                book.db.commit()
            checked = [grade for grade in grades if grade.cell_type == "code"]
            rows.append(
                {
                    "student": each.student,
                    "points": float(sum(grade.auto_score or 0 for grade in checked)),
                    "of": sum(grade.max_score for grade in checked),
                    "by_hand": float(sum(grade.max_score for grade in grades if grade.needs_manual_grade)),
                    "happened": "; ".join(each.told) or "graded",
                    "alike": ", ".join(near[each.student]),
                }
            )
    return pd.DataFrame(rows)


def remains() -> str:
    """What this system does not keep a submission from doing, in a sentence; empty when it keeps it from all."""
    if enforced():
        return ""
    return (
        "This system cannot shut submissions in, as Linux 5.13 or later can: they run as you and could read your files."
    )


def _one(student: str, scratch: str, part: str, seconds: str, container: str) -> str:
    """Grade one prepared submission; returns what happened."""
    from nbgrader.converters import Autograde, NbGraderException
    from nbgrader.coursedir import CourseDirectory

    from mlcourse.grading.limits import Limits
    from mlcourse.grading.preprocessor import RunAndJudge

    RunAndJudge.limits = Limits(seconds=float(seconds)) if seconds else Limits()
    RunAndJudge.container = bool(container)
    config = nbgrader_settings(Path.cwd())
    config.CourseDirectory.root = str(Path.cwd())
    config.CourseDirectory.submitted_directory = scratch
    config.CourseDirectory.assignment_id, config.CourseDirectory.student_id = part, student
    converter = Autograde(coursedir=CourseDirectory(config=config), config=config)
    converter.force = True
    converter.log.setLevel(logging.CRITICAL)
    try:
        converter.start()
    except NbGraderException as error:
        raise SystemExit(f"nbgrader: {error}") from error
    return RunAndJudge.happened


if __name__ == "__main__":
    end_with_parent()
    print(json.dumps(_one(*sys.argv[1:])))  # noqa: T201 (the one who started it reads this)
