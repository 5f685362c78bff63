"""What a class has reached, for spreadsheets and for the learners: grades and progress as CSV, feedback as HTML."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin

from mlcourse.exercises import assignments, nbgrader_settings, task_titles
from mlcourse.grading.preprocessor import checks
from mlworkbench.notebooks.notebook_file import read_notebook
from mlworkbench.workbook import workbook_root

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"


class Csv(ExportPlugin):  # type: ignore[misc]
    """nbgrader's exporter of this course: ``grades.csv`` and ``progress.csv`` in the folder ``to``.

    ``nbgrader export --exporter mlcourse.grading.export.Csv --to FOLDER`` does the same as ``mlworkbench course
    export``, without the feedback.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write both files, UTF-8, for their owner alone."""
        import pandas as pd

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader
            grades, progress = pd.DataFrame(_grades(gradebook)), pd.DataFrame(_progress(gradebook))
        _write(grades, Path(self.to, "grades.csv"))
        _write(progress, Path(self.to, "progress.csv"))


def export(target: Path | None = None) -> list[Path]:
    """Write grades and progress of the whole class, and everybody's feedback.

    Parameters
    ----------
    target : Path, optional
        Folder of the two CSV files; ``.mlworkbench/course`` when left out.

    Returns
    -------
    list of Path
        Both files, and the folder of the feedback.
    """
    course = workbook_root() / "notebooks"
    config = nbgrader_settings(course)
    feedback = Path(config.CourseDirectory.feedback_directory)
    target = (target or feedback.parent).resolve()
    target.mkdir(parents=True, exist_ok=True)
    with Gradebook(config.CourseDirectory.db_url, "mlworkbench") as book:
        Csv(to=str(target)).export(book)
        graded = [each.name for each in book.assignments if each.submissions]
    for assignment in graded:
        _feedback(course, config, assignment)
    return [target / "grades.csv", target / "progress.csv", feedback]


def _feedback(course: Path, config: Any, assignment: str) -> None:
    """Let nbgrader write the pages of an assignment."""
    from nbgrader.converters import GenerateFeedback
    from nbgrader.coursedir import CourseDirectory

    config.CourseDirectory.root, config.CourseDirectory.assignment_id = str(course), assignment
    converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
    converter.force = True
    converter.log.setLevel(logging.ERROR)
    converter.start()


def _grades(book: Gradebook) -> Iterator[dict[str, Any]]:
    """A row a learner and assignment of which somebody has handed something in; ``by_hand`` waits for a teacher."""
    for assignment, student, submission in _submissions(book):
        grades = [grade for n in submission.notebooks for grade in n.grades] if submission else []
        yield {
            "student": student,
            "assignment": assignment.name,
            "handed_in": "yes" if submission else "no",
            "points": submission.score if submission else 0.0,
            "of": assignment.max_score,
            "by_hand": sum(grade.max_score for grade in grades if grade.needs_manual_grade),
        }


def _progress(book: Gradebook) -> Iterator[dict[str, Any]]:
    """A row a learner and task; questions that are graded by hand count as tasks."""
    titles = task_titles()
    tasks = {name: checks(read_notebook(path)) for name, path in assignments().items()}
    for assignment, student, submission in _submissions(book):
        for notebook in submission.notebooks if submission else ():
            for grade in notebook.grades:
                task = tasks[notebook.name].get(grade.name, (f"{notebook.name} {grade.name}", ""))[0]
                yield {
                    "student": student,
                    "assignment": assignment.name,
                    "task": task,
                    "title": titles.get(task, "a question"),
                    "points": grade.score,
                    "of": grade.max_score,
                    "outcome": _outcome(grade),
                }


def _submissions(book: Gradebook) -> Iterator[tuple[Any, str, Any]]:
    """Assignment, learner, and what the learner has handed in or None."""
    for assignment in book.assignments:
        for student in book.students if assignment.submissions else ():
            try:
                yield assignment, student.id, book.find_submission(assignment.name, student.id)
            except MissingEntry:
                yield assignment, student.id, None


def _outcome(grade: Any) -> str:
    if grade.needs_manual_grade:
        return "waits for the teacher"
    return "Passed" if grade.score >= grade.max_score else "Not yet"


def _write(table: pd.DataFrame, path: Path) -> None:
    """A file in which no text is a formula for a spreadsheet, and whose letters Excel reads as well."""
    path.touch(mode=0o600)
    table.map(_plain).to_csv(path, index=False, encoding="utf-8-sig")


def _plain(value: Any) -> Any:
    """A text that a spreadsheet would compute gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(tuple(_FORMULA)) else value
