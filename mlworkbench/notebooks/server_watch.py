"""A tracking server that goes away in the middle of a rerun or sweep: it is told, waited for, and given up."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator

from mlworkbench.errors import StoreError, without_password
from mlworkbench.store import open_store
from mlworkbench.waiting import patience

PROBE_SECONDS = 3.0
"""How often the server is asked whether it is there."""

SERVER_SECONDS = 180.0
"""How long it may stay away."""


def answers(store_uri: str) -> bool:
    """Whether the tracking store can be used now."""
    try:
        open_store(store_uri)
    except StoreError:
        return False
    return True


@contextlib.contextmanager
def watched(store_uri: str) -> Iterator[None]:
    """Tell when the tracking server does not answer any more, and end the block with a StoreError if it stays away."""
    if not store_uri.startswith("http"):
        yield
        return
    limit, over, away = patience(SERVER_SECONDS), threading.Event(), threading.Event()
    main = threading.current_thread() is threading.main_thread() and hasattr(signal, "pthread_kill")

    def watch() -> None:
        since = None
        while not over.wait(PROBE_SECONDS):
            if answers(store_uri):
                if since is not None:
                    _say("It answers again.")
                since = None
            elif since is None:
                since = time.monotonic()
                _say(_waiting(store_uri, limit))
            elif time.monotonic() - since > limit and main and not over.is_set():
                away.set()
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        if away.is_set():
            raise _went_away(store_uri, limit) from None
        raise
    finally:
        over.set()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _waiting(store_uri: str, limit: float) -> str:
    return (
        f"Waiting for the tracking server at {without_password(store_uri)}, which does not answer. "
        f"This ends when it stays away for {limit:g} s; Ctrl-C ends it at once."
    )


def _went_away(store_uri: str, limit: float) -> StoreError:
    return StoreError(
        f"the tracking server at {without_password(store_uri)} has not answered for {limit:g} s.",
        "a server that answers until the last run is recorded.",
        "Start it and make the same call again; set MLWORKBENCH_PATIENCE=3 to wait three times as long.",
    )
