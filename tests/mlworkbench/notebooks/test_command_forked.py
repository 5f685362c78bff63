"""A rerun from the command line works in a process that the fork server has forked, and nobody notices."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import warmkernel
from tests.notebooks import notebook
from tests.waiting import until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="nothing is forked here"),
]

SERVER = Path(warmkernel.__file__).with_name("server.py")
IDLE_VARIABLE = "MLWORKBENCH_WARM_SECONDS"

TELLS = """
import os, pathlib, psutil
def serves(process):
    try:
        return 'warmkernel/server.py' in (line := ' '.join(process.cmdline())) and short in line
    except psutil.Error:
        return False
parent = psutil.Process(int(os.environ['JPY_PARENT_PID'])).parent()
servers = {p.pid: p.ppid() for p in psutil.process_iter() if serves(p)}
first = [pid for pid in servers if servers[pid] not in servers]  # what they have forked has their command line, too
pathlib.Path(n + '.told').write_text(f"forked {parent.pid in servers}, fork servers {len(first)}")
assert n != 'wrong'
"""


@pytest.fixture
def short() -> Iterator[str]:
    """A folder for temporary files, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="short-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.parametrize(
    ("seconds", "told"), [("1", "forked True, fork servers 1"), ("0", "forked False, fork servers 0")]
)
def test_it_is_told_and_ends_as_if_it_were_no_other(
    seconds: str, told: str, home: Path, tmp_path: Path, short: str
) -> None:
    """Arguments, working directory, output, errors and exit status; with 0 seconds nothing is forked."""

    def rerun(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mlworkbench", "rerun", "a.ipynb", *arguments]
        env = {**os.environ, "TMPDIR": short, IDLE_VARIABLE: seconds}
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    notebook(tmp_path / "a.ipynb", f"n = ''\nshort = {short!r}", TELLS, parameters=True)
    done = rerun("-p", "n", "right")
    assert (done.returncode, done.stdout.partition(",")[0]) == (0, "passed"), done.stderr
    assert (tmp_path / "right.told").read_text() == told
    failed = rerun("--grid", "n=right,wrong", "--no-resume")
    assert (failed.returncode, "AssertionError" in failed.stdout) == (1, True), failed.stderr
    refused = rerun("-p", "m", "1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Found: no parameter is called 'm'")


def test_a_process_that_has_swept_keeps_its_server_to_its_end(home: Path, tmp_path: Path, short: str) -> None:
    """The next sweep begins at once, however much later; with the process the server goes."""
    path = notebook(tmp_path / "a.ipynb", "n = 1", parameters=True)
    code = (
        f"import mlworkbench as wb, time, psutil\nwb.sweep({str(path)!r}, {{'n': [1, 2]}})\ntime.sleep(4)\n"
        "lines = [p.info['cmdline'] or [] for p in psutil.process_iter(['cmdline'])]\n"
        f"print(sum(line[1:2] == [{str(SERVER)!r}] and {short!r} in ' '.join(line) for line in lines))"
    )
    env = {**os.environ, "TMPDIR": short, IDLE_VARIABLE: "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "1"
    (private,) = Path(short).glob("warmkernel-*")
    until(lambda: not list(private.iterdir()))
