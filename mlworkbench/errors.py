"""One way for every error to speak: what was found, what was expected, what to do. Secrets stay out of it."""

from __future__ import annotations

import contextlib
import difflib
import errno
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import unquote

if TYPE_CHECKING:
    from mlflow.entities import Run

_LISTED, _SHOWN = 20, 200
_LONGEST = 10_000
"""The most characters of a sentence; somebody's text may have a million, and the log of a server needs thousands."""
_NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_SECRET = re.compile(r"(?i)(pass(word|wd|phrase)?|pwd|token|secret|(api|access|account)_?key|credentials?)[^=;&]{0,9}=")


class WorkbenchError(Exception):
    """A mistake that the reader can mend: what was found, what should have been the case, and the next step."""

    def __init__(self, found: str, expected: str, do: str) -> None:
        self.found, self.expected, self.do = (
            _cut(without_password(text).encode(errors="backslashreplace").decode()) for text in (found, expected, do)
        )
        super().__init__(self.found, self.expected, self.do)

    def __str__(self) -> str:
        return f"Found: {self.found}\nExpected: {self.expected}\nDo this: {self.do}"

    def _render_traceback_(self) -> list[str]:
        """Show the three sentences in a notebook, without the frames of this package."""
        return [f"{type(self).__name__}", *str(self).splitlines()]


class StoreError(WorkbenchError):
    """The tracking store cannot be used as it is."""


class NotebookError(WorkbenchError):
    """A notebook or one of its parameters is not what was asked for."""


class ProjectError(WorkbenchError):
    """An MLflow project, or what was asked of it, is not as it should be."""


def without_password(text: str) -> str:
    """A text whose addresses have ``***`` where a password or token was: before the host, or in the query."""
    # A password may hold '@' and '/' that nobody encoded, so it goes up to the last '@'; digits and '/' are a port.
    text = re.sub(r"(://[^\s:/?#@]*):(?!\d+[/?#])\S*@", r"\1:***@", text)
    text = re.sub(r"(?i)(https?://)[^\s/?#@]+@", r"\1***@", text)  # a token is often the user there
    return re.sub(r"([?&;])([^\s=&]+)=([^\s&]*)", _without_value, text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}=***" if _SECRET.search(unquote(f"{found[2]}={found[3]}")) else found[0]


def shown(value: object, length: int = 200) -> str:
    """A value for a message: its ``repr``, cut, also where it is huge or has none."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = length
    try:
        return short.repr(value)
    except Exception:  # a repr of somebody else's, or a number with too many digits
        return f"<{type(value).__name__}>"


def told(error: BaseException, length: int = 300) -> str:
    """Kind and message of somebody else's error, in one line and without passwords."""
    return f"{type(error).__name__}: {without_password(' '.join(str(error).split()))[:length]}"


def not_kept(error: BaseException) -> StoreError | None:
    """The error for a store or disk that went away, is full or cannot be written; None where that is not the cause."""
    said = str(error)  # of MLflow: a database, a server, a file
    away = getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE" or "API request to" in said
    away = away or _is_gone(error)
    if not away and not (isinstance(error, OSError) and error.errno in _NO_PLACE):
        return None
    return StoreError(
        f"what belongs into the store cannot be kept or found there ({told(error)}).",
        "a store that answers to the end of the call, on a disk that this user can write and that has room.",
        "Mend what the brackets name and make the same call again; `mlworkbench doctor` looks at store and disk.",
    )


def _is_gone(error: BaseException) -> bool:
    """Whether MLflow found no file where the store says that one is."""
    return str(error).startswith("No such artifact")


def no_place(error: OSError) -> WorkbenchError:
    """Build the error for a file that the system does not let this user read, make or write."""
    return WorkbenchError(
        f"the system refuses something to this user ({told(error)}).",
        "files and folders that this user can read and write, and room for more.",
        "Mend what the brackets name; MLWORKBENCH_HOME and TMPDIR choose other folders for what the workbook makes.",
    )


@contextlib.contextmanager
def explained(asked: str, do: str, *, kind: type[WorkbenchError] = WorkbenchError) -> Iterator[None]:
    """Tell in three sentences what MLflow, or the database below it, refuses of what was ``asked``."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, ArithmeticError, AttributeError, OSError, TypeError, ValueError) as error:
        raise not_kept(error) or kind(f"{asked[:_SHOWN]} ({told(error)}).", "what MLflow takes.", do) from error


def is_line(text: object) -> bool:
    """Whether it is a text of one line that says something, and that databases and files can keep."""
    if not isinstance(text, str) or {*map(category, text)} & {"Cc", "Cs", "Zl", "Zp"}:
        return False
    return any(map(str.isprintable, text.strip()))  # marks that nobody sees say nothing


def is_among(value: object, names: Iterable[object]) -> bool:
    """Whether a value is one of the names; what cannot be compared with a name, such as an array, is none."""
    try:
        return value in set(names)
    except TypeError:
        return False


def unknown_name(
    kind: str, name: object, names: Iterable[object], error: type[WorkbenchError] = WorkbenchError
) -> WorkbenchError:
    """Build the error for a name that is not among ``names``, offering the nearest one."""
    called = shown(name) if isinstance(name, str) else f"'{shown(name)}'"
    known, found = [str(each) for each in names], f"no {kind} is called {called}."
    if not known:
        return error(found, "one that exists, and there is none.", "Make one first, or leave it out.")
    near = difflib.get_close_matches(
        name[:_SHOWN] if isinstance(name, str) else shown(name), known, n=_LISTED, cutoff=0.4
    )
    listed = known if len(known) <= _LISTED else [*(near or known[:_LISTED]), f"… ({len(known)} in all)"]
    do = f"Did you mean {near[0]!r}?" if near else "Choose one of those."
    return error(found, f"one of: {', '.join(listed)}.", do)


def not_installed(missing: ModuleNotFoundError) -> WorkbenchError:
    """Build the error for a library that a model is made with and that is not there."""
    package = str(missing.name).partition(".")[0]
    return WorkbenchError(
        f"the model is made with {package}, which is not installed here ({sys.executable}).",
        "the libraries that a model is made with; wb.describe_model names those of a stored one, with their versions.",
        f"Run `{sys.executable} -m pip install {package}`, restart the kernel, and do this again.",
    )


def no_model(model_uri: object, error: Exception) -> WorkbenchError:
    """Build the error for a URI at which there is no model, or no longer its files."""
    do = "List what there is with mlflow.search_logged_models(), and check that the tracking store is the right one."
    if _is_gone(error) and isinstance(model_uri, str) and model_uri.startswith("models:/"):
        do = "Its files are not where it was logged: was the store moved? `mlworkbench doctor` tells where they belong."
    return WorkbenchError(
        f"no model at {shown(model_uri)} ({told(error)}).",
        "the address of a stored model, such as the model_uri that log_model returns.",
        do,
    )


def find_run(run_id: str) -> Run:
    """The run of that id.

    Raises
    ------
    WorkbenchError
        When there is none in the tracking store.
    """
    import mlflow

    do = "Pass a run_id of this store: wb.runs_table() lists those there are."
    if not is_line(run_id):
        raise WorkbenchError(f"the run {shown(run_id)}.", "the id of a run, a text.", do)
    with explained(f"the run {run_id!r}", do):
        return mlflow.get_run(run_id)
