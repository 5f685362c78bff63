"""Ctrl-C for a command that has nothing to clear up yet: it ends at once, also in the middle of an import.

Like `server.py`, whose script imports it, it needs nothing of the package.
"""

import os
import signal


def quit_at_once() -> None:
    """Have SIGINT end this process with exit code 130 and no traceback, unless somebody else attends to it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _quit)


def _quit(*_: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(130)
