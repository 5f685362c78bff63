"""What checks look at in filters of the registry: what they find today, and whether they will find the next version."""

from __future__ import annotations

import re
from typing import Any

from mlcourse.answers import shown
from mlcourse.registry import registered_models
from mlworkbench.errors import told
from mlworkbench.tasks import NotYetError

_VALUE = re.compile(r"'[^']*'|\"[^\"]*\"")
_ASKED = re.compile(r"(name|tags?\.(?P<tag>\S+))\s*(=|I?LIKE|IN\b)", re.IGNORECASE)


def finds(condition: Any, name: str, key: str, value: str) -> int:
    """A filter must find the versions of a model with this tag, by the tag, and no others; returns how many."""
    import mlflow

    if not isinstance(condition, str):
        raise NotYetError(
            f"The filter is of type {type(condition).__name__}.", "Give the text that filter_string gets."
        )
    try:
        found = {(found.name, int(found.version)) for found in mlflow.search_model_versions(filter_string=condition)}
    except Exception as error:  # a text that no database takes raises in its own way
        raise NotYetError(
            f"MLflow refuses the filter {shown(condition)} ({told(error)[:200]}).",
            "The form is name = '…' and tags.key = '…'.",
        ) from error
    wanted = {
        (name, number) for number, version in registered_models.versions(name).items() if version.tags.get(key) == value
    }
    if foreign := {other for other, _ in found - wanted} - {name}:
        raise NotYetError(f"The filter finds versions of {shown(min(foreign))} too.", f"Ask for name = {name!r} too.")
    if found != wanted:
        raise NotYetError(
            f"The filter finds {len(found)} version(s) of {name!r}, {len(wanted)} have {key} = {value!r}.",
            f"Ask for the tag: tags.{key} = '…'.",
        )
    if key not in condition:
        raise NotYetError("The filter does not name the tag.", "The next version with the tag should be found too.")
    if name not in condition:
        raise NotYetError(
            f"The filter does not name {name!r}.",
            f"Another model may get this tag tomorrow: ask for name = {name!r} too.",
        )
    _of_tomorrow(condition, key)
    return len(found)


def _of_tomorrow(condition: str, key: str) -> None:
    """Every part of a filter asks for the name or for the tag, with one value."""
    plain = _VALUE.sub(lambda value: "'%'" if "%" in value[0] else "''", condition)
    for part in re.split(r"\band\b", plain, flags=re.IGNORECASE):
        asked = _ASKED.match(part.strip())
        if asked is None or (asked["tag"] or key).strip("`'\"=") not in (key, ""):
            raise NotYetError(f"The filter asks for {shown(part.strip())} too.", "The next version may differ in that.")
        if "%" in part:
            raise NotYetError(f"The filter asks for any text by {shown(part.strip())}.", "Ask for one value, with =.")
