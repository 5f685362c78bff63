"""The command line says what it did and what is wrong, without a traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlworkbench.cli import main
from mlworkbench.errors import WorkbenchError
from mlworkbench.ports import free_port, require_free
from tests.notebooks import notebook

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def small_workbook(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook(tmp_path / "notebooks" / "00_start_here.ipynb", "a = 1")
    notebook(tmp_path / "notebooks" / "01_part" / "01_first.ipynb", "1 / 0")
    monkeypatch.chdir(tmp_path)


def test_lessons_are_listed() -> None:
    done = CliRunner().invoke(main, ["lessons"])
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()] == ["0", "1.1"]


@pytest.mark.parametrize(("lesson", "status", "word"), [("0", 0, "passed"), ("1.1", 1, "ZeroDivisionError")])
def test_the_exit_status_tells_the_outcome(lesson: str, status: int, word: str) -> None:
    done = CliRunner().invoke(main, ["run", lesson])
    assert done.exit_code == status
    assert word in done.output


def test_a_long_outcome_does_not_make_the_lines_of_other_lessons_long() -> None:
    lines = CliRunner().invoke(main, ["run", "--keep-going"]).stdout.splitlines()
    assert lines[0].split() == ["lesson", "seconds", "runs", "where", "outcome"]
    passed, failed = lines[1:]
    assert passed.endswith("passed")
    assert passed.index("passed") == failed.index("failed in cell 0: ZeroDivisionError")


def test_an_unknown_lesson_is_told_in_three_sentences() -> None:
    done = CliRunner().invoke(main, ["run", "7.7"])
    assert done.exit_code == 2
    assert "no lesson is called '7.7'" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("verb", ["lessons", "run", "progress", "reset tracking", "add live"])
def test_outside_of_a_clone_a_folder_for_the_store_is_not_told_as_the_cure(
    verb: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set in these tests, and lessons are still not to be had."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    done = CliRunner().invoke(main, verb.split())
    assert done.exit_code == 2
    assert "Do this: Change into your clone of the workbook. For work without its lessons, set" in done.output


def test_a_store_that_does_not_answer_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    done = CliRunner().invoke(main, ["run"])
    assert done.exit_code == 2
    assert "plain files" in done.output


def test_lab_says_that_a_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["lab", "--no-browser", "--port", str(port)])
    assert done.exit_code == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in done.output


@pytest.mark.parametrize("port", ["-1", "0", "99999", "1" * 400])
def test_lab_says_that_it_is_no_port(port: str) -> None:
    done = CliRunner().invoke(main, ["lab", "--no-browser", "--port", port])
    assert done.exit_code == 2
    assert "a whole number from 1 to 65535" in done.output


@pytest.mark.parametrize("port", [True, 1.5, "8888", None, float("nan")])
def test_what_is_no_number_is_no_port(port: object) -> None:
    with pytest.raises(WorkbenchError, match="the port"):
        require_free(port)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [["--backend", "loky"], ["--jobs", "2"], ["--no-resume"], ["--backend", "ray"]])
def test_an_option_of_sweeps_without_a_grid_is_told(option: list[str], tmp_path: Path) -> None:
    """Nothing has been run then."""
    done = CliRunner().invoke(main, ["rerun", str(tmp_path / "notebooks" / "00_start_here.ipynb"), *option])
    assert done.exit_code == 2
    assert "without a grid" in done.output


def test_lab_is_reachable_from_this_machine_only_and_asks_for_a_token(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "mlworkbench", "lab", "--no-browser", "--port", str(port), "--", "--allow-root"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as lab:
        try:
            assert status(f"http://127.0.0.1:{port}/api/contents") == 403
            listening = Path("/proc/net/tcp").read_text() if Path("/proc/net/tcp").exists() else ""
            assert f"00000000:{port:04X}" not in listening
        finally:
            lab.terminate()
            lab.communicate(timeout=600)


def status(url: str) -> int:
    """The first answer, however long a busy machine takes to give it."""
    begun = time.monotonic()
    while time.monotonic() - begun < 300:
        try:
            with urllib.request.urlopen(url, timeout=300) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"waited 300 s for an answer at {url}")


def test_progress_shows_the_last_outcome_of_each_task(home: Path) -> None:
    import mlworkbench as wb

    first = CliRunner().invoke(main, ["progress"]).output
    assert "tracking.1    Not attempted" in first
    wb.check("tracking.1", run_id=5)
    assert "tracking.1    Not yet" in CliRunner().invoke(main, ["progress"]).output
    assert "0 of " in first.splitlines()[-1]


def test_reset_offers_the_nearest_exercise() -> None:
    done = CliRunner().invoke(main, ["reset", "nothing"])
    assert done.exit_code == 2
    assert "no exercise is called 'nothing'" in done.output
