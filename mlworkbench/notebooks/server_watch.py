"""A tracking server that goes away in the middle of a rerun or sweep: it is told, waited for, and given up."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from mlworkbench.errors import StoreError, without_password
from mlworkbench.store import open_store
from mlworkbench.waiting import LONGER, patience, say

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


class _Watch(threading.Thread):
    """Asks again and again whether the server is there, until the block is over or the server is given up."""

    def __init__(self, store_uri: str) -> None:
        super().__init__(daemon=True)
        self.store_uri, self.limit = store_uri, patience(SERVER_SECONDS)
        self.over, self.given_up = threading.Event(), False
        self.away_since: float | None = None

    def run(self) -> None:
        """Tell each change; give up when the server stays away for too long."""
        main = threading.main_thread()
        while not self.over.wait(PROBE_SECONDS) and not self.given_up:
            if answers(self.store_uri):
                self.back()
            elif self.away_since is None:
                self.away_since = time.monotonic()
                say(_waiting(self.store_uri, self.limit))
            elif time.monotonic() - self.away_since > self.limit and not self.over.is_set():
                self.given_up = True
                signal.pthread_kill(main.ident or 0, signal.SIGUSR2)

    def back(self) -> None:
        """Say that the server is there again, if it was said to be away."""
        if self.away_since is not None:
            self.away_since = None
            say("It answers again.")


@contextlib.contextmanager
def watched(store_uri: str) -> Iterator[None]:
    """Tell when the tracking server does not answer any more, and end the block with a StoreError if it stays away."""
    main = threading.current_thread() is threading.main_thread() and hasattr(signal, "pthread_kill")
    if not store_uri.startswith("http") or not main:  # only the main thread can be interrupted
        yield
        return
    watch = _Watch(store_uri)
    # Not SIGINT, which is ignored in the background of a script.
    before = signal.signal(signal.SIGUSR2, signal.default_int_handler)
    watch.start()
    try:
        yield
        watch.back()  # the block has ended before the next question
    except KeyboardInterrupt:
        if watch.given_up:
            raise _went_away(store_uri, watch.limit) from None
        raise
    finally:
        watch.over.set()
        watch.join()
        signal.signal(signal.SIGUSR2, before or signal.SIG_DFL)


def _waiting(store_uri: str, limit: float) -> str:
    return (
        f"Waiting for the tracking server at {without_password(store_uri)}, which does not answer. "
        f"This ends when it stays away for {limit:g} s; Ctrl-C ends it at once."
    )


def _went_away(store_uri: str, limit: float) -> StoreError:
    return StoreError(
        f"the tracking server at {without_password(store_uri)} has not answered for {limit:g} s.",
        "a server that answers until the last run is recorded.",
        f"Start it and make the same call again; {LONGER}.",
    )
