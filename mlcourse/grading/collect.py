"""Puts what a class handed in where nbgrader looks for it, and tells what became of every file."""

from __future__ import annotations

import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcourse.exercises import assignments, nbgrader_settings
from mlcourse.grading.submissions import MOST_BYTES, PATTERNS
from mlworkbench.errors import NotebookError, is_line
from mlworkbench.workbook import workbook_root

if TYPE_CHECKING:
    import pandas as pd

_CHECK = re.compile(r"""wb\.check\(\\?["']([a-z]+)\.\d""")
_WITHOUT_PATTERNS = str.maketrans(PATTERNS, "()--")
_MOODLE = re.compile(r"_\d+_assignsubmission_.*$")


@dataclass
class _File:
    """A file of the folder: whose it is, of which assignment, and what became of it."""

    path: Path
    inside: Path
    student: str
    exercise: str
    told: str = ""

    @property
    def whose(self) -> tuple[str, str]:
        """Learner and exercise, the same for all spellings of a name."""
        return _folded(self.student), self.exercise


def _folded(name: str) -> str:
    """The same for letters and accents in one or two characters, large or small."""
    return unicodedata.normalize("NFC", name).casefold()


def collect(folder: Path, root: Path | None = None) -> pd.DataFrame:
    """Copy the notebooks of a folder into nbgrader's ``submitted/NAME/ASSIGNMENT``; the folder stays as it is.

    Parameters
    ----------
    folder : Path
        ``NAME/….ipynb`` for each learner, or ``NAME_tracking.ipynb``; the assignment is told by the checks that a
        notebook calls, else by its name. A download of Moodle may be given as it is.
    root : Path, optional
        Root of the workbook; found by walking up when left out.

    Returns
    -------
    pandas.DataFrame
        A row a file: ``file``, ``student``, ``assignment``, ``happened``.

    Raises
    ------
    NotebookError
        When the folder holds no files.
    """
    import pandas as pd

    root = root or workbook_root()
    known = {name: path.parent.name for name, path in assignments(root).items()}
    submitted = Path(nbgrader_settings(root / "notebooks").CourseDirectory.submitted_directory)
    files = [
        _File(path, path.relative_to(folder), *_whose(path.relative_to(folder), path, known)) for path in _files(folder)
    ]
    _settle_doubles(files)
    spelled = {_folded(path.name): path.name for path in submitted.glob("*")}
    for file in files:
        file.student = spelled.get(_folded(file.student), file.student)
        if not file.told:
            file.told = _copy(file, submitted / file.student / known[file.exercise] / f"{file.exercise}.ipynb")
    rows = [(str(f.inside), f.student, known.get(f.exercise, ""), f.told) for f in files]
    return pd.DataFrame(rows, columns=["file", "student", "assignment", "happened"])


def _files(folder: Path) -> list[Path]:
    """Every file that somebody may have handed in; what systems put beside it begins with a dot or is ``__MACOSX``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    hidden = re.compile(r"\.|__MACOSX$")
    if found := [path for path in paths if not any(map(hidden.match, path.relative_to(folder).parts))]:
        return found
    raise NotebookError(
        f"no files in {folder}.", "a folder with NAME/tracking.ipynb or NAME_tracking.ipynb.", "Name another folder."
    )


def _whose(inside: Path, path: Path, known: dict[str, str]) -> tuple[str, str, str]:
    """Learner and exercise of a file, and why it is not collected, if it is not."""
    named = re.compile(rf"[\s_-]*({'|'.join([*known, *known.values()])})(?=[\s_-]|$).*", re.IGNORECASE)
    student = inside.parts[0] if len(inside.parts) > 1 else named.sub("", inside.stem)
    student = unicodedata.normalize("NFC", _MOODLE.sub("", student)).strip().translate(_WITHOUT_PATTERNS)
    if path.is_symlink():
        return student, "", "not collected: a link"
    if path.suffix.lower() != ".ipynb":
        packed = path.suffix.lower() in (".zip", ".gz", ".7z", ".rar")
        return student, "", "not collected: unpack it first" if packed else "not collected: no notebook"
    exercise = _of_checks(path, known) or _of_names(inside, known)
    if not exercise:
        return student, "", f"not collected: of no assignment; call it NAME_{next(iter(known))}.ipynb"
    if not is_line(student):
        return "", exercise, f"not collected: nobody's; call it NAME_{exercise}.ipynb"
    return student, exercise, ""


def _of_checks(path: Path, known: dict[str, str]) -> str:
    """The exercise whose checks a notebook calls, also where it cannot be read as one."""
    if path.stat().st_size > MOST_BYTES:
        return ""
    found = _CHECK.findall(path.read_text(encoding="utf-8", errors="replace"))
    return max((name for name in found if name in known), key=found.count, default="")


def _of_names(inside: Path, known: dict[str, str]) -> str:
    words = re.split(r"[\s_./-]+", str(inside).casefold())
    return next((name for name in known if name in words), "")


def _settle_doubles(files: list[_File]) -> None:
    """Of several notebooks in the folder of a learner the one with the right name counts; else none of them does."""
    for file in files:
        rivals = [other for other in files if other is not file and other.exercise and other.whose == file.whose]
        if file.told or not rivals:
            continue
        every = (file, *rivals)
        exact = [each for each in every if each.path.name == f"{each.exercise}.ipynb"]
        if len({each.inside.parts[0] for each in every}) > 1 or len(exact) != 1:
            file.told = f"not collected: {rivals[0].inside} is of the same learner; keep or rename one"
        elif exact[0] is not file:
            file.told = f"left aside: {exact[0].path.name} counts"


def _copy(file: _File, target: Path) -> str:
    told = "collected" if file.path.stem.endswith(file.exercise) else f"collected; was called {file.path.name}"
    new = file.path.read_bytes()
    if target.is_file() and target.read_bytes() != new:
        told += "; replaces an earlier one"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.path, target)
    return told
