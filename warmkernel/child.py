"""What a process does that the fork server has forked: it becomes a kernel, or runs the ``main`` of a module.

Its wish is a list in JSON: the module whose ``main`` is the program, or nothing for a kernel; the arguments
(``sys.argv``, of a kernel those behind its module); the environment; the working directory.

Like `server.py`, whose script imports it, it needs nothing of the package.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import io
import json
import multiprocessing.process
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

# siblings: the folder of the server's script is on the path
from interrupt import quit_at_once  # type: ignore[import-not-found]
from preload import IN_EVERY_KERNEL  # type: ignore[import-not-found]


def become(files: list[int], server: int) -> NoReturn:
    """Be what a client wishes until its end; an error that nobody handles goes to the errors' file."""
    try:
        wish, *outputs = files
        program, argv = forget_server(wish, outputs)
        end(run(program, argv, server) if program else be_kernel(argv, server))
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def forget_server(wish: int, outputs: list[int]) -> tuple[str, list[str]]:
    """Take on everything that a process of the client's own would have been started with, but its arguments."""
    for number, file in enumerate(outputs, start=1):
        os.dup2(file, number)
        os.close(file)
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(wish, encoding="utf-8") as text:
        program, argv, env, cwd = json.load(text)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    tempfile.tempdir = None
    os.chdir(cwd)
    multiprocessing.process.ORIGINAL_DIR = cwd  # type: ignore[attr-defined] # what it starts finds modules there
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined] # which Python forgets at a fork
    multiprocessing.current_process().authkey = os.urandom(32)
    if random := sys.modules.get("numpy.random"):
        random.seed()  # Python's own generators do it themselves
    gc.enable()
    return program, argv


def be_kernel(argv: list[str], server: int) -> int:
    """Be a kernel until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = [str(importlib.util.find_spec("ipykernel_launcher").origin), *argv]  # type: ignore[union-attr]
    sys.orig_argv[1:] = ["-m", "ipykernel_launcher", *argv]
    app = IPKernelApp.instance(parent_handle=server)  # ends with the server, too
    app.initialize()
    find_modules_beside()
    if widgets := sys.modules.get("ipywidgets"):
        widgets.load_ipython_extension(app.shell)  # what they do when a notebook imports them
    if pandas := sys.modules.get("pandas"):
        # what it chooses in a notebook, which the server was not
        pandas.set_option("display.max_columns", 20, "display.encoding", sys.stdout.encoding)
    app.start()
    if app.control_thread and app.control_thread.is_alive():
        # It still tells that the shutdown is done. ipykernel would close the sockets meanwhile, and hang or abort.
        app.control_thread.stop()
        app.control_thread.join()
    return 0


def find_modules_beside() -> None:
    """Let the notebook import the modules beside it, also those with the name of something imported beforehand.

    What an ordinary kernel has imported when its first cell runs stays, as it does there.
    """
    beside = {file.name.partition(".")[0] for file in Path().iterdir()} - IN_EVERY_KERNEL
    for name in beside & {module.partition(".")[0] for module in sys.modules}:
        found = importlib.machinery.PathFinder.find_spec(name)
        if found and _place(found) != _place(getattr(sys.modules.get(name), "__spec__", None)):
            for module in [each for each in sys.modules if each.partition(".")[0] == name]:
                del sys.modules[module]


def _place(spec: importlib.machinery.ModuleSpec | None) -> tuple[object, ...]:
    """Where a module lies; a package without a file of its own may lie in several folders."""
    return (spec.origin, *(spec.submodule_search_locations or ())) if spec else ()


def run(program: str, argv: list[str], server: int) -> int:
    """Run the ``main`` of a module and return its exit code."""
    quit_at_once()

    def end_with_server() -> None:  # as a kernel does by itself
        while os.getppid() == server:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=end_with_server, daemon=True).start()
    sys.argv = argv
    sys.orig_argv[1:] = argv
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # it may be a terminal now
    module = sys.modules["__main__"] = importlib.import_module(program)  # what joblib's workers import again
    try:
        module.main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def end(code: int) -> NoReturn:
    """End as multiprocessing ends what it has forked: what Python does at an exit, but for taking the modules apart.

    That would write to all the memory which is shared, and so copy it.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for the threads
    atexit._run_exitfuncs()  # among them IPython's, which deletes the notebook's names
    gc.collect()
    for file in gc.get_objects():
        if type(file) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads any more
                file.flush()
    os._exit(code)
