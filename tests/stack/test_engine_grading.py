"""Engine tier: a class is graded in containers, by itself and with what some of it try. Before the stack is up."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from mlcourse.commands import course
from mlcourse.grading import container, sandbox
from mlcourse.grading.classroom import grade_class
from mlcourse.grading.limits import Limits
from mlworkbench.errors import WorkbenchError
from tests.mlcourse.classes import PART, SOLUTION, autograded, hand_in, with_code
from tests.stack.stack import Stack

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, list[str]]]:
    """A server on every address of this machine: its port, and from where somebody came."""
    came: list[str] = []
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 (whatever address a submission may find)

        def accept() -> None:
            while True:
                came.append(server.accept()[1][0])

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], came


SPY = """
import pathlib, socket

def attempt(what, do):
    try:
        print("DONE", what, do())
    except OSError as error:
        print("REFUSED", what)

for address in ("127.0.0.1", "172.17.0.1", "HOST"):
    attempt(address, lambda: socket.create_connection((address, PORT), 3))
for file in ("gradebook.db", "submitted/ada/01_tracking/tracking.ipynb"):
    attempt(file, lambda: pathlib.Path("CLONE/.mlworkbench/course", file).read_bytes())
for file in ("/opt/venv/mine", "/workbook/mine", "/mine", "CLONE/mine"):
    attempt(file, lambda: pathlib.Path(file).write_text("mine"))
"""
BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
HOARD = "hoard = []\nwhile True:\n    hoard.append(bytearray(b'x' * 100_000_000))"


def spy(clone: Path, port: int) -> str:
    host = socket.gethostbyname(socket.gethostname())
    return SPY.replace("CLONE", str(clone)).replace("PORT", str(port)).replace("HOST", host)


@pytest.fixture(scope="module")
def graded(built: Stack, listener: tuple[int, list[str]]) -> pd.DataFrame:
    """What a teacher is told about a class of which one is honest."""
    hand_in(built.folder, "ada", SOLUTION.read_bytes())
    for student, code in {"bomb": BOMB, "hoard": HOARD, "spy": spy(built.folder, listener[0])}.items():
        hand_in(built.folder, student, with_code(code))
    return grade_class(PART, root=built.folder, container=True).set_index("student")


def test_a_right_submission_gets_its_points_whatever_others_do(graded: pd.DataFrame) -> None:
    assert graded.loc["ada", ["points", "of", "by_hand", "happened"]].tolist() == [24, 24, 4, "graded"]


@pytest.mark.parametrize(
    ("student", "told"),
    [("bomb", "more than (100 processes|4 GB)"), ("hoard", "4 GB|ended its own kernel"), ("spy", "graded")],
)
def test_others_get_no_points(graded: pd.DataFrame, student: str, told: str) -> None:
    assert graded.loc[student, ["points", "of"]].tolist() == [0, 24]
    assert re.search(told, graded.loc[student, "happened"])


def test_a_submission_reaches_no_network_no_gradebook_no_fellow_and_no_file_but_its_own(
    graded: pd.DataFrame, built: Stack, listener: tuple[int, list[str]]
) -> None:
    port, came = listener
    assert came == []
    cells = nbformat.read(autograded(built.folder, "spy"), as_version=4).cells
    outputs = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    assert "".join(outputs).count("REFUSED") == 9
    assert "DONE" not in "".join(outputs)
    socket.create_connection(("127.0.0.1", port), 5).close()  # from here it can be reached
    for _ in range(100):
        if came:
            break
        time.sleep(0.1)
    assert came == ["127.0.0.1"]


def contained(built: Stack, script: str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """What Python prints in a container, which nothing else shuts in."""
    words = ["python", "-c", script]
    place = str(folder)
    command = container.command(built.folder, words, name="grading-bare", folder=place, env={}, mounts={place: "rw"})
    return subprocess.run(command, capture_output=True, text=True, check=False)


BARE = """
import os, pathlib, socket, subprocess
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
print(os.getuid() != 0, status["CapEff"].strip(), status["NoNewPrivs"].strip())
print(sorted(os.listdir("/sys/class/net")))
places = ("/", "/etc", "/usr", "/opt/venv", "/workbook", "/home/learner")
print([place for place in places if os.access(place, os.W_OK)])
pathlib.Path("mine").write_text("mine")
children = []
try:
    while len(children) < 2000:
        children.append(subprocess.Popen(["sleep", "600"]))
except BlockingIOError:
    print(50 < len(children) < 300)
"""


def test_the_container_alone_shuts_in_what_no_other_rule_does(
    built: Stack, tmp_path: Path, listener: tuple[int, list[str]]
) -> None:
    """Without Landlock: the same attempts of the spy, and what the container is like."""
    tmp_path.chmod(0o777)
    done = contained(built, spy(built.folder, listener[0]) + BARE, folder=tmp_path)
    assert done.stdout.count("REFUSED") == 9, done.stderr
    assert "DONE" not in done.stdout
    assert done.stdout.splitlines()[-4:] == ["True 0000000000000000 1", "['lo']", "[]", "True"]
    assert (tmp_path / "mine").read_text() == "mine"
    assert contained(built, "bytearray(b'x') * 6_000_000_000", folder=tmp_path).returncode == 137


def test_what_does_not_end_is_ended_and_no_container_is_left(built: Stack) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("while True: pass")])
    outcome = sandbox.grade(notebook, {}, PART, built.folder, Limits(seconds=15), container=True)
    assert outcome.happened == "stopped after 15 s"
    left = built.run("docker", "ps", "--all", "--filter", "name=grading-", "--format", "{{.Names}}").stdout
    assert left == ""


def test_an_engine_or_an_image_that_is_missing_is_told(
    built: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.try_container(built.folder)
    (tmp_path / "docker").mkdir()
    settings = {"services": {"grading": {"image": container.IMAGE, "network_mode": "container:of-nobody"}}}
    (tmp_path / "docker" / "grading.yml").write_text(yaml.safe_dump(settings))
    with pytest.raises(WorkbenchError, match=r"no container can be started: .*of-nobody"):
        container.try_container(tmp_path)
    monkeypatch.setattr(container, "IMAGE", "mlworkbench/of-nobody")
    with pytest.raises(WorkbenchError, match="no image mlworkbench/of-nobody") as error:
        container.try_container(built.folder)
    assert "docker compose build jupyter" in error.value.do
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.chdir(built.folder)
    done = CliRunner().invoke(course, ["grade", PART, "--container"])
    assert isinstance(done.exception, WorkbenchError)
    assert "the container engine does not answer" in done.exception.found
