"""What runs together ends together: kernels of one process, and workers with the process that they work for."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mlworkbench.waiting import patience, telling

if TYPE_CHECKING:
    from papermill.clientwrap import PapermillNotebookClient

RECORD_SECONDS = 30.0
"""How long what was interrupted may take to end its kernels and to be recorded."""


class Group:
    """Holds the clients of the kernels that run, and counts what is worked at and recorded."""

    def __init__(self) -> None:
        self.stopped = False
        self._clients: set[PapermillNotebookClient] = set()
        self._points = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Group], tuple[()]]:
        return Group, ()  # in another process it begins anew: that process is stopped as a whole

    def enter(self, client: PapermillNotebookClient) -> None:
        """Count a client in, unless the group has been stopped."""
        with self._lock:
            self.check()
            self._clients.add(client)

    def leave(self, client: PapermillNotebookClient) -> None:
        """Count a client out."""
        with self._lock:
            self._clients.discard(client)

    def check(self) -> None:
        """Raise an InterruptedError when the group has been stopped."""
        if self.stopped:
            raise InterruptedError

    @contextlib.contextmanager
    def point(self) -> Iterator[None]:
        """What is begun in this block, is also recorded in it, before `stop` returns."""
        with self._lock:
            self._points += 1
        try:
            yield
        finally:
            with self._lock:
                self._points -= 1

    def stop(self, can_record: Callable[[], bool] = lambda: True) -> None:
        """Kill every kernel, also one that is just starting, and wait until all is recorded, where that is possible."""
        with self._lock:
            self.stopped = True
        from jupyter_core.utils import run_sync

        limit = time.monotonic() + patience(RECORD_SECONDS)
        with telling("what was interrupted, until it is recorded"):
            while self._clients and time.monotonic() < limit:
                for client in list(self._clients):
                    if provisioner := getattr(client.km, "provisioner", None):
                        run_sync(provisioner.kill)()
                time.sleep(0.1)
            if self._points and can_record():
                while self._points and time.monotonic() < limit:
                    time.sleep(0.1)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C raise a KeyboardInterrupt in this block, where it would end a command at once before and after it."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # nothing interrupts another thread, nor a command in the background of a script
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(work: Callable[[], str], stop: Callable[[], None]) -> str:
    """Work in a thread and wait for it, so that Ctrl-C finds nothing half done, at whatever moment it comes."""
    import contextvars
    from concurrent.futures import Future, wait

    future: Future[str] = Future()

    def do() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:
            future.set_exception(error)

    context = contextvars.copy_context()
    threading.Thread(target=do, daemon=True).start()
    try:
        while not future.done():
            wait([future], timeout=0.5)
    except KeyboardInterrupt:
        stop()
        raise
    return future.result()


@functools.cache
def end_with_parent() -> None:
    """Have this worker end when its parent is gone, however that ended; its kernel then ends by itself."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
