"""Models can be logged, evaluated and described from several threads at once, and the process stays as it was."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.models import MetricThreshold
from sklearn.linear_model import LogisticRegression

import mlworkbench as wb
from mlworkbench.quiet import quiet, quiet_mlflow
from tests.mlworkbench.models.test_log import X, Y, keras_model

pytestmark = pytest.mark.slow

WORKERS = 8
ENOUGH = {"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)}


@pytest.fixture(autouse=True)
def session(home: Path) -> None:
    wb.start("threads")


def all_at_once(call: Callable[[int], Any]) -> list[Any]:
    """Run the call in eight threads that begin together."""
    together = threading.Barrier(WORKERS)

    def begin(number: int) -> Any:
        together.wait()
        return call(number)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(begin, range(WORKERS)))


def state() -> dict[str, Any]:
    """What a process has only once."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("mlflow", "absl", "tensorflow"))]
    return {
        "streams": (sys.stdout, sys.stderr),
        "levels": {name: logging.getLogger(name).level for name in sorted(names)},
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "path": list(sys.path),
        "tracking": mlflow.get_tracking_uri(),
        "run": mlflow.active_run(),
    }


def everything(number: int) -> tuple[str, str, bool]:
    """Every public function of the room, once."""
    with mlflow.start_run(run_name=f"thread {number}") as run:
        info = wb.log_model(LogisticRegression(max_iter=500).fit(X, Y), f"model-{number}", example=X[:5])
    with mlflow.start_run(run_name=f"gate {number}"):
        verdict = wb.validate(info, None, X.assign(species=Y), target="species", thresholds=ENOUGH)
    quiet_mlflow()
    assert "sklearn" in wb.describe_model(info.model_uri)["value"].to_list()
    return run.info.run_id, info.model_id, bool(verdict)


def test_eight_threads_lose_nothing_and_leave_the_process_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    everything(-1)  # imports, and loggers that are made at the first use
    before = state()
    capsys.readouterr()
    done = all_at_once(everything)
    assert state() == before
    assert all(passed for *_, passed in done)
    records = {one.model_id: one for one in mlflow.search_logged_models(output_format="list")}
    assert [records[model_id].source_run_id for _, model_id, _ in done] == [run_id for run_id, *_ in done]
    assert {records[model_id].status.value for _, model_id, _ in done} == {"READY"}
    sys.stdout.write("heard\n")
    logging.getLogger("mlflow").error("written")
    with pytest.warns(UserWarning, match="seen"):
        warnings.warn("seen", stacklevel=1)
    heard = capsys.readouterr()
    assert heard.out == "heard\n"
    assert "written" in heard.err


def test_silence_is_kept_to_the_thread_that_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    inside, outside = threading.Event(), threading.Event()

    def silent() -> None:
        with quiet():
            inside.set()
            assert outside.wait(60)
            logging.getLogger("mlflow").error("silent log")
            warnings.warn("silent warning", stacklevel=1)

    thread = threading.Thread(target=silent)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        thread.start()
        assert inside.wait(60)
        sys.stdout.write("loud print\n")
        logging.getLogger("mlflow").error("loud log")
        warnings.warn("loud warning", stacklevel=1)
        outside.set()
        thread.join()
    heard = capsys.readouterr()
    assert heard.out == "loud print\n"
    assert "loud log" in heard.err
    assert "silent log" not in heard.err
    assert [str(one.message) for one in told] == ["loud warning"]


def test_keras_shows_its_bars_again_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    model = keras_model()[0]
    capsys.readouterr()
    wb.log_model(model, "net", example=X[:5])
    assert capsys.readouterr().out == ""
    model.predict(X.to_numpy())
    assert "1/" in capsys.readouterr().out


def test_a_level_that_somebody_chose_stays(home: Path) -> None:
    logger = logging.getLogger("mlflow.pyfunc")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    wb.start("again")
    assert logger.level == logging.DEBUG
    logger.setLevel(before)
