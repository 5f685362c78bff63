"""Texts that go to databases, file systems and other programs, and which of them are refused."""

from __future__ import annotations

import re

from mlworkbench import mlflow_internals
from mlworkbench.errors import WorkbenchError

LONGEST_MODEL_NAME = 256
"""What databases take."""


def require_text(value: object, what: str, error: type[WorkbenchError] = WorkbenchError) -> str:
    """The value, if it is a text that a database or another program takes.

    Raises
    ------
    WorkbenchError
        For anything but a text, and for one with NUL or half of a surrogate pair in it.
    """
    if not isinstance(value, str):
        raise error(f"{what} of type {type(value).__name__}.", "a text.", "Write it in quotes.")
    if bad := re.search(r"[\0\ud800-\udfff]", value):
        raise error(
            f"{what} with the character {bad[0]!r} in it.",
            "a text without NUL and without half of a surrogate pair: no database takes them.",
            "Take that character out.",
        )
    return value


def check_model_name(name: object) -> None:
    """Refuse what MLflow, a search for it, or its address would refuse as the name of a registered model.

    Raises
    ------
    WorkbenchError
        For a name that cannot be registered, and for one that could not be found or loaded afterwards.
    """
    from mlflow.exceptions import MlflowException

    text = require_text(name, "the name of a registered model")
    try:
        mlflow_internals.check_model_name(text)
    except MlflowException as error:
        raise bad_model_name(text, error) from error
    if len(text) > LONGEST_MODEL_NAME:
        raise bad_model_name(text, f"{len(text)} characters, which databases refuse")
    if "'" in text and '"' in text:
        raise bad_model_name(text, "both kinds of quotes, which MLflow's search cannot find")
    if not mlflow_internals.is_addressed(text):
        raise bad_model_name(text, f"models:/{text}/1 and models:/{text}@alias would name another model")


def bad_model_name(name: str, why: object) -> WorkbenchError:
    """Build the error for a name that no registered model can have."""
    return WorkbenchError(
        f"the name {name[:50]!r} for a registered model ({' '.join(str(why).split())[:300]}).",
        f"1 to {LONGEST_MODEL_NAME} characters without '/', ':', '@', '?' and line breaks.",
        "Choose another name, with '-' or '_' between its parts.",
    )
