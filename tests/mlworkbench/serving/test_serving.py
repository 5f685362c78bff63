"""A model is served while the block runs, answers as it does here, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from mlworkbench.fork_server import warmup
from mlworkbench.serving.endpoint import Endpoint
from mlworkbench.serving.latency import Latency
from tests.mlworkbench.models.test_log import X, Y, keras_model, onnx_model, python_model
from tests.waiting import alive, until
from warmkernel.client import is_warm, keep_server

pytestmark = pytest.mark.processes

LIMIT = 1000  # milliseconds that an answer may take


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving") / ".mlworkbench"


@pytest.fixture(scope="module", autouse=True)
def fork_server() -> Iterator[None]:
    """A fork server with its imports done, as a notebook has one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # as `wb.start` does
        kept = keep_server(warmup())
        assert kept
        assert is_warm(warmup())
    with kept:
        yield


@pytest.fixture(params=["forked", "started"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a server's process is made: forked where a fork server runs, and else started."""
    if request.param == "started":
        monkeypatch.setenv("MLWORKBENCH_WARM_SECONDS", "0")
    return str(request.param)


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


def window() -> pd.DataFrame:
    """Fourteen days in fourteen columns."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(60, 14)), columns=[f"day_{day}" for day in range(1, 15)])


@pytest.fixture(scope="module")
def served(store: Path) -> Iterator[tuple[Endpoint, Any]]:
    """One server for the tests that only ask: a model of fourteen columns, by the URI of its run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLWORKBENCH_HOME", str(store))
        wb.start("served")
        frame = window()
        model = LogisticRegression().fit(frame, frame["day_14"] > 0)
        with mlflow.start_run() as run:
            wb.log_model(model, "window", example=frame[:5])
        with wb.serve(f"runs:/{run.info.run_id}/window") as endpoint:
            yield endpoint, model
    until(lambda: not alive(endpoint.pid))


def test_the_server_predicts_as_the_model_does(served: tuple[Endpoint, Any]) -> None:
    endpoint, model = served
    assert np.array_equal(endpoint.predict(window()), model.predict(window()))
    assert endpoint.url in repr(endpoint)
    assert "POST /invocations" in endpoint.log


def test_a_window_of_fourteen_days_is_answered_within_the_limit(served: tuple[Endpoint, Any]) -> None:
    latency = served[0].latency(window()[:1], n=100)
    assert latency.percentiles["p99"] < LIMIT
    assert latency.milliseconds.shape == (100,)


def test_several_clients_at_once_are_all_answered(served: tuple[Endpoint, Any]) -> None:
    latency = served[0].latency(window()[:1], n=64, clients=16)
    assert latency.milliseconds.shape == (64,)
    assert latency.per_second > 1
    assert "64 requests of 1 row(s) by 16 clients at once: p50" in repr(latency)
    with pytest.raises(wb.WorkbenchError, match=r"clients = 0(?s:.*)1 to 64"):
        served[0].latency(window()[:1], clients=0)


def test_rows_that_the_signature_refuses_are_told(served: tuple[Endpoint, Any]) -> None:
    with pytest.raises(wb.WorkbenchError, match=r"answers 400: Model is missing inputs \['day_14'\]"):
        served[0].predict(window().drop(columns="day_14"))
    with pytest.raises(wb.WorkbenchError, match=r"answers 404: .*Not Found"):
        Endpoint(f"{served[0].url}/elsewhere", 0, Path("no.log")).predict(window())
    with pytest.raises(wb.WorkbenchError, match="n = 0 requests"):
        served[0].latency(window()[:1], n=0)


ANSWERS: dict[str, Any] = {
    "numbers": {"n": 3, "sum": 6.0},
    "unequal": {"rows": [1, 2, 3], "mean": [2.0]},
    "columns": {"low": [1, 2], "high": [3, 4]},
    "records": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    "ragged": [[1], [2, 3]],
    "gaps": [1.5, None],
    "texts": ["a", None],
    "number": 5,
    "text": "word",
    "empty": [],
    "nested": {"a": {"b": [1]}},
}


def speaks() -> Any:
    class Speaks(mlflow.pyfunc.PythonModel):
        answers = ANSWERS

        def predict(self, context, model_input, params=None):
            return self.answers[model_input["which"].iloc[0]]

    return Speaks()


def test_answers_of_every_form_come_as_pyfunc_gives_them() -> None:
    info = wb.log_model(speaks(), "speaks", example=pd.DataFrame({"which": ["numbers"]}))
    with wb.serve(info.model_uri) as endpoint:
        said = {which: endpoint.predict(pd.DataFrame({"which": [which]})) for which in ANSWERS}
        assert endpoint._log_file.parent.stat().st_mode & 0o777 == 0o700  # others of this machine read no model
        with pytest.raises(wb.WorkbenchError, match=r"pandas\.Series(?s:.*)to_frame"):
            endpoint.predict(pd.Series(["numbers"], ["which"]))
        for wrong in ({"n": "many"}, {"n": 2.5}, {"clients": None}):
            with pytest.raises(wb.WorkbenchError, match="a whole number from 1"):
                endpoint.latency(pd.DataFrame({"which": ["text"]}), **wrong)
    for which in ("numbers", "unequal", "ragged", "number", "text", "nested"):
        assert said[which] == ANSWERS[which]
    assert said["columns"].to_dict("list") == ANSWERS["columns"]
    assert said["records"].to_dict("records") == ANSWERS["records"]
    assert np.array_equal(said["gaps"], [1.5, np.nan], equal_nan=True)
    assert said["texts"].tolist() == ANSWERS["texts"]
    assert said["empty"].tolist() == []


def scored(model: Any, rows: pd.DataFrame, name: str) -> pd.Series:
    wb.log_model(model, name, example=rows, registered_model_name=name)
    return wb.score(f"models:/{name}/1", rows)["prediction"]


def test_scores_stand_beside_their_rows_whatever_the_form() -> None:
    def indexed(model_input):
        return pd.Series(model_input["a"].to_numpy() * 2)  # with an index of its own

    def table(model_input):
        return pd.DataFrame({"double": model_input["a"] * 2, "half": model_input["a"] / 2})

    def pairs(model_input):
        return np.column_stack([model_input["a"], model_input["a"] + 1])

    def total(model_input):
        return {"n": len(model_input), "sum": 6.0}

    rows = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    assert scored(indexed, rows, "indexed").to_dict() == {"x": 2.0, "y": 4.0}
    assert scored(table, rows, "table").to_list() == [{"double": 2.0, "half": 0.5}, {"double": 4.0, "half": 1.0}]
    assert scored(pairs, rows, "pairs").to_list() == [[1.0, 2.0], [2.0, 3.0]]
    with pytest.raises(wb.WorkbenchError, match="cannot score this table"):
        scored(total, rows, "total")
    with pytest.raises(wb.WorkbenchError, match="a table of type ndarray"):
        wb.score("models:/indexed/1", rows.to_numpy())
    for uri in (None, 5, "models:/a\0/1", "models:/", "\ud800", "runs:/0/x"):
        with pytest.raises(wb.WorkbenchError, match="the model URI"):
            wb.score(uri, rows)


@pytest.mark.parametrize("wrong", [{"port": port} for port in (-1, 0, 99999, "8080", 1.5)] + [{"timeout": np.nan}])
def test_a_port_or_a_time_that_cannot_be_is_told_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(wb.WorkbenchError, match=r"(port|timeout) = (?s:.*)Leave"), wb.serve("models:/m-1", **wrong):
        pytest.fail("there is no such port")


@pytest.mark.slow
def test_eight_threads_serve_and_score_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    info = wb.log_model(LogisticRegression().fit(X, Y > 0), "at-once", example=X, registered_model_name="at-once")
    expected = mlflow.pyfunc.load_model(info.model_uri).predict(X)

    def one(number: int) -> bool:
        with wb.serve(info.model_uri) as endpoint:
            served = endpoint.predict(X)
        return np.array_equal(served, expected) and wb.score("models:/at-once/1", X)["prediction"].eq(expected).all()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(8)))
    capsys.readouterr()
    sys.stdout.write("heard")
    assert capsys.readouterr().out == "heard"
    assert len(mlflow.search_runs(filter_string="params.model_version = 'at-once/1'")) == 8


