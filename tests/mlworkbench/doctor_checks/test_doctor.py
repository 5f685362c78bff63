"""`doctor` finds what people trip over most, each fault made for real, and finds nothing where nothing is wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier

import mlworkbench as wb
from mlworkbench.cli import main
from mlworkbench.doctor_checks import machine, tracking_store
from mlworkbench.doctor_checks.findings import Finding
from mlworkbench.doctor_checks.report import doctor
from mlworkbench.ports import free_port
from mlworkbench.store import open_store
from tests.paths import ROOT
from tests.servers import Silent, serving

pytestmark = pytest.mark.processes


@pytest.fixture
def workbook(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workbook with a store, as the working directory."""
    (tmp_path / "notebooks").mkdir()
    for name in ("requirements.lock", "notebooks/00_start_here.ipynb"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(what: str) -> Finding:
    """What one check finds, the first problem before all else."""
    if what in machine.CHECKS:
        findings = [Finding(what, *each) for each in machine.CHECKS[what]()]
    elif what in tracking_store.CHECKS:
        findings = [Finding(what, *each) for each in tracking_store.CHECKS[what](open_store())]
    else:
        findings = [finding for finding in doctor().findings if finding.what == what]
    return next((finding for finding in findings if finding.state == "problem"), findings[0])


def told(what: str, *words: str) -> None:
    """A problem is found that has these words and says what to do."""
    finding = found(what)
    assert finding.state == "problem", finding
    assert all(word in f"{finding.found} {finding.do}" for word in words), finding
    assert finding.do


def plain(script: str, folder: Path) -> None:
    """What a user runs without the workbook."""
    folder.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "_MLFLOW"))}
    subprocess.run([sys.executable, "-c", script], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture(scope="module")
def misled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real server that leaves artifacts to its clients, at a path that no client has, and answers to one host."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [*(sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1")]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--no-serve-artifacts", "--default-artifact-root", "/dev/null/artifacts"]
    env = {**os.environ, "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port}"}
    env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(360):
            try:
                open_store(f"http://127.0.0.1:{port}")
                break
            except wb.StoreError:
                time.sleep(0.5)
        yield port
        process.terminate()


