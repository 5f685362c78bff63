"""What MLflow's tile shows until MLflow listens: a page that says so, and asks again every second."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

_PAGE = """<!doctype html><meta charset="utf-8"><title>MLflow</title>
<body style="font: 16px sans-serif; margin: 3em; color-scheme: light dark">
<p role="status">MLflow is starting. The first time this takes some seconds, on a busy machine a minute.</p>
<script>setTimeout(() => location.reload(), 1000)</script>"""
_ANSWER = (
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
    f"Retry-After: 1\r\nConnection: close\r\nContent-Length: {len(_PAGE.encode())}\r\n\r\n{_PAGE}"
).encode()


class StartingPage:
    """A socket in the place of MLflow's. It answers every request with the page until MLflow puts its own there."""

    def __init__(self, place: Path) -> None:
        self._place = place
        if place.is_socket():  # that of an earlier server
            place.unlink()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place))
        self._listener.listen()
        self._listener.settimeout(0.5)
        self._ours = place.stat().st_ino

    def attend(self) -> None:
        """For half a second, or until one request is answered; afterwards, let that time pass."""
        if self._replaced():
            self._listener.close()
            time.sleep(0.5)
            return
        with contextlib.suppress(OSError):  # nobody has asked, or who asked has gone
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(_ANSWER)

    def _replaced(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return self._place.stat().st_ino != self._ours
        return True
