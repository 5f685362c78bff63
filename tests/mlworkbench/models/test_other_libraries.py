"""PyTorch and LightGBM, which the lock does not bring: stored like every model where they are, told where they are not.

To try those that need them: a second environment with both, whose `.pth` file names the packages of this one.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import MetricThreshold, Model
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlworkbench as wb
from mlworkbench.models.log import _Saved
from tests.mlworkbench.models.test_log import lines_of, names_of

pytestmark = pytest.mark.processes

X, Y = load_iris(return_X_y=True, as_frame=True)
X = X.set_axis(["sepal_length", "sepal_width", "petal_length", "petal_width"], axis=1)
ROWS = X.to_numpy(np.float32)
LIMIT = MetricThreshold(threshold=1.0, greater_is_better=False)
RECORDED = Path(__file__).parent.parent / "recorded" / "lightgbm"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("libraries") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


def said(info: Any, rows: Any) -> Any:
    return mlflow.pyfunc.load_model(info.model_uri).predict(rows)


# --- where the library is not installed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "module"), [("lightgbm", "lightgbm.sklearn"), ("torch", "torch.nn.modules.module")]
)
def test_a_model_of_a_library_that_is_not_installed_says_what_to_install(
    library: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # as Python itself marks what cannot be imported
    model = type("Model", (), {"__module__": module, "predict": lambda self, rows: rows})()
    with pytest.raises(wb.WorkbenchError) as refused:
        wb.log_model(model, "model", example=X[:3])
    assert f"made with {library}, which is not installed here" in refused.value.found
    assert f"-m pip install {library}" in refused.value.do
    assert mlflow.search_logged_models(output_format="list") == []


def test_a_stored_model_of_a_library_that_is_not_installed_says_so_when_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorded one is of LightGBM 4.7, from a machine that had it."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    folder = Path(shutil.copytree(RECORDED, tmp_path / "model"))
    info = _Saved(folder, Model.load(str(folder))).log(name="model", registered_model_name="tall")
    assert "lightgbm==4.7.0" in lines_of("models:/tall/1", "requirement")
    data = pd.DataFrame({"a": [1.0, 30.0], "y": [0.0, 1.0]})
    asked = [
        lambda: wb.score("models:/tall/1", data[["a"]]),
        lambda: wb.validate(info, None, data, target="y", model_type="regressor", thresholds={"rmse": LIMIT}),
    ]
    for ask in asked:
        with pytest.raises(wb.WorkbenchError) as refused:
            ask()
        assert "made with lightgbm, which is not installed here" in refused.value.found
        assert "-m pip install lightgbm" in refused.value.do


def test_the_kinds_that_are_taken_are_told() -> None:
    with pytest.raises(wb.WorkbenchError, match="LightGBM, Keras, PyTorch"):
        wb.log_model("a model", "model", example=X[:3])


# --- LightGBM --------------------------------------------------------------------------------------------------------


def fitted(kind: str = "LGBMClassifier") -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    return getattr(lightgbm, kind)(n_estimators=3, verbose=-1).fit(X, Y)


@pytest.mark.parametrize("kind", ["LGBMClassifier", "LGBMRegressor"])
def test_an_estimator_of_lightgbm_is_stored_in_its_own_flavor_without_code(kind: str) -> None:
    model = fitted(kind)
    info = wb.log_model(model, "model", example=X[:3])
    assert set(info.flavors) == {"lightgbm", "python_function"}
    assert np.allclose(said(info, X), model.predict(X))
    assert info.signature.inputs.input_names() == [*X]
    assert names_of(info.model_uri) == ["mlflow", "lightgbm", "numpy", "pandas", "scikit-learn", "skops"]
    assert not list(Path(mlflow.artifacts.download_artifacts(info.model_uri)).glob("*.pkl"))


def test_a_booster_of_lightgbm_is_stored_as_text() -> None:
    model = fitted().booster_
    info = wb.log_model(model, "model", example=X[:3])
    assert np.allclose(said(info, X), model.predict(X))
    assert names_of(info.model_uri) == ["mlflow", "lightgbm", "numpy", "pandas"]


def test_another_method_and_a_pipeline_of_lightgbm_go_by_scikit_learn() -> None:
    model = fitted()
    info = wb.log_model(model, "model", example=X[:3], pyfunc_predict_fn="predict_proba")
    assert np.allclose(said(info, X), model.predict_proba(X))
    pipeline = make_pipeline(StandardScaler(), fitted().__class__(n_estimators=3, verbose=-1)).fit(X, Y)
    info = wb.log_model(pipeline, "model", example=X[:3])
    assert "sklearn" in info.flavors
    assert np.array_equal(said(info, X), pipeline.predict(X))


def test_what_lightgbm_cannot_store_is_refused() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    with pytest.raises(wb.WorkbenchError, match="the LGBMClassifier is not fitted"):
        wb.log_model(lightgbm.LGBMClassifier(), "model", example=X[:3])
    with pytest.raises(wb.WorkbenchError, match=r"does not answer to the example, a DataFrame of the shape \(3, 2\)"):
        wb.log_model(fitted(), "model", example=X.iloc[:3, :2])
    with pytest.raises(wb.WorkbenchError, match="no serialization_format is called 'pt2'"):
        wb.log_model(fitted(), "model", example=X[:3], serialization_format="pt2")


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def network() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))


def answers(model: Any, rows: Any) -> Any:
    import torch

    training = model.training
    with torch.no_grad():
        answer = model.eval()(torch.from_numpy(rows)).numpy()
    model.train(training)
    return answer


@pytest.mark.parametrize("form", ["array", "table", "tensor", "one row"])
def test_a_network_is_stored_as_a_graph_that_takes_any_number_of_rows(form: str) -> None:
    model = network()
    forms = {"array": ROWS[:5], "table": X[:5], "one row": ROWS[:1]}
    if form == "tensor":
        import torch

        forms["tensor"] = torch.from_numpy(ROWS[:5])
    info = wb.log_model(model, "model", example=forms[form])
    assert set(info.flavors) == {"pytorch", "python_function"}
    for size in (1, 2, 7, len(ROWS)):
        assert np.allclose(said(info, ROWS[:size]), answers(model, ROWS[:size]), atol=1e-6)
    assert [str(part.type) for part in info.signature.inputs] == ["float32"]
    assert info.signature.outputs
    assert names_of(info.model_uri) == ["mlflow", "numpy", "torch"]


def test_logging_a_network_neither_stores_dropout_nor_ends_the_training() -> None:
    model = network().train()
    info = wb.log_model(model, "model", example=ROWS[:5])
    assert np.array_equal(said(info, ROWS), said(info, ROWS))
    assert model.training


def test_a_network_whose_class_is_of_the_notebook_needs_no_code_when_it_is_loaded() -> None:
    torch = pytest.importorskip("torch")

    class Mine(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    Mine.__module__ = "__main__"
    model = Mine()
    info = wb.log_model(model, "model", example=ROWS[:5])
    assert np.allclose(said(info, ROWS), answers(model, ROWS), atol=1e-6)
    with pytest.warns(UserWarning, match="format pickle holds code"):
        info = wb.log_model(model, "model", example=ROWS[:5], serialization_format="pickle")
    assert np.allclose(said(info, ROWS), answers(model, ROWS), atol=1e-6)
    assert wb.log_model(model, "model", example=ROWS[:5], signature=False).signature is None


def test_a_network_is_served_and_scored() -> None:
    model = network()
    wb.log_model(model, "model", example=ROWS[:5], registered_model_name="net")
    with wb.serve("models:/net/1") as endpoint:
        assert np.allclose(endpoint.predict(ROWS[:3]), answers(model, ROWS[:3]), atol=1e-5)
    assert len(wb.score("models:/net/1", X[:3].astype("float32"))) == 3


def of_two_answers() -> Any:
    import torch

    class Two(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x, x

    return Two()


def of_two_ways() -> Any:
    import torch

    class Branching(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x if x.sum() > 0 else -x

    return Branching()


def keeping_its_answer() -> Any:
    import torch

    model = network()
    model.last = model(torch.ones(2, 4))
    return model


def compiled() -> Any:
    import torch

    return torch.jit.script(network())


def optimizer() -> Any:
    import torch

    return torch.optim.SGD(network().parameters())


@pytest.mark.parametrize(
    ("make", "example", "found", "do"),
    [
        (network, X.to_numpy()[:5], "must have the same dtype", "example.astype('float32')"),
        (network, ROWS[:5, :3], "shapes cannot be multiplied", "Give rows"),
        (network, [ROWS[:5], ROWS[:5]], "in the form of a list", "take one tensor"),
        (network, pd.DataFrame({"a": ["x", "y"]}), "in the form of a DataFrame", "take one tensor"),
        (of_two_answers, ROWS[:5], "answers with a tuple", "return one tensor"),
        (of_two_ways, ROWS[:5], "cannot be stored", "mlflow.pyfunc.PythonModel"),
        (keeping_its_answer, ROWS[:5], "cannot be copied", "result.detach()"),
        (compiled, ROWS[:5], "RecursiveScriptModule", "Give the network itself"),
        (optimizer, ROWS[:5], "torch.optim.sgd.SGD", "Give the network itself"),
    ],
)
def test_what_pytorch_cannot_store_is_refused_and_leaves_nothing(make: Any, example: Any, found: str, do: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(wb.WorkbenchError) as refused:
        wb.log_model(make(), "model", example=example)
    assert found in refused.value.found
    assert do in refused.value.do
    assert mlflow.search_logged_models(output_format="list") == []
