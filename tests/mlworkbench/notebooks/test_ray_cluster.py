"""A sweep on a Ray cluster of two nodes is the same sweep; a cluster that is not there is told quickly."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from mlworkbench.notebooks.ray_cluster import ray_nodes
from tests.notebooks import notebook
from tests.waiting import alive, until

pytestmark = pytest.mark.processes

NOTES = """
import os, pathlib, signal, subprocess, time
worker = int(os.environ['JPY_PARENT_PID'])  # the process that talks to this kernel
raylet = subprocess.check_output(['ps', '-o', 'ppid=', '-p', str(worker)], text=True).strip()
assert os.environ['MLFLOW_TRACKING_TOKEN'] == 'mine'
pathlib.Path(folder, f'{n} {raylet}').touch()
begun = time.monotonic()
while n == 0 and time.monotonic() - begun < 600:  # on a busy machine the other node begins later
    if len({path.name.split()[1] for path in pathlib.Path(folder).glob('* *')}) > 1:
        break
    time.sleep(0.1)
once = pathlib.Path(folder, 'once')
if kill and n == 3 and not once.exists():
    once.touch()
    os.kill(worker, signal.SIGKILL)
assert n != 4
"""


@pytest.fixture
def address() -> Iterator[str]:
    """Two nodes of one CPU each on this machine."""
    with ray_nodes(2) as cluster:
        yield cluster.address


@pytest.mark.slow
def test_a_sweep_on_two_nodes(tmp_path: Path, home: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both nodes work, with this process's credentials; a worker that is killed is replaced; the table is that of a
    sweep in threads."""
    import ray

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "mine")  # after the nodes have started
    (tmp_path / "log").mkdir()
    lines = f"n = 0\nkill = False\nfolder = {str(tmp_path / 'log')!r}"
    path = notebook(tmp_path / "a.ipynb", lines, NOTES, parameters=True)
    grid = {"n": range(6), "kill": [True]}
    table = wb.sweep(path, grid, backend="ray", ray_address=address)
    assert not ray.is_initialized()
    assert (tmp_path / "log" / "once").exists()
    assert len({path.name.split()[1] for path in (tmp_path / "log").glob("* *")}) == 2
    plain = wb.sweep(path, grid, n_jobs=2, resume=False)
    same = ["n", "kill", "outcome", "reused"]
    assert table[same].equals(plain[same])
    assert table.columns.tolist() == plain.columns.tolist()
    assert [outcome.split()[0] for outcome in table["outcome"]] == ["passed"] * 4 + ["failed", "passed"]