def test_latency_is_a_table_and_a_plot() -> None:
    import matplotlib.pyplot as plt

    latency = Latency(np.arange(1, 101, dtype=float), rows=2)
    assert latency.table["percentile"].to_list() == ["p50", "p95", "p99"]
    assert latency.table["milliseconds"].to_list() == pytest.approx([50.5, 95.05, 99.01])
    assert repr(latency) == "100 requests of 2 row(s): p50 50.5 ms, p95 95 ms, p99 99 ms"
    assert "<td>50.5</td>" in latency._repr_html_()
    given = plt.subplots()[1]
    assert latency.plot(given) is given
    assert given.get_title() == "99 % of the answers came within 99 ms"
    assert given.get_xlabel() == "time to answer (ms)"
    assert [text.get_text() for text in given.get_legend().get_texts()] == ["p50: 50.5 ms", "p95: 95 ms", "p99: 99 ms"]
    plt.close("all")


def test_words_tell_how_it_goes_and_an_error_in_the_block_ends_the_server(
    made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    info = wb.log_model(python_model()[0], "model", example=(X[:5], {"threshold": 1.0}))
    capsys.readouterr()
    with contextlib.suppress(ZeroDivisionError), wb.serve(info.model_uri) as endpoint:
        assert capsys.readouterr().out.splitlines() == [
            "Starting MLflow's scoring server ...",
            "It is ready.",
        ]
        assert (psutil.Process(endpoint.pid).ppid() == os.getpid()) == (made == "started")
        assert not endpoint.predict(X, params={"threshold": 99.0}).to_numpy().any()
        os.kill(endpoint.pid, signal.SIGSTOP)  # even a server that does not react
        1 / 0  # noqa: B018
    until(lambda: not alive(endpoint.pid))
    assert "POST /invocations" in endpoint.log
    with pytest.raises(wb.WorkbenchError, match="Ask it inside of the with block"):
        endpoint.predict(X)


SERVE = """
import sys, time
import mlflow, mlworkbench as wb
from mlworkbench.quiet import quiet_mlflow
quiet_mlflow()
mlflow.set_tracking_uri(sys.argv[1])
with wb.serve(sys.argv[2]) as endpoint:
    print("PID", endpoint.pid, flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_the_process_that_started_it(made: str, number: signal.Signals) -> None:
    info = wb.log_model(LogisticRegression().fit(X, Y > 0), "model", example=X[:5])
    command = [sys.executable, "-c", SERVE, mlflow.get_tracking_uri(), info.model_uri]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    lines = iter(parent.stdout.readline, "")
    pid = next((int(line.split()[1]) for line in lines if line.startswith("PID")), 0)
    assert pid, parent.communicate(timeout=600)[1]
    assert alive(pid)
    assert (psutil.Process(pid).ppid() == parent.pid) == (made == "started")
    parent.send_signal(number)
    errors = parent.communicate(timeout=600)[1]
    until(lambda: not alive(pid))
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)


def dies_at_start() -> Any:
    class Dies(mlflow.pyfunc.PythonModel):
        made_by = os.getpid()

        def load_context(self, context):
            import os

            if os.getpid() != self.made_by:
                raise OSError("the disk with the weights is not there")

        def predict(self, context, model_input, params=None):
            return model_input["petal_width"]

    return Dies()


def test_a_server_that_dies_at_start_shows_its_log(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    real = subprocess.Popen.__init__

    def note(self, *args, **options):
        real(self, *args, **options)
        started.append(self)

    info = wb.log_model(dies_at_start(), "model", example=X[:5])
    monkeypatch.setattr("subprocess.Popen.__init__", note)
    with pytest.raises(wb.WorkbenchError) as refused, wb.serve(info.model_uri):
        pytest.fail("the server cannot be ready")
    assert "the server ended with code 1 before it was ready" in refused.value.found
    assert "OSError: the disk with the weights is not there" in refused.value.found
    assert "mlflow.pyfunc.load_model" in refused.value.do
    assert [process.returncode for process in started] == ([1] if made == "started" else [])


def test_a_server_that_is_not_ready_in_time_is_ended(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = []

    def never(endpoint: Endpoint) -> bool:
        pids.append(endpoint.pid)
        return False

    info = wb.log_model(LogisticRegression().fit(X, Y > 0), "model", example=X[:5])
    monkeypatch.setattr(Endpoint, "is_ready", never)
    with pytest.raises(wb.WorkbenchError, match=r"not ready after 0\.5 s"), wb.serve(info.model_uri, timeout=0.5):
        pytest.fail("it is never ready")
    assert pids, made
    until(lambda: not alive(pids[0]))


def test_a_server_that_ends_in_the_block_is_told() -> None:
    folder = mlflow.artifacts.download_artifacts(
        wb.log_model(LogisticRegression().fit(X, Y > 0), "model", example=X[:5]).model_uri
    )
    with wb.serve(folder) as endpoint:
        os.kill(endpoint.pid, signal.SIGKILL)
        with pytest.raises(wb.WorkbenchError, match="the server does not answer"):
            endpoint.predict(X)


def test_a_port_that_is_taken_is_told() -> None:
    info = wb.log_model(LogisticRegression().fit(X, Y > 0), "model", example=X[:5])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(wb.WorkbenchError, match=f"port {port} of 127.0.0.1 cannot be used"),
            wb.serve(info.model_uri, port=port),
        ):
            pytest.fail("the port is taken")


def test_a_uri_without_a_model_is_told_before_anything_starts() -> None:
    with pytest.raises(wb.WorkbenchError, match="no model at 'models:/nobody/1'"), wb.serve("models:/nobody/1"):
        pytest.fail("there is no model")


@pytest.mark.slow
@pytest.mark.parametrize("make", [keras_model, onnx_model])
def test_tensors_are_served_too(make: Any) -> None:
    model, rows, *_ = make()
    info = wb.log_model(model, "model", example=rows[:5])
    local = mlflow.pyfunc.load_model(info.model_uri).predict(rows)
    with wb.serve(info.model_uri) as endpoint:
        said = endpoint.predict(rows)
    if isinstance(local, dict):
        assert np.array_equal(said["label"], local["label"])
    else:
        assert np.allclose(said, local)
