"""What a model answers by a server and in a scored table is what pyfunc answers, or it is told why not."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

import mlworkbench as wb
from tests.mlworkbench.models.test_log import X, Y

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("as-pyfunc") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


ROWS = pd.DataFrame({"a": [1.0, 2.0, 3.0]})


def says(answer: Any) -> Any:
    return lambda model_input: answer


def told_of(model: Any, example: Any, **options: Any) -> list[str]:
    """What is told when the model is logged."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        wb.log_model(model, "told", example=example, **options)
    return [str(each.message) for each in told]


# --- served ----------------------------------------------------------------------------------------------------------

MIXED = {"pairs": [[1, "a"], [2, "b"]], "flags": [True, 2], "huge": [2**70, 1], "truths": [True, None]}
NEVER_JSON = {"set": {1, 2}, "sparse": scipy.sparse.csr_matrix(np.eye(2)), "complex": np.array([1j])}


def test_a_server_keeps_every_value_or_names_what_json_cannot_hold() -> None:
    class Speaks(mlflow.pyfunc.PythonModel):
        answers = MIXED | NEVER_JSON

        def predict(self, context, model_input, params=None):
            which = model_input["which"].iloc[0]
            return model_input["day"].dt.microsecond.tolist() if which == "days" else self.answers[which]

    days = pd.to_datetime(["2020-01-01", "2020-01-01T12:00:00.123456", None], format="mixed")
    rows = pd.DataFrame({"which": ["days"] * 3, "day": days})
    info = wb.log_model(Speaks(), "speaks", example=rows)
    with wb.serve(info.model_uri) as endpoint:
        assert np.array_equal(endpoint.predict(rows), [0, 123456, np.nan], equal_nan=True)
        for which, expected in MIXED.items():
            said = endpoint.predict(rows.assign(which=which)).tolist()
            assert (said, [type(each) for each in said]) == (expected, [type(each) for each in expected])
        for which, kind in (("set", "set"), ("sparse", "csr_matrix"), ("complex", "complex")):
            with pytest.raises(wb.WorkbenchError, match=rf"answers 500(?s:.*){kind} is not JSON(?s:.*)score takes"):
                endpoint.predict(rows.assign(which=which))


def test_a_model_that_cannot_be_asked_is_told_when_it_is_logged_served_and_scored() -> None:
    told = told_of(StandardScaler().fit(X), X[:5], registered_model_name="scaler")
    assert ["has no predict: mlflow.sklearn.load_model" in each for each in told].count(True) == 1
    for call in (lambda: wb.score("models:/scaler/1", X), lambda: wb.serve("models:/scaler/1").__enter__()):
        with pytest.raises(wb.WorkbenchError, match=r"has no predict \(its flavors are sklearn\)"):
            call()


@pytest.mark.parametrize(
    ("model", "example", "why"),
    [
        (says(scipy.sparse.csr_matrix(np.eye(3))), ROWS, "csr_matrix is not JSON serializable"),
        (lambda model_input: [str(each) for each in model_input["a"]], ROWS.assign(a=[True, None, False]), "else"),
        (
            XGBRegressor(n_estimators=2, enable_categorical=True).fit(
                pd.DataFrame({"k": pd.Categorical([10, 20, 30])}), [1, 5, 9]
            ),
            pd.DataFrame({"k": pd.Categorical([10, 20, 30])}),
            "XGBoostError",
        ),
    ],
    ids=["sparse", "gaps in booleans", "category"],
)
def test_a_model_that_a_server_will_not_answer_for_is_told_of(model: Any, example: Any, why: str) -> None:
    told = [each for each in told_of(model, example) if "A server will not answer" in each]
    assert len(told) == 1
    assert why in told[0]
    assert not told_of(model, example, signature=False)


@pytest.mark.parametrize(
    "answer",
    [np.ones(3), pd.Series([1, 2, 3]), {"a": [1, 2, 3]}, [dt.date(2020, 1, 1)] * 3, pd.DataFrame({"x": [1]})],
    ids=lambda answer: type(answer).__name__,
)
def test_nothing_is_told_of_a_model_that_a_server_answers_for(answer: Any) -> None:
    assert not told_of(says(answer), ROWS)
    assert not told_of(lambda model_input: np.random.default_rng().random(3), ROWS)


# --- scored ----------------------------------------------------------------------------------------------------------


def scored(answer: Any) -> list[Any]:
    wb.log_model(says(answer), "scored", example=ROWS, signature=False, registered_model_name="scored")
    version = max(int(each.version) for each in mlflow.MlflowClient().search_model_versions("name = 'scored'"))
    return wb.score(f"models:/scored/{version}", ROWS)["prediction"].tolist()


def test_targets_with_different_classes_keep_their_signature_and_are_scored() -> None:
    targets = np.column_stack([Y > 0, Y])
    model = MultiOutputClassifier(LogisticRegression(max_iter=500)).fit(X, targets)
    assert not told_of(model, X[:5], pyfunc_predict_fn="predict_proba", registered_model_name="two-targets")
    one, two = model.predict_proba(X[:2])  # as many rows as outputs
    expected = [[one[row].tolist(), two[row].tolist()] for row in range(2)]
    assert wb.score("models:/two-targets/1", X[:2])["prediction"].tolist() == expected
    assert mlflow.pyfunc.load_model("models:/two-targets/1").metadata.signature.inputs


def test_several_outputs_and_sparse_answers_are_scored_row_by_row() -> None:
    two = [np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]), np.array([[1.0], [2.0], [3.0]])]
    assert scored(two) == [[[0.1, 0.9], [1.0]], [[0.2, 0.8], [2.0]], [[0.3, 0.7], [3.0]]]
    assert scored([each[:, :1] for each in (*two, two[0])])[1] == [[0.2], [2.0], [0.2]]  # as many outputs as rows
    assert scored([[1], [1, 2], []]) == [[1], [1, 2], []]
    assert scored(scipy.sparse.csr_matrix(np.eye(3)))[1] == [0.0, 1.0, 0.0]
    assert scored(pd.DataFrame([[1, 2]] * 3, columns=["x", "x"]))[0] == [1, 2]


@pytest.mark.parametrize("answer", [np.array(5.0), np.float32(1), 5, None, "abc", b"abc", {1, 2, 3}, {"n": "abc"}, {}])
def test_an_answer_that_is_not_one_for_each_row_is_refused(answer: Any) -> None:
    with pytest.raises(wb.WorkbenchError, match=r"answers with (?s:.*)to 3 rows(?s:.*)an answer for each row"):
        scored(answer)


def test_two_columns_of_one_name_are_scored_told_and_not_lost_by_a_server() -> None:
    """JSON keeps one of them: MLflow's own server answers with that, as if there were no other."""
    pair = pd.DataFrame([[1, 2]] * 3, columns=["x", "x"])
    (told,) = told_of(says(pair), ROWS)
    assert "columns of its answer have the same name" in told
    plain = mlflow.pyfunc.log_model(python_model=says(pair), name="plain", pip_requirements=[])
    with wb.serve(plain.model_uri) as server, pytest.raises(wb.WorkbenchError) as error:
        server.predict(ROWS)
    assert "DataFrame columns are not unique" in error.value.found
    assert "each column has a name of its own" in error.value.do
