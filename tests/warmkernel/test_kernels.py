"""Warm kernels are like ordinary ones, know nothing of each other, and leave nothing behind."""

from __future__ import annotations

import contextlib
import copy
import importlib.machinery
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
import requests
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient.exceptions import DeadKernelError

import warmkernel
from mlworkbench.fork_server import provisioner, warmup
from mlworkbench.notebooks.execute import execute
from mlworkbench.ports import free_port
from tests.notebooks import notebook
from tests.waiting import alive, until
from warmkernel.client import can_fork, connect
from warmkernel.private_folder import short_folder
from warmkernel.processes import is_in_state
from warmkernel.warmup import Warmup

IDLE_VARIABLE = "MLWORKBENCH_WARM_SECONDS"

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="kernels are not forked here"),
]


def servers(folder: Path) -> list[psutil.Process]:
    """The fork servers whose sockets lie in a folder."""
    started = [
        p for p in psutil.process_iter(["cmdline"]) if "warmkernel/server.py" in " ".join(p.info["cmdline"] or [])
    ]
    ours = [p for p in started if str(folder) in p.info["cmdline"][-2] and len(p.info["cmdline"]) > 2]
    return [p for p in ours if p.ppid() not in [other.pid for other in ours]]  # without their kernels


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for the sockets of this module; its server and their files are gone soon after their last user."""
    tmp_path_factory.getbasetemp()  # pytest's own folder is to lie where it always does
    with tempfile.TemporaryDirectory(prefix="warm-") as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", name)
        patch.setenv(IDLE_VARIABLE, "1")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        with connect([sys.executable], os.environ, warmup()):
            yield Path(name)
        until(lambda: not servers(Path(name)))
        (private,) = Path(name).glob("warmkernel-*")
        assert list(private.iterdir()) == []


@pytest.fixture(autouse=True)
def in_there(warm: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(warm))
    monkeypatch.setenv(IDLE_VARIABLE, "1")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)


class Kernel:
    """A kernel started by our provisioner, and what a cell prints."""

    def __init__(self, **options: Any) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.kernel_spec.metadata["kernel_provisioner"] = provisioner()
        self.manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"], **options)
        self.client = self.connected()
        self.pid: int = self.manager.provisioner.pid

    def connected(self) -> BlockingKernelClient:
        client = self.manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        return client

    def run(self, code: str) -> str:
        """What the code prints; an error raises."""
        texts: list[str] = []

        def note(message: Any) -> None:
            texts.append(message["content"].get("text", ""))

        reply = self.client.execute_interactive(code, timeout=120, output_hook=note)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(texts)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@contextlib.contextmanager
def kernel(**options: Any) -> Iterator[Kernel]:
    started = Kernel(**options)
    try:
        yield started
    finally:
        started.stop()
        assert not alive(started.pid)


def cold(path: Path) -> Path:
    """A copy of a notebook that wants an ordinary kernel."""
    content = nbformat.read(path, as_version=4)
    content.metadata["mlworkbench"] = {"kernel": "cold"}
    nbformat.write(content, path.with_stem("cold"))
    return path.with_stem("cold")


CELLS = [
    "n = 1  # a parameter",
    "import sys\nprint(n, __name__, sys.argv[0], sys.path, sys.flags, sys.stdin, sys.stdout)\n!echo hello",
    "import mlflow, mlworkbench as wb\nmlflow.autolog(log_models=False)\nprint('sklearn' in sys.modules)",
    "wb.start('same')\nprint(mlflow.get_tracking_uri() == wb.store.open_store().uri)",
    "from sklearn.linear_model import LinearRegression\nimport sklearn\nprint(sklearn.__spec__, sklearn.linear_model)",
    "with mlflow.start_run(run_name='one') as run:\n    LinearRegression().fit([[0], [1]], [n, n + 1])",
    "print(sorted(mlflow.get_run(run.info.run_id).data.params.items()), sorted(run.data.tags))",
    "from tqdm.auto import tqdm\nimport matplotlib, matplotlib.pyplot as plt, pandas as pd, warnings\nprint(tqdm)",
    "print(plt.rcParams, matplotlib.matplotlib_fname(), pd._config.config._global_config)\nplt.plot([1, 2]);",
    "warnings.warn('look')\nwarnings.warn('old', DeprecationWarning)\npd.DataFrame({'a': [n]})",
    "import multiprocessing, threading\nthreading.active_count(), multiprocessing.get_start_method()",
    "print(open('/dev/stdin').read() == '', sys.stdin.isatty(), In[-2][:8])",
    "for i in tqdm(range(3)):\n    pass\nsorted(get_ipython().kernel.comm_manager.targets)",
    "import atexit, builtins, tempfile\nfrom pathlib import Path\nfile = open('named.txt', 'w')\nfile.write('whole')\n"
    "builtins.kept = open('kept.txt', 'w')\nbuiltins.kept.write('whole')\nfolder = tempfile.TemporaryDirectory()\n"
    "atexit.register(lambda: Path('atexit.txt').write_text('whole'))\nPath('folder.txt').write_text(folder.name);",
    "def broken():\n    return 1 / 0\nbroken()",
]


def test_the_executed_notebook_is_that_of_an_ordinary_kernel(home: Path, tmp_path: Path) -> None:
    """Text, pictures, tables, warnings, messages of libraries, the traceback, and what is due when a process ends."""
    path = notebook(tmp_path / "warm.ipynb", *CELLS, parameters=True)
    executed = []
    for source in (path, cold(path)):
        with contextlib.suppress(Exception):  # the last cell
            execute(source, tmp_path / "out.ipynb", values={"n": 5})
        content = nbformat.read(tmp_path / "out.ipynb", as_version=4)
        assert content.cells[-1].outputs[-1].ename == "ZeroDivisionError"
        executed.append([without_times(cell) for cell in content.cells])
        assert [(tmp_path / f"{name}.txt").read_text() for name in ("named", "kept", "atexit")] == ["whole"] * 3
        assert not Path((tmp_path / "folder.txt").read_text()).exists()
    assert executed[0] == executed[1]


def without_times(cell: Any) -> str:
    """A cell without what differs from one execution to the next: times, run ids, addresses in memory."""
    kept = {"source": cell.source, "outputs": copy.deepcopy(cell.get("outputs")), "n": cell.get("execution_count")}
    text = json.dumps(kept, indent=1)
    text = re.sub(r"\[\d\d:\d\d<[^\]]*\]", "TIME", text)
    text = re.sub(r"\d{4}[/-]\d\d[/-]\d\d \d\d:\d\d:\d\d", "TIME", text)
    return re.sub(r"[0-9a-f]{32}|0x[0-9a-f]+|ipykernel_\d+|cold.ipynb|warm.ipynb", "ID", text)


PROBE = """
import gc, json, locale, logging, os, re, resource, signal, sqlite3, sys, tempfile, threading, warnings
import matplotlib, mlflow, pandas, sqlalchemy
from mlflow.tracking import fluent
opened = [f'/proc/self/fd/{f}' for f in os.listdir('/proc/self/fd')] if os.path.exists('/proc') else []
print(json.dumps({
    'cwd': os.getcwd(), 'environ': sorted(os.environ.items()), 'tempdir': tempfile.gettempdir(), 'history': In,
    'rcParams': sorted(f'{k}={v}' for k, v in matplotlib.rcParams.items()), 'backend': matplotlib.get_backend(),
    'run': mlflow.active_run(), 'experiment': fluent._active_experiment_id, 'uri': mlflow.get_tracking_uri(),
    'autolog': mlflow.utils.autologging_utils.AUTOLOGGING_INTEGRATIONS, 'threads': threading.active_count(),
    'connections': sum(isinstance(o, (sqlite3.Connection, sqlalchemy.engine.Engine)) for o in gc.get_objects()),
    'patched': [json.loads.__module__, pandas.DataFrame.__len__.__module__, str(sys.modules.get('left_behind'))],
    'signals': [signal.getsignal(number) for number in sorted(signal.valid_signals())],
    'options': pandas.get_option('display.max_rows'), 'warnings': warnings.filters, 'level': logging.getLogger().level,
    'files': sorted(re.sub('[0-9]+', 'N', os.readlink(f)) for f in opened if os.path.lexists(f)),
    'limits': resource.getrlimit(resource.RLIMIT_NOFILE), 'umask': (os.umask(0o22), os.umask(0o22))[1],
    'recursion': sys.getrecursionlimit(), 'locale': locale.setlocale(locale.LC_ALL), 'path': sys.path,
}, default=str))
"""

CHANGES = """
import json, logging, os, random, resource, signal, sqlite3, sys, tempfile, threading, time, types, warnings
import matplotlib, mlflow, numpy, pandas
os.chdir(tempfile.mkdtemp()); os.environ['LEFT'] = 'behind'; os.environ['PATH'] = '/nowhere'
matplotlib.rcParams['figure.dpi'] = 7; matplotlib.use('svg')
random.seed(1); numpy.random.seed(1)
mlflow.set_tracking_uri('sqlite:///' + os.path.abspath('other.db')); mlflow.set_experiment('other')
mlflow.autolog(); mlflow.start_run(); mlflow.log_metric('m', 1)
connection = sqlite3.connect('mine.db'); connection.execute('create table t (x)')
json.loads = print; pandas.DataFrame.__len__ = lambda self: 42
sys.modules['left_behind'] = types.ModuleType('left_behind')
tempfile.tempdir = os.getcwd(); sys.path.insert(0, '/left'); locale = __import__('locale').setlocale(6, 'C')
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGUSR1, print); signal.alarm(600)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
pandas.set_option('display.max_rows', 3); warnings.simplefilter('error'); logging.getLogger().setLevel(1)
sys.setrecursionlimit(5000); os.umask(0o77)
resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
"""

RANDOM = """
import json, multiprocessing, numpy, os, random, secrets, ssl, tempfile, uuid
from mlflow.utils.name_utils import _generate_random_name
print(json.dumps([str(value) for value in (
    uuid.uuid4(), uuid.uuid1(), random.random(), numpy.random.random(), numpy.random.default_rng().random(),
    secrets.token_hex(), ssl.RAND_bytes(8), tempfile.mktemp(), multiprocessing.current_process().authkey.hex(),
    _generate_random_name(), os.getpid(),
)]))
"""


def test_no_state_passes_between_kernels(warm: Path) -> None:
    """Whatever one kernel changes, the next one of the same server is as the one before it; chance differs in each."""
    with kernel() as first:
        before, drawn = json.loads(first.run(PROBE)), json.loads(first.run(RANDOM))
    with kernel() as second:
        second.run(CHANGES)
        with kernel() as third:
            assert json.loads(third.run(PROBE)) == before
            assert all(a != b for a, b in zip(json.loads(third.run(RANDOM)), drawn, strict=True))
    assert len(servers(warm)) == 1


def test_the_clients_environment_reaches_the_kernel(
    warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what has changed since the server was started, and in a temporary folder with a long path."""
    (long := tmp_path / ("long" * 30)).mkdir()
    values = {"PATH": f"/new:{os.environ['PATH']}", "MLFLOW_TRACKING_URI": "http://here", "TMPDIR": str(long), "Ü": "ß"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    code = f"import os, tempfile, mlflow\nprint([os.environ[n] for n in {list(values)}], mlflow.get_tracking_uri())"
    with kernel() as started:
        assert started.run(code).strip() == f"{list(values.values())} http://here"
        assert started.run("print(tempfile.gettempdir())").strip() == str(long)
    assert len(servers(warm)) == 1


def test_sockets_lie_in_a_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever temporary files go: a socket's path may have about 100 characters."""
    (long := tmp_path / ("long" * 30)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setenv(IDLE_VARIABLE, "0")
    assert len(str(short_folder())) < 60
    execute(notebook(tmp_path / "a.ipynb", "print('fine')"), tmp_path / "out.ipynb")
    assert printed(tmp_path / "out.ipynb") == "fine\n"
    assert list(long.iterdir()) == []


def printed(path: Path) -> str:
    """What the last cell of an executed notebook has printed."""
    return str(nbformat.read(path, as_version=4).cells[-1].outputs[0].text)


BESIDE: dict[str, tuple[str, str, str]] = {
    "module": ("{}.py", "mark = 'beside'", ""),
    "package": ("{}/__init__.py", "mark = 'beside'", ""),
    "part of a namespace": ("{}/beside.py", "mark = 'beside'", ".beside"),
    "extension": ("{}" + importlib.machinery.EXTENSION_SUFFIXES[0], "no machine would run this", ""),
}
NAMES = "import sys\nprint(*{name.partition('.')[0] for name in sys.modules} - {'__main__', '__mp_main__'})"
IMPORTS = """
import importlib
for name in NAMES:
    try:
        print(name, getattr(importlib.import_module(name + BEHIND), 'mark', 'another'))
    except ImportError:
        print(name, 'none')
"""


@pytest.mark.parametrize("kind", BESIDE)
def test_modules_beside_the_notebook_are_found_as_by_an_ordinary_kernel(kind: str, tmp_path: Path) -> None:
    """Whatever their name: that of something imported beforehand, or of what every kernel has imported."""
    execute(notebook(tmp_path / "names" / "a.ipynb", NAMES), tmp_path / "names.ipynb")
    # This package would break where everything that it imports is hidden; one installed package mends its own path.
    names = sorted(set(printed(tmp_path / "names.ipynb").split()) - {"mlworkbench", "databricks"})
    file, text, behind = BESIDE[kind]
    cell = IMPORTS.replace("NAMES", repr(names)).replace("BEHIND", repr(behind))
    path = notebook(tmp_path / "all" / "a.ipynb", cell)
    for name in names:
        (beside := path.parent / file.format(name)).parent.mkdir(exist_ok=True)
        beside.write_text(text)
    execute(path, tmp_path / "warm.ipynb")
    node = nbformat.read(path, as_version=4)
    node.metadata["mlworkbench"] = {"kernel": "cold"}
    nbformat.write(node, path)
    execute(path, tmp_path / "cold.ipynb")
    warm, cold = (printed(tmp_path / f"{each}.ipynb").splitlines() for each in ("warm", "cold"))
    assert [pair for pair in zip(warm, cold, strict=True) if pair[0] != pair[1]] == []
    assert {"yaml another", "numpy another"}.isdisjoint(warm) or kind == "part of a namespace"


def test_interrupt_restart_and_shutdown() -> None:
    """As Jupyter expects: a KeyboardInterrupt in the cell, a new process without the old names, and none at the end."""
    with kernel() as started:
        cell = "import time\nkept = 5\nprint('in it')\ntime.sleep(600)"
        # the next cell may come before ipykernel has thrown away what waited behind the interrupted one
        request = started.client.execute(cell, stop_on_error=False)
        while started.client.get_iopub_msg(timeout=300)["msg_type"] != "stream":
            pass
        started.manager.interrupt_kernel()
        reply = started.client._recv_reply(request, timeout=300)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert started.run("print(kept)").strip() == "5"
        assert started.manager.is_alive()
        started.manager.restart_kernel()
        started.client.wait_for_ready(timeout=300)
        assert started.run("print('kept' in globals())").strip() == "False"
        assert not alive(started.pid)
        started.pid = started.manager.provisioner.pid
    assert not started.manager.is_alive()


@pytest.mark.parametrize(("code", "status"), [("os.kill(os.getpid(), 9)", -9), ("os._exit(7)", 7)])
def test_a_kernel_that_dies_is_noticed(
    code: str, status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nbclient raises as for an ordinary kernel; the warning has the exit code and the last words of this kernel."""
    words = "import os, sys\nos.write(getattr(sys.stderr, '_original_stdstream_copy', 2), b'my last words')"
    with kernel(), pytest.raises(DeadKernelError), caplog.at_level(logging.WARNING):
        execute(notebook(tmp_path / "a.ipynb", f"{words}\n{code}"), tmp_path / "out.ipynb")
    assert f"ended with exit code {status}. my last words" in caplog.text


@pytest.mark.parametrize("to_a_pipe", [False, True])
def test_errors_go_where_the_client_wants_them(tmp_path: Path, to_a_pipe: bool) -> None:
    """As nbval does, a client may hand over a file for them; a pipe, which nobody else may hold, gets no fork."""
    words = "import os, sys\nos.write(getattr(sys.stderr, '_original_stdstream_copy', 2), b'my words')"
    with (tmp_path / "errors").open("w") as errors, kernel(stderr=subprocess.PIPE if to_a_pipe else errors) as started:
        started.run(words)
        parent = int(started.run("print(os.getppid())"))
    assert (parent == os.getpid()) == to_a_pipe
    assert ("my words" in (tmp_path / "errors").read_text()) != to_a_pipe


CLIENT = """
import os, pathlib, sys, time
from mlworkbench.fork_server import warmup
from warmkernel.client import fork_kernel
lines = ['import os, subprocess', 'child = subprocess.Popen(["sleep", "600"])', 'file = open("pids.new", "w")']
lines += ['print(os.getpid(), child.pid, file=file, flush=True)', 'os.rename("pids.new", "pids")']
options = [f'--IPKernelApp.exec_lines={line}' for line in lines]
options = ['-f', os.path.abspath('connection.json'), *options]
kernel = fork_kernel([sys.executable], options, os.environ, pathlib.Path.cwd(), warmup())
time.sleep(600)
"""


def test_a_client_that_is_killed_takes_its_kernel_along(warm: Path, tmp_path: Path) -> None:
    """And what the kernel has started; a signal to the client's whole group does not reach the server."""
    env = {**os.environ, "TMPDIR": str(warm)}
    with subprocess.Popen([sys.executable, "-c", CLIENT], env=env, start_new_session=True) as client:
        until((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(alive, pids))
        os.killpg(client.pid, signal.SIGKILL)
    until(lambda: not any(map(alive, pids)))
    assert len(servers(warm)) == 1


def test_a_server_that_is_killed_takes_its_kernels_along_and_is_replaced(warm: Path) -> None:
    """Its kernels end, which is noticed, and the next kernel has a new server."""
    started = Kernel()
    (server,) = servers(warm)
    server.kill()
    until(lambda: not alive(started.pid))
    assert not started.manager.is_alive()
    started.stop()
    with kernel() as after:
        assert after.run("print(1 + 1)").strip() == "2"
        assert [s.pid for s in servers(warm)] != [server.pid]


def test_a_server_that_is_stopped_holds_nobody_up(warm: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A kernel that it has forked obeys and ends, and the next one is an ordinary one, as a warning says."""
    path = notebook(tmp_path / "a.ipynb", "import os\nprint(os.getppid())")
    started = Kernel()
    (server,) = servers(warm)
    server.suspend()
    try:
        assert started.run("print(1 + 1)").strip() == "2"
        began = time.monotonic()
        started.manager.shutdown_kernel(now=True)
        # until its server goes on and collects it
        until(lambda: is_in_state(started.pid, psutil.STATUS_ZOMBIE))
        with caplog.at_level(logging.WARNING):
            execute(path, tmp_path / "out.ipynb")
        assert time.monotonic() - began < 120  # nobody waits for ever
    finally:
        server.resume()
        started.client.stop_channels()
    assert int(printed(tmp_path / "out.ipynb")) == os.getpid()
    assert f"the fork server {server.pid} is stopped or hangs" in caplog.text
    until(lambda: not alive(started.pid))


def test_a_locked_folder_of_sockets_holds_nobody_up(warm: Path, tmp_path: Path) -> None:
    """As by a process that is stopped while it has the lock."""
    import fcntl

    (folder,) = warm.glob("warmkernel-*")
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        execute(notebook(tmp_path / "a.ipynb", "import os\nprint(os.getppid())"), tmp_path / "out.ipynb")
    finally:
        os.close(descriptor)
    assert int(printed(tmp_path / "out.ipynb")) == os.getpid()


PROGRAM = """
import os, pathlib, signal, sys, time
def main():
    pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(600)
if __name__ == "__main__":
    from mlworkbench.fork_server import warmup
    from warmkernel.client import run_forked
    sys.exit(run_forked("waits", warmup()))
"""


@pytest.mark.parametrize(("victim", "code"), [("server", 137), ("program", 137), ("client", -9), ("interrupt", 130)])
def test_a_forked_program_ends_with_its_server_and_its_client(
    warm: Path, tmp_path: Path, victim: str, code: int
) -> None:
    """When the client ends, the program is no more; without a traceback."""
    (warm / "waits.py").write_text(PROGRAM)  # one folder, so that the next server clears up after one that was killed
    env = {**os.environ, "TMPDIR": str(warm), "PYTHONPATH": f"{warm}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, str(warm / "waits.py"), str(tmp_path / "pids")]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as client:
        until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
        program, server = map(int, (tmp_path / "pids").read_text().split())
        if victim == "interrupt":
            client.send_signal(signal.SIGINT)
        else:
            os.kill({"server": server, "program": program, "client": client.pid}[victim], signal.SIGKILL)
        _, told = client.communicate(timeout=600)
        assert (client.returncode, "Traceback" in told) == (code, False), told
        if victim == "client":
            until(lambda: not alive(program))
        assert not alive(program)


@pytest.mark.parametrize("text", ["abc", "-1", "nan", "inf"])
def test_seconds_that_are_none_are_told(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IDLE_VARIABLE, text)
    with pytest.raises(
        ValueError, match=f"(?s)Found: {IDLE_VARIABLE} = '{text}'.*Expected: a number.*Do this: Correct"
    ):
        can_fork([sys.executable], os.environ, Path.cwd(), Warmup(idle_variable=IDLE_VARIABLE))


def test_any_notebook_tool_has_warm_kernels_by_name(warm: Path, tmp_path: Path) -> None:
    """`python -m warmkernel` installs a specification; papermill, which knows nothing of this package, names it."""
    env = {**os.environ, "TMPDIR": str(warm), "WARMKERNEL_SECONDS": "1", "JUPYTER_PATH": f"{tmp_path}/share/jupyter"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    told = run("warmkernel", "quick", "tabnanny", "--prefix", str(tmp_path))
    assert told == f"{tmp_path}/share/jupyter/kernels/quick\n"
    tells = "import os, sys\nprint(os.getppid(), 'tabnanny' in sys.modules, 'mlworkbench' in sys.modules)"
    path = notebook(tmp_path / "a.ipynb", "n = 1", tells + "\nprint(n)", parameters=True)
    with kernel():  # the server of another specification does not serve
        others = servers(warm)
        run("papermill", "-k", "quick", "-p", "n", "5", str(path), str(tmp_path / "out.ipynb"))
    parent, imported, ours, n = printed(tmp_path / "out.ipynb").split()
    assert (imported, ours, n) == ("True", "False", "5")
    assert int(parent) not in [os.getpid(), *(server.pid for server in others)]
    until(lambda: not psutil.pid_exists(int(parent)))


def test_changed_code_and_other_environments_get_servers_of_their_own(
    warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that MLflow imports is changed on disk while servers of this and of another environment are up."""
    metadata = tmp_path / "lib" / "plugin-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[mlflow.run_context_provider]\nplugin = plugin:Provider\n")
    code = "WORD = {!r}\nfrom mlflow.tracking.context.abstract_context import RunContextProvider as Provider\n"
    (tmp_path / "lib" / "plugin.py").write_text(code.format("old"))
    with kernel() as usual:
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
        with kernel() as old:
            assert old.run("import sys, mlflow\nprint(sys.modules['plugin'].WORD)").strip() == "old"
            assert len(servers(warm)) == 2
            (tmp_path / "lib" / "plugin.py").write_text(code.format("new"))
            with kernel() as new:
                assert new.run("import sys, mlflow\nprint(sys.modules['plugin'].WORD)").strip() == "new"
            assert old.run("print(sys.modules['plugin'].WORD)").strip() == "old"
        monkeypatch.delenv("PYTHONPATH")
        assert usual.run("import sys\nprint('plugin' in sys.modules)").strip() == "False"


def wish_for_cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold(tmp_path / "a.ipynb").replace(tmp_path / "a.ipynb")


def switch_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IDLE_VARIABLE, "0")


def keep_settings_beside_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 42\n")


def let_others_into_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp())
    (folder := Path(tempfile.gettempdir()) / f"warmkernel-{os.getuid()}").mkdir()
    folder.chmod(0o755)


@pytest.mark.parametrize(
    "reason", [wish_for_cold, switch_off, keep_settings_beside_the_notebook, let_others_into_the_folder]
)
def test_an_ordinary_kernel_where_it_is_wished_or_safer(
    reason: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook is executed as well by a child of this process."""
    path = notebook(tmp_path / "a.ipynb", "import os\nprint(os.getppid())")
    reason(tmp_path, monkeypatch)
    execute(path, tmp_path / "out.ipynb")
    assert int(printed(tmp_path / "out.ipynb")) == os.getpid()


def test_lab_has_the_kernel_in_its_launcher_and_its_imports_done(warm: Path, tmp_path: Path, home: Path) -> None:
    """Started, restarted and shut down through Lab's own interface, by the server that was there before Lab was."""
    notebook(tmp_path / "notebooks" / "00_start_here.ipynb", "a = 1")
    port = free_port()
    options = ["--allow-root", "--IdentityProvider.token=secret"]
    command = [sys.executable, "-m", "mlworkbench", "lab", "--no-browser", "--port", str(port), "--", *options]

    def ask(method: str, path: str, **content: str) -> Any:
        address, token = f"http://127.0.0.1:{port}/api/{path}", {"Authorization": "token secret"}
        answer = requests.request(method, address, json=content or None, headers=token, timeout=300)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def answers() -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    def kernels() -> list[psutil.Process]:
        return [p for server in servers(warm) for p in server.children()]

    log = tmp_path / "log"
    env = {**os.environ, "TMPDIR": str(warm), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    with log.open("w") as file, subprocess.Popen(command, stderr=file, env=env) as lab:
        try:
            until(lambda: "is running at" in log.read_text())
            until(answers)  # Jupyter says so before it listens
            known = ask("GET", "kernelspecs")["kernelspecs"]
            assert [kernel["spec"]["display_name"] for kernel in known.values()] == ["Python 3 (ipykernel)"]
            before = servers(warm)
            started = ask("POST", "kernels", name="python3")["id"]
            (first,) = kernels()
            ask("POST", f"kernels/{started}/restart")
            until(lambda: [p.pid for p in kernels()] not in ([], [first.pid]))
            assert servers(warm) == before
            ask("DELETE", f"kernels/{started}")
            until(lambda: not kernels())
            ask("POST", "kernels", name="python3")
            assert len(kernels()) == 1
        finally:
            lab.kill()
    until(lambda: not kernels())


def test_what_imports_put_into_the_environment_makes_no_other_server(warm: Path) -> None:
    """Else a process would have one server before it imports scikit-learn, and another after it."""
    code = [
        "import os, sys; before = dict(os.environ)",
        "import joblib, sklearn.ensemble; print({**os.environ} == before)",
        "from mlworkbench.fork_server import warmup; from warmkernel.client import connect",
        "for env in (before, os.environ): connect([sys.executable], env, warmup())",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("KMP_")} | {"TMPDIR": str(warm)}
    command = [sys.executable, "-c", "\n".join(code)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert len(servers(warm)) == 1


ASKS = """
from mlworkbench.fork_server import warmup
from warmkernel.client import is_warm
assert is_warm(warmup())
"""


def test_what_a_kernel_starts_has_the_server_of_the_kernel(
    warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although ipykernel has put variables into its environment that decide what imports do."""
    monkeypatch.setenv("TMPDIR", str(warm))
    execute(notebook(tmp_path / "a.ipynb", ASKS), tmp_path / "out.ipynb")


READS = """
import json, os, sys
found, get = set(), type(os.environ).__getitem__

def noted(self, key):
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith('<frozen') or frame.f_code.co_filename == os.__file__:
        frame = frame.f_back
    found.add((os.fsdecode(key), frame.f_code.co_filename.replace(os.sep, '/')))
    return get(self, key)

type(os.environ).__getitem__ = noted
sys.path.insert(0, sys.argv[1])
from preload import preload
preload(json.loads(sys.argv[2]), [])
print('\\n'.join(f'{key} {file}' for key, file in found))
"""

HARMLESS = {
    "PATH": "given to the server as it is, to find programs",
    "TERM": "whether a terminal has a title",
    "JPY_PARENT_PID": "given to the kernel as a parameter",
    "JPY_INTERRUPT_EVENT": "Windows",
    "ANDROID_DATA": "Android",
    "SOURCE_DATE_EPOCH": "a default of f2py",
    "IN_SPHINX_RUN": "documentation tools",
}


def test_every_variable_that_is_read_while_importing_makes_a_server_of_its_own() -> None:
    """Or is known to be harmless: telemetry, progress bars and Dask look through all, and GitPython hands them on."""
    command = [sys.executable, "-c", READS, str(Path(warmkernel.__file__).parent), json.dumps(warmup().preload)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) > 50
    files = "/mlflow/telemetry/|/mlflow/agent/|/tqdm/|/IPython/testing/|/debugpy/|/git/cmd.py|/dask/config.py"
    places = re.compile(rf"{files}|^_MLFLOW_TE")
    reads = [line.split()[0] for line in lines if not places.search(line)]
    assert {name for name in reads if not warmup().environment({name: ""})} <= HARMLESS.keys()
