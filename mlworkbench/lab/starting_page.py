"""What MLflow's tile shows until MLflow listens: a page that says so, and asks again every second."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

_PAGE = """<!doctype html><meta charset="utf-8"><title>MLflow</title>
<body style="font: 16px sans-serif; margin: 3em; color-scheme: light dark">
<p role="status">MLflow is starting. The first time this takes some seconds, on a busy machine a minute.</p>
<script>setTimeout(() => location.reload(), 1000)</script>"""
_ANSWER = (
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
    f"Retry-After: 1\r\nConnection: close\r\nContent-Length: {len(_PAGE.encode())}\r\n\r\n{_PAGE}"
).encode()


def listening(place: Path) -> socket.socket:
    """Listen at a socket of that path, in place of one that an earlier server has left."""
    place.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    return listener


def serve_until_replaced(listener: socket.socket, place: Path) -> None:
    """Answer every request with the page, until MLflow has put its own socket into that place."""
    listener.settimeout(0.5)
    ours = place.stat().st_ino
    with contextlib.suppress(FileNotFoundError):
        while place.stat().st_ino == ours:
            with contextlib.suppress(OSError):  # nobody has asked, or who asked has gone
                _answer(listener)


def _answer(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(_ANSWER)
