"""A store that does not answer: refused before a call begins, told while it keeps one waiting, given up in the end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

from mlworkbench.errors import StoreError, not_kept, without_password
from mlworkbench.store import require_answer
from mlworkbench.waiting import LONGER, patience, say

PROBE_SECONDS = 3.0
"""How often the store is asked whether it is there."""

SERVER_SECONDS = 180.0
"""How long a server may stay away. A database is given up by MLflow itself, after 20 s for each thing it wants."""

_inside: ContextVar[bool] = ContextVar("_inside", default=False)


@contextlib.contextmanager
def using_store(*, writes: bool = True) -> Iterator[None]:
    """What is done with the tracking store: refused when that does not answer within 5 s, and otherwise `watched`.

    Raises
    ------
    StoreError
        When it does not answer, to begin with or later: start the server, or end the process that holds the database.
    """
    import mlflow

    uri = mlflow.get_tracking_uri()
    if not _inside.get():
        require_answer(uri, writes=writes)
    with watched(uri):
        yield


def answers(store_uri: str) -> bool:
    """Whether the tracking store can be used now."""
    try:
        require_answer(store_uri)
    except StoreError:
        return False
    return True


class _Watch(threading.Thread):
    """Asks again and again whether the store is there, until the block is over or the server is given up."""

    def __init__(self, store_uri: str, *, gives_up: bool) -> None:
        super().__init__(daemon=True)
        self.store_uri, self.limit, self.gives_up = store_uri, patience(SERVER_SECONDS), gives_up
        self.over, self.given_up = threading.Event(), False
        self.away_since: float | None = None

    def run(self) -> None:
        """Tell each change; give up when the server stays away for too long."""
        while not self.over.wait(PROBE_SECONDS) and not self.given_up:
            there = answers(self.store_uri)
            if self.over.is_set():
                return
            if there:
                self.back()
            elif self.away_since is None:
                self.away_since = time.monotonic()
                say(_waiting(self.store_uri, self.limit))
            elif self.gives_up and time.monotonic() - self.away_since > self.limit:
                self.given_up = True
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

    def back(self) -> None:
        """Say that the store is there again, if it was said to be away."""
        if self.away_since is not None:
            self.away_since = None
            say("It answers again.")


@contextlib.contextmanager
def watched(store_uri: str) -> Iterator[None]:
    """Tell when the store does not answer any more, and end the block with a StoreError if it stays away.

    In a block within this one it is told, but once.
    """
    if _inside.get():
        yield
        return
    token = _inside.set(True)
    try:
        with _watch(store_uri):
            yield
    except Exception as error:
        if refused := not_kept(error):
            raise refused from error
        raise
    finally:
        _inside.reset(token)


@contextlib.contextmanager
def _watch(store_uri: str) -> Iterator[None]:
    """Watch in another thread; only the main thread can be interrupted, and only where a server is waited for."""
    main = threading.current_thread() is threading.main_thread() and hasattr(signal, "pthread_kill")
    watch = _Watch(store_uri, gives_up=main and store_uri.startswith("http"))
    # Not SIGINT, which is ignored in the background of a script.
    before = signal.signal(signal.SIGUSR2, signal.default_int_handler) if watch.gives_up else None
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
        if watch.gives_up:
            watch.join()
            signal.signal(signal.SIGUSR2, before or signal.SIG_DFL)


def _waiting(store_uri: str, limit: float) -> str:
    if not store_uri.startswith("http"):
        return f"Waiting for the store {without_password(store_uri)}, which another process holds, or which is away."
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
