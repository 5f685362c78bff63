"""What runs together ends together: kernels of one process, and workers with the process that they work for."""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papermill.clientwrap import PapermillNotebookClient


class Group:
    """Holds the clients of the kernels that run."""

    def __init__(self) -> None:
        self.stopped = False
        self._clients: set[PapermillNotebookClient] = set()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Group], tuple[()]]:
        return Group, ()  # in another process it begins anew: that process is stopped as a whole

    def enter(self, client: PapermillNotebookClient) -> None:
        """Count a client in, unless the group has been stopped."""
        with self._lock:
            if self.stopped:
                raise InterruptedError
            self._clients.add(client)

    def leave(self, client: PapermillNotebookClient) -> None:
        """Count a client out."""
        with self._lock:
            self._clients.discard(client)

    def stop(self) -> None:
        """Kill every kernel, also one that is just starting, and wait until the last execution has ended."""
        with self._lock:
            self.stopped = True
        from jupyter_core.utils import run_sync

        while self._clients:
            for client in list(self._clients):
                if provisioner := getattr(client.km, "provisioner", None):
                    run_sync(provisioner.kill)()
            time.sleep(0.1)


@functools.cache
def end_with_parent() -> None:
    """Have this worker end when its parent is gone, however that ended; its kernel then ends by itself."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
