"""The served model answers as it was evaluated, by Python and by REST, and refuses what it cannot answer."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlworkbench as wb
from mlworkbench import Endpoint
from stock_market import candidates, feature_store, features, gate, load_test, serving, windows
from tests.stock_market.conftest import session_in

pytestmark = pytest.mark.slow

COLUMNS = features.columns("rich")
TODAY = "2018-12-31"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(home))
    wb.start("the served model")


def logged(table: pd.DataFrame, name: str, store: Path, **options: Any) -> Any:
    given = {"group": "rich", "symbol": "sp500", "window": 14, "store": str(store), "today": TODAY, **options}
    columns = features.columns(given["group"], given["window"])
    estimator = candidates.fit(name, table[columns][:-600], table["answer"][:-600])
    return serving.log_served(estimator, table[columns].head(), **given)


@pytest.fixture(scope="module")
def model_uri(home: Path, table: pd.DataFrame, known: pd.DataFrame) -> str:
    """A logistic regression whose features lie in a store that was refreshed tonight."""
    with session_in(home):
        feature_store.refresh(home / "features", known)
        with mlflow.start_run():
            return str(logged(table, "logistic", home / "features").model_uri)


@pytest.fixture(scope="module")
def served(home: Path, model_uri: str) -> Iterator[Endpoint]:
    with session_in(home), wb.serve(model_uri) as endpoint:
        yield endpoint


@pytest.fixture
def last(known: pd.DataFrame) -> np.ndarray:
    """The last three windows, as a request sends them."""
    return known[windows.names()].to_numpy()[-3:]


def test_the_signature_is_a_tensor_of_14_int64_and_the_answer_is_true_or_false(
    model_uri: str, last: np.ndarray
) -> None:
    model = mlflow.pyfunc.load_model(model_uri)
    assert [str(part) for part in model.metadata.signature.inputs] == ["Tensor('int64', (-1, 14))"]
    assert [str(part) for part in model.metadata.signature.outputs] == ["Tensor('bool', (-1,))"]
    said = model.predict(last)
    assert said.dtype == bool
    assert said.shape == (3,)
    assert model.predict(last, params={"threshold": 0.0}).all()
    assert not model.predict(last, params={"threshold": 1.0}).any()


def test_the_model_is_stored_as_code_and_needs_what_it_says(model_uri: str) -> None:
    """No pickle; and neither this package nor the workbook's, which nobody could install elsewhere."""
    folder = Path(mlflow.artifacts.download_artifacts(model_uri))
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]
    needed = (folder / "requirements.txt").read_text()
    assert "feast==" in needed
    assert "skops==" in needed
    assert "mlworkbench" not in needed + "".join(
        line for line in (folder / "model.py").read_text().splitlines() if "import" in line
    )


