"""Servers of this machine that answer as a test wants."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server of this machine that answers as the handler does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Silent(BaseHTTPRequestHandler):
    """Tells nobody of its requests."""

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextlib.contextmanager
def server_with_a_token(token: str) -> Iterator[str]:
    """A tracking server without experiments, behind something that wants a token, as in many companies."""

    class Handler(Silent):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Bearer {token}"
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(b"{}")

    with serving(Handler) as uri:
        yield uri
