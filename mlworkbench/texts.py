"""Texts that go to databases, file systems and other programs: which are refused, and what is not told of them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from mlworkbench.errors import WorkbenchError


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


def without_credentials(text: str) -> str:
    """A text in which no address tells a user, password, token or query."""
    return re.sub(r"https?://[^\s'\"<>]+", lambda found: _bare(found[0]), text)


def _bare(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:  # such as http://[::1
        return "http://…"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