def test_what_is_served_each_evening_is_what_was_evaluated(
    model_uri: str, known: pd.DataFrame, table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No skew between training and serving: three evenings are replayed through the online store.

    The probability is told by thresholds just below and above the one that the evaluation has computed.
    """
    evaluated = gate.Decisions(model_uri)
    monkeypatch.setenv("STOCK_MARKET_STORE", str(tmp_path))
    for row in (-400, -200, -2):
        evening = table.iloc[[row]]
        when = evening["event_timestamp"].iloc[0]
        feature_store.refresh(tmp_path, known[known["event_timestamp"] <= when])
        model = mlflow.pyfunc.load_model(model_uri)
        expected = float(evaluated._model.probabilities(evening)[0])
        for threshold, answer in ((expected - 1e-6, True), (expected + 1e-6, False)):
            params = {"threshold": threshold, "today": when.date().isoformat()}
            assert model.predict(evening[windows.names()].to_numpy(), params=params).tolist() == [answer]


BAD = {
    "threshold": ({"threshold": 1.5}, "threshold = 1.5", "a probability, 0 to 1", 400),
    "symbol": ({"symbol": "sp5000"}, "the symbol 'sp5000'", "'sp500', which this model has learnt", 400),
    "stale store": ({"today": "2019-02-01"}, "features of 'sp500' are of 2018-12-31", "0 to 5 days", 503),
    "an evening of the past": ({"today": "2018-02-01"}, "today = '2018-02-01'", "from 2018-12-31 on", 400),
    "no date": ({"today": "tomorrow"}, "today = 'tomorrow'", "a date such as '2018-12-31'", 400),
}


@pytest.mark.parametrize(("params", "found", "expected", "status"), BAD.values(), ids=BAD)
def test_bad_requests_get_the_same_three_sentences_by_python_and_by_rest(
    params: dict[str, Any], found: str, expected: str, status: int, model_uri: str, served: Endpoint, last: np.ndarray
) -> None:
    """By REST the status says whose fault it is: 400 that of whoever asks, 503 that of whoever serves."""
    with pytest.raises(mlflow.MlflowException) as here:
        mlflow.pyfunc.load_model(model_uri).predict(last, params=params)
    with pytest.raises(wb.WorkbenchError, match=f"the server answers {status}") as there:
        served.predict(last, params)
    for message in (str(here.value), str(there.value)):
        assert "Found: " in message
        assert found in message
        assert expected in message
        assert "Do this: " in message


def test_a_running_server_sees_what_the_evening_job_brings(
    served: Endpoint, known: pd.DataFrame, home: Path, last: np.ndarray
) -> None:
    """A week later the store is stale; after a refresh the same server answers, without a restart."""
    later = known.tail(1).assign(event_timestamp=known["event_timestamp"].iloc[-1] + pd.Timedelta(days=7))
    with pytest.raises(wb.WorkbenchError, match="a stale feature store"):
        served.predict(last, {"today": "2019-01-07"})
    feature_store.refresh(home / "features", pd.concat([known, later]))
    assert served.predict(last, {"today": "2019-01-07"}).shape == (3,)
    feature_store.refresh(home / "features", known)
    assert served.predict(last).shape == (3,)


def test_windows_of_a_wrong_length_or_of_prices_are_refused(model_uri: str, served: Endpoint, last: np.ndarray) -> None:
    """Thirteen values are refused by the signature; prices, which are numbers too, by the model."""
    model = mlflow.pyfunc.load_model(model_uri)
    for ask, error in ((model.predict, mlflow.MlflowException), (served.predict, wb.WorkbenchError)):
        with pytest.raises(error, match=r"Shape of input \(3, 13\) does not match expected shape \(-1, 14\)"):
            ask(last[:, 1:])
        with pytest.raises(error, match="Found: 2506 in a window"):
            ask(np.full((1, 14), 2506))
    with pytest.raises(wb.WorkbenchError, match=r"Expected: rows that the model's signature allows"):
        served.predict(last[:, 1:])


def test_a_store_without_features_is_told(model_uri: str, last: np.ndarray, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("STOCK_MARKET_STORE", str(tmp_path))
    with pytest.raises(mlflow.MlflowException, match=r"no features of 'sp500' in the feature store(?s:.*)`refresh`"):
        mlflow.pyfunc.load_model(model_uri).predict(last)


def test_the_server_answers_true_or_false_within_the_limit_under_load(served: Endpoint, last: np.ndarray) -> None:
    """By plain HTTP first; then 1, 4 and 16 clients at once, as a table, a plot and metrics in MLflow."""
    body = json.dumps({"inputs": last.tolist(), "params": {"threshold": 0.0}}).encode()
    request = urllib.request.Request(f"{served.url}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        assert json.load(answer) == {"predictions": [True, True, True]}
    table = load_test.under_load(served, last[:1], n=100)
    assert table.index.to_list() == [1, 4, 16]
    assert table["met"].all()
    with mlflow.start_run() as run:
        load_test.log(table)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "p99_ms")
    assert {(point.step, point.value) for point in history} == set(table["p99"].items())
    assert {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)} >= {
        "latency.json",
        "latency.png",
    }


def test_a_csv_is_scored_and_each_row_names_the_version(model_uri: str, last: np.ndarray, tmp_path: Path) -> None:
    version = wb.register(model_uri, "up-tomorrow-batch")
    pd.DataFrame(last, columns=windows.names()).to_csv(tmp_path / "tonight.csv", index=False)
    scored = wb.score(f"models:/up-tomorrow-batch/{version.version}", pd.read_csv(tmp_path / "tonight.csv"))
    assert scored["prediction"].to_list() == mlflow.pyfunc.load_model(model_uri).predict(last).tolist()
    assert set(scored["model_version"]) == {f"up-tomorrow-batch/{version.version}"}
    with pytest.raises(wb.WorkbenchError, match=r"had 13 columns and an input shape of \(-1, 14\)"):
        wb.score("models:/up-tomorrow-batch/1", pd.read_csv(tmp_path / "tonight.csv").drop(columns="day_1"))


def test_a_dockerfile_can_be_made_for_it(model_uri: str, tmp_path: Path) -> None:
    from mlflow.models.flavor_backend_registry import get_flavor_backend

    backend = get_flavor_backend(model_uri, docker_build=True, env_manager="virtualenv")
    backend.generate_dockerfile(model_uri, str(tmp_path), install_mlflow=False)
    assert "ENTRYPOINT" in (tmp_path / "Dockerfile").read_text()
    assert "feast==" in (tmp_path / "model_dir" / "requirements.txt").read_text()


def test_a_model_of_windows_alone_needs_no_feature_store(table: pd.DataFrame, last: np.ndarray, tmp_path: Path) -> None:
    """The classic model: fourteen ups and downs in, nothing looked up."""
    info = logged(table, "xgboost", tmp_path / "nowhere", group="window")
    said = mlflow.pyfunc.load_model(info.model_uri).predict(last)
    estimator = candidates.fit("xgboost", table[windows.names()][:-600], table["answer"][:-600])
    frame = pd.DataFrame(last, columns=windows.names())
    assert said.tolist() == (candidates.probability(estimator, frame) > 0.5).tolist()
    with pytest.raises(mlflow.MlflowException, match="Found: the symbol 'dax'"):
        mlflow.pyfunc.load_model(info.model_uri).predict(last, params={"symbol": "dax"})


@pytest.mark.slow
def test_a_keras_model_is_served_the_same_way(table: pd.DataFrame, home: Path, model_uri: str, last) -> None:
    """Walk-forward, logging as TensorFlow flavor, and serving from the feature store."""
    from stock_market import walk_forward

    said = walk_forward.walk_forward(table[-900:], COLUMNS, "keras", folds=2)
    assert said["probability"].between(0, 1).all()
    info = logged(table[-1500:], "keras", home / "features")
    assert mlflow.pyfunc.load_model(info.model_uri).predict(last).dtype == bool
    assert "tensorflow" in Path(mlflow.pyfunc.get_model_dependencies(info.model_uri)).read_text()