@pytest.mark.slow
def test_the_bar_moves_with_each_point(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first point waits until the bar has told of the second; the table keeps the order of the grid."""
    seen = tmp_path / "seen"

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            if " 1/2 " in text:
                seen.touch()
            return super().write(text)

    waits = (
        f"import pathlib, time\nseen, limit = pathlib.Path({str(seen)!r}), time.monotonic() + 200\n"
        "while n == 0 and not seen.exists():\n    assert time.monotonic() < limit\n    time.sleep(0.1)"
    )
    path = notebook(tmp_path / "a.ipynb", "n = 0", waits, parameters=True)
    monkeypatch.setenv("JPY_SESSION_NAME", "in JupyterLab")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Screen())
        table = wb.sweep(path, {"n": [0, 1]}, backend="ray", n_jobs=2)
    assert (table["outcome"] == "passed").all()
    assert table["n"].tolist() == [0, 1]


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_running(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points and their parent are KILLED, and the kernels gone; exit code 130, no traceback."""
    begun = f"import os, pathlib, time\npathlib.Path({str(tmp_path)!r}, f'begun{{os.getpid()}}').touch()"
    path = notebook(tmp_path / "a.ipynb", "n = 0", f"{begun}\ntime.sleep(600)", parameters=True)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    command = [sys.executable, "-m", "mlworkbench", "rerun", str(path), "--grid", "n=1,2,3"]
    with subprocess.Popen([*command, "--jobs", "2", "--backend", "ray"], stderr=subprocess.PIPE, text=True) as sweep:
        until(lambda: sweep.poll() is not None or len(list(tmp_path.glob("begun*"))) == 2)
        sweep.send_signal(signal.SIGINT)
        _, told = sweep.communicate(timeout=300)
    assert (sweep.returncode, "Traceback" in told) == (130, False), told
    until(lambda: not any(alive(int(mark.name[5:])) for mark in tmp_path.glob("begun*")))
    wb.start("a")
    found = mlflow.search_runs(output_format="list")
    assert [run.info.status for run in found] == ["KILLED"] * 3  # two points and their parent


def silent() -> tuple[socket.socket, str]:
    """A port that takes connections and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    return server, f"127.0.0.1:{server.getsockname()[1]}"


def talkative() -> tuple[socket.socket, str]:
    """A port that speaks, but not as Ray does."""
    server, address = silent()

    def answer() -> None:
        connection, _ = server.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    return server, address


def alike() -> tuple[socket.socket, str]:
    """A port that speaks HTTP/2 as Ray does, and then has nothing to say."""
    server, address = silent()

    def answer() -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                connection, _ = server.accept()
                connection.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))

    threading.Thread(target=answer, daemon=True).start()
    return server, address


def closed() -> tuple[socket.socket, str]:
    server, address = silent()
    server.close()
    return server, address


@pytest.mark.parametrize("make", [silent, talkative, alike, closed, lambda: (socket.socket(), "nonsense")])
def test_an_address_that_does_not_answer(
    tmp_path: Path, home: Path, make: Callable[[], tuple[socket.socket, str]]
) -> None:
    """Within 15 s, and before anything runs."""
    path = notebook(tmp_path / "a.ipynb", "n = 0", parameters=True)
    server, address = make()
    with server:
        begun = time.monotonic()
        with pytest.raises(wb.WorkbenchError, match="no Ray cluster answers"):
            wb.sweep(path, {"n": [1]}, backend="ray", ray_address=address)
        assert time.monotonic() - begun < 15


def test_a_store_that_other_machines_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one machine here, so the list of nodes is made up."""
    import ray

    from mlworkbench.notebooks.ray_cluster import _require_common_store

    monkeypatch.setattr(ray, "nodes", lambda: [{"NodeManagerAddress": "10.0.0.7", "Alive": True}])
    for uri in ("sqlite:////tmp/mlflow.db", "http://127.0.0.1:5000"):
        with pytest.raises(wb.WorkbenchError, match=r"other machines \(10.0.0.7\)"):
            _require_common_store(uri)
    _require_common_store("http://tracking:5000")


LISTENS = """
import os, subprocess, sys
import psutil, ray
from mlworkbench.notebooks.ray_cluster import ray_cluster, ray_nodes

@ray.remote
def work():
    return 5

def look(address):
    with ray_cluster(address):
        assert ray.get(work.remote()) == 5
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        sockets = [c for p in family for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        print(len(sockets), {c.laddr.ip for c in sockets} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}, sockets)

if sys.argv[1] == "nodes":
    with ray_nodes(1) as cluster:
        look(cluster.address)
        command = [sys.executable, "-c", f"import ray; ray.init('{cluster.address}'); print('let in')"]
        try:  # Ray asks again and again
            subprocess.run(command, env={**os.environ, "RAY_AUTH_MODE": "disabled"}, timeout=60)
        except subprocess.TimeoutExpired:
            pass
else:
    look(None)
print("RAY_AUTH_MODE" in os.environ)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nodes", "local"])
def test_a_cluster_on_this_machine_listens_to_nobody_else(kind: str, tmp_path: Path) -> None:
    """On 127.0.0.1 alone, and to those that have its token; on a machine that never had a cluster."""
    (tmp_path / "listens.py").write_text(LISTENS)
    command = [sys.executable, str(tmp_path / "listens.py"), kind]
    with tempfile.TemporaryDirectory(prefix="r-") as new:  # a short path, as sockets need
        env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": new}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=500)
        assert done.returncode == 0, done.stderr
        assert not Path(new, "ray", "ray_current_cluster").exists()
    number, only_here, told = done.stdout.splitlines()[0].split(maxsplit=2)
    assert int(number) > 2
    assert only_here == "True", told
    assert "let in" not in done.stdout
    assert (tmp_path / ".ray" / "auth_token").stat().st_mode & 0o077 == 0


def test_a_node_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In three sentences, which a lesson can catch, instead of Ray's traceback; here nothing can start."""
    from ray._private import services

    from mlworkbench.notebooks.ray_cluster import ray_cluster

    def none(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(services, "start_gcs_server", none)
    with pytest.raises(wb.WorkbenchError, match=r"(?s)did not start.*Expected.*180 s.*PATIENCE=3"), ray_cluster(None):
        pass


def test_without_an_address_a_cluster_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray left alone joins any cluster that has been started here, also one that ends meanwhile, and waits for ever."""
    import ray

    from mlworkbench.notebooks.ray_cluster import _connect

    asked: list[str] = []
    monkeypatch.setattr(ray, "init", lambda address, **options: asked.append(address))
    _connect(None)
    assert asked == ["local"]