def test_a_healthy_workbook_has_no_problem(workbook: Path) -> None:
    """In a process of its own, as from a shell; nothing is left in the store that a reader would see."""
    command = [sys.executable, "-m", "mlworkbench", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("No problem found.\n")
    for what in ("folder", "store", "versions", "artifacts", "kernel", "other stores", "signatures"):
        assert f"\n{what} " in f"\n{done.stdout}"
    client = mlflow.MlflowClient(f"sqlite:///{os.environ['MLWORKBENCH_HOME']}/mlflow.db")
    assert [experiment.name for experiment in client.search_experiments()] == ["Default"]
    assert not list(Path(os.environ["MLWORKBENCH_HOME"], "artifacts").glob("*"))


def test_1_artifacts_that_never_reach_the_server(
    workbook: Path, misled_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{misled_server}")
    told("artifacts", "/dev/null/artifacts", "--artifacts-destination")


def test_2_runs_that_went_to_another_store(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logged from another folder, logged to another URI, and asked for from outside of the workbook."""
    plain("import mlflow; mlflow.start_run(); mlflow.end_run()", workbook / "notebooks" / "mine")
    told("other stores", "notebooks/mine/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{workbook}/notebooks/mlflow.db")
    mlflow.set_experiment("lost")
    told("other stores", "notebooks/mlflow.db (in use)")
    mlflow.set_tracking_uri(None)
    monkeypatch.chdir("/")
    monkeypatch.delenv("MLWORKBENCH_HOME")
    told("folder", "no workbook at or above /")
    told("store", "no workbook at or above /")


def test_3_a_package_of_another_release(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip leaves behind when it installs another version, found first on the path."""
    folder = workbook / "packages" / "scikit_learn-0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    told("versions", "scikit-learn is 0.1, ", "make setup")


def test_4_a_run_that_is_still_open(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wb.start("mine")
    with mlflow.start_run(run_name="forgotten") as run:
        told("open run", "'forgotten' is still open", "mlflow.end_run()")
    assert found("open run").state == "ok"
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    told("open run", f"continues run {run.info.run_id}", "Unset MLFLOW_RUN_ID")


def test_5_autologging_into_a_run_that_has_been_written(workbook: Path) -> None:
    wb.start("mine")
    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        with mlflow.start_run(run_name="two fits"):
            assert found("autologging").state == "ok"
            RandomForestClassifier(n_estimators=1).fit([[0], [1]], [0, 1])
            told("autologging", "of sklearn writes into the open run 'two fits'", "Give each fit a run of its own")
    finally:
        mlflow.sklearn.autolog(disable=True)


def test_6_no_environment_for_a_project(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python with these packages and nothing else on its path."""
    venv.create(workbook / "bare", with_pip=False)
    (site,) = (workbook / "bare").glob("lib/python*/site-packages")
    (site / "ours.pth").write_text(f"{Path(mlflow.__file__).parents[1]}\n{ROOT}\n")
    python = workbook / "bare" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "mlworkbench", "doctor"],
        env={**os.environ, "PATH": str(workbook)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "neither uv, pyenv nor conda" in done.stdout
    assert "--env-manager local" in done.stdout


def test_7_a_driver_that_is_missing(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mysql+pymysql://me@127.0.0.1/mlflow")
    told("store", "pip install pymysql")


def test_8_a_host_that_the_server_refuses_and_a_proxy_in_between(
    workbook: Path, misled_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://localhost:{misled_server}")
    told("store", "403", "MLFLOW_SERVER_ALLOWED_HOSTS")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    told("store", "add mlflow.example to NO_PROXY")


def test_9_model_files_that_are_somewhere_else(workbook: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment made in another folder by MLflow alone, and a workbook whose artifacts were moved."""
    wb.start("mine")
    wb.log_model(DummyClassifier().fit([[0.0], [1.0]], [0, 1]), example=np.array([[0.0]]), name="guess")
    assert found("locations").state == "ok"
    (home / "artifacts").rename(workbook / "moved")
    told("locations", "'guess' at", "gone", "Move the folder back")
    script = f"import mlflow; mlflow.set_tracking_uri('sqlite:///{home}/mlflow.db'); mlflow.set_experiment('plain')"
    plain(f"{script}; mlflow.start_run(); mlflow.log_text('x', 'x.txt')", workbook / "elsewhere")
    told("locations", "'plain' at", "elsewhere", "wb.start")


def test_10_a_model_without_signature(workbook: Path) -> None:
    wb.start("mine")
    mlflow.sklearn.log_model(DummyClassifier().fit([[0.0], [1.0]], [0, 1]), name="bare", pip_requirements=[])
    told("signatures", "'bare'", "input_example")


@contextmanager
def answering(date: str) -> Iterator[str]:
    """A server that says what it is told: no real one can be had with another clock and another version."""

    class Handler(Silent):
        def do_GET(self) -> None:
            body = b"2.9.0" if self.path.startswith("/version") else b"{}"
            self.send_response_only(200)
            self.send_header("Date", date)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as uri:
        yield uri


def test_a_server_of_another_release_and_time(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: a check that fails by itself (this server makes no experiments) is told, and stops no other."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with answering("Mon, 01 Jan 2001 00:00:00 GMT") as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        report = doctor()
    wrong = {finding.found.split(",")[0] for finding in report.problems if finding.what == "server"}
    assert "the server is MLflow 2.9.0" in wrong
    assert any("clock" in text for text in wrong)
    assert any(f.what == "artifacts" and "could not be looked at" in f.found for f in report.problems)
    assert report.findings[-1].what == list(tracking_store.CHECKS)[-1]


def test_little_disk(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ENOUGH_DISK", 1e9)
    told("disk", "GB are free", "mlflow gc")


def test_a_kernel_of_another_python(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = workbook / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text('{"argv": ["/usr/bin/other-python", "-m", "x"], "display_name": "Other"}')
    monkeypatch.setenv("JUPYTER_PATH", str(workbook))
    told("kernel", "/usr/bin/other-python", "ipykernel install")


def test_ports_in_use_are_a_hint(workbook: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 5000))
        taken.listen()
        finding = found("ports")
    assert finding.state == "hint"
    assert "5000" in finding.found


def test_the_report_in_a_notebook_and_on_the_command_line(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:<b>runs</b>")
    page = wb.doctor()._repr_html_()
    assert "&lt;b&gt;runs" in page
    assert "<b>" not in page
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 1
    assert "plain files" in done.output
    assert "Do this: Use 'sqlite:///mlflow.db'" in done.output


@pytest.mark.parametrize("uri", ["http://[::1", "http://h:abc", "postgresql://h:abc/x", "sqlite:///x.db?mode=ro"])
def test_an_address_of_no_store_is_a_finding(workbook: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    told("store", uri)


def test_no_password_is_shown_to_those_who_help(workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the store nor that of a proxy."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:SECRET@127.0.0.2:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://me:SECRET@127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    report = doctor()
    assert "by way of the proxy http://***@127.0.0.1" in repr(report)
    assert "SECRET" not in f"{report!r} {report._repr_html_()} {report.findings}"


@pytest.mark.parametrize("name", ["MLWORKBENCH_WARM_SECONDS", "MLWORKBENCH_PATIENCE"])
@pytest.mark.parametrize("text", ["abc", "-1", "nan", "inf"])
def test_a_setting_that_is_no_number(name: str, text: str, workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("settings").state == "ok"
    monkeypatch.setenv(name, text)
    told("settings", f"{name} = '{text}'", "unset it")


def test_a_run_that_a_killed_process_has_left(workbook: Path) -> None:
    """It is ended, and told."""
    wb.start("left")
    gone = subprocess.run([sys.executable, "-c", LEAVES], check=False, capture_output=True, text=True)
    assert gone.returncode == -9, gone.stderr
    assert found("killed runs").found == "1 run(s) of processes that were killed are ended as KILLED"
    (run,) = mlflow.search_runs(output_format="list")
    assert run.info.status == "KILLED"
    assert found("killed runs").found == "none is left"


LEAVES = """
import mlflow, os
import mlworkbench as wb
from mlworkbench.orphans import PROCESS_TAG, this_process
wb.start("left")
mlflow.start_run(tags={PROCESS_TAG: this_process()})
os.kill(os.getpid(), 9)
"""
