"""One way for every error to speak: what was found, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """A mistake that the reader can mend, told in three sentences.

    Parameters
    ----------
    found : str
        What is the case, with the offending value in it.
    expected : str
        What should have been the case.
    do : str
        The next step that mends it.
    """

    def __init__(self, found: str, expected: str, do: str) -> None:
        super().__init__(found, expected, do)
        self.found, self.expected, self.do = found, expected, do

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


def told(error: BaseException, length: int = 300) -> str:
    """Kind and message of somebody else's error, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:length]}"


def unknown_name(
    kind: str, name: str, names: Iterable[str], error: type[WorkbenchError] = WorkbenchError
) -> WorkbenchError:
    """Build the error for a name that is not among ``names``, offering the nearest one."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if not known:
        return error(
            f"no {kind} is called {name!r}.", "one that exists, and there is none.", "Make one first, or leave it out."
        )
    do = f"Did you mean {near[0]!r}?" if near else "Choose one of those."
    return error(f"no {kind} is called {name!r}.", f"one of: {', '.join(known)}.", do)


def no_model(model_uri: str, error: Exception) -> WorkbenchError:
    """Build the error for a URI at which there is no model."""
    return WorkbenchError(
        f"no model at {model_uri!r} ({told(error)}).",
        "the address of a stored model, such as the model_uri that log_model returns.",
        "List what there is with mlflow.search_logged_models(), and check that the tracking store is the right one.",
    )
