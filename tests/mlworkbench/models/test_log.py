"""Any model is logged whole or not at all, and what is loaded again predicts the same."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import all_estimators

import mlworkbench as wb
from mlworkbench.models.describe import describe_model
from mlworkbench.models.log import log_model

pytestmark = pytest.mark.processes

X, Y = load_iris(return_X_y=True, as_frame=True)
X = X[::3].set_axis(["sepal_length", "sepal_width", "petal_length", "petal_width"], axis=1).reset_index(drop=True)
Y = Y[::3].reset_index(drop=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> wb.Session:
    """One store for all tests (making one takes seconds), an experiment for each."""
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    return wb.start(request.node.name)


def logged() -> list[Any]:
    """Every logged model of this test's experiment, whatever its status."""
    return mlflow.search_logged_models(output_format="list")


def lines_of(uri: str, what: str) -> list[str]:
    table = describe_model(uri)
    return table.loc[table["what"] == what, "value"].to_list()


def names_of(uri: str) -> list[str]:
    return [line.partition("==")[0] for line in lines_of(uri, "requirement")]


# --- every estimator of scikit-learn ---------------------------------------------------------------------------------


def instance(cls: type, kind: str) -> BaseEstimator:
    """The estimator with its defaults, and with what it cannot do without."""
    inner = LogisticRegression() if kind == "classifier" else Ridge()
    given = {"estimator": inner, "estimators": [("a", inner), ("b", inner)]}
    parameters = inspect.signature(cls).parameters.items()
    needed = {name for name, parameter in parameters if parameter.default is inspect.Parameter.empty}
    if cls is SelfTrainingClassifier:
        needed.add("estimator")  # its default cannot be fitted
    return cls(**{name: given[name] for name in needed})


def fitted(estimator: BaseEstimator) -> tuple[BaseEstimator, Any]:
    """Fit on the first small data set that the estimator takes; returns it with rows to predict."""
    targets = [Y, (Y > 0).astype(int), Y + 1.0, np.column_stack([Y, Y])]
    for rows in (X, X[["petal_width"]]):
        for target in targets:
            try:
                return estimator.fit(rows, target), rows
            except (ValueError, TypeError, IndexError):
                continue
    raise AssertionError(f"{estimator} fits no data set of this test")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_every_estimator_is_logged_and_predicts_the_same_when_loaded(kind: str) -> None:
    wrong = {}
    every = all_estimators(type_filter=kind)
    assert len(every) > 40
    for name, cls in every:
        model, rows = fitted(instance(cls, kind))
        try:
            info = log_model(model, name, example=rows[:5])
        except wb.WorkbenchError as error:
            wrong[name] = str(error)
            continue
        for loaded in (mlflow.sklearn.load_model(info.model_uri), mlflow.pyfunc.load_model(info.model_uri)):
            # Arrays may lie in another order in memory, which changes the last digit of a sum.
            if not np.allclose(loaded.predict(rows), model.predict(rows), rtol=1e-9, atol=1e-12):
                wrong[name] = f"predicts something else as {type(loaded).__name__}"
    assert not wrong


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(
            make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(sparse_output=False), [2])),
            KBinsDiscretizer(encode="ordinal"),
            Ridge(),
        ),
        make_pipeline(SelectKBest(k=2), FunctionTransformer(np.log1p), LogisticRegression()),
        GridSearchCV(RandomForestClassifier(5), {"max_depth": [1, 2]}, scoring="f1_macro"),
    ],
    ids=["columns", "selection", "search"],
)
def test_pipelines_and_searches_are_logged(model: BaseEstimator) -> None:
    model.fit(X, Y)
    info = log_model(model, "pipeline", example=X[:5])
    assert np.array_equal(mlflow.pyfunc.load_model(info.model_uri).predict(X), model.predict(X))


def test_a_pipeline_with_xgboost_pins_both_libraries() -> None:
    from xgboost import XGBClassifier

    model = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=3)).fit(X, Y)
    info = log_model(model, "pipeline", example=X[:5])
    assert np.array_equal(mlflow.pyfunc.load_model(info.model_uri).predict(X), model.predict(X))
    assert {"scikit-learn", "xgboost", "skops"} <= set(names_of(info.model_uri))


def test_a_transformer_without_predict_is_logged_with_its_signature() -> None:
    model = StandardScaler().fit(X)
    info = log_model(model, "scaler", example=X[:5])
    assert list(info.flavors) == ["sklearn"]
    assert info.signature.outputs.is_tensor_spec()
    assert np.array_equal(mlflow.sklearn.load_model(info.model_uri).transform(X), model.transform(X))


# --- every flavor ----------------------------------------------------------------------------------------------------


def as_in_a_notebook() -> tuple[Any, type]:
    """A function and a PythonModel that are stored whole, because they can be imported from nowhere."""

    def doubled(model_input):
        return model_input["petal_width"] * 2

    class Above(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return (model_input["petal_width"] > (params or {}).get("threshold", 1.0)).astype(int)

    return doubled, Above


doubled, Above = as_in_a_notebook()


def sklearn_model() -> tuple[Any, Any, Any, str, list[str]]:
    model = LogisticRegression(max_iter=500).fit(X, Y)
    return model, X, model.predict(X), "sklearn", ["mlflow", "numpy", "pandas", "scikit-learn", "skops"]


def xgboost_model() -> tuple[Any, Any, Any, str, list[str]]:
    from xgboost import XGBRegressor

    model = XGBRegressor(n_estimators=3).fit(X, Y)
    return model, X, model.predict(X), "xgboost", ["mlflow", "numpy", "pandas", "scikit-learn", "xgboost"]


def booster_model() -> tuple[Any, Any, Any, str, list[str]]:
    import xgboost

    model = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), num_boost_round=3)
    return model, X, model.predict(xgboost.DMatrix(X)), "xgboost", ["mlflow", "numpy", "pandas", "xgboost"]


def keras_model() -> tuple[Any, Any, Any, str, list[str]]:
    import keras

    @keras.saving.register_keras_serializable()
    class Half(keras.layers.Layer):
        def call(self, x):
            return x / 2

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), Half(), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    said = model.predict(X.to_numpy(), verbose=0)
    return model, X, said, "tensorflow", ["mlflow", "cloudpickle", "keras", "numpy", "tensorflow-cpu"]


def onnx_model() -> tuple[Any, Any, Any, str, list[str]]:
    from skl2onnx import to_onnx

    rows = X.to_numpy().astype("float32")
    model = LogisticRegression(max_iter=500).fit(rows, Y)
    graph = to_onnx(model, rows[:1], options={"zipmap": False})
    return graph, rows, model.predict(rows), "onnx", ["mlflow", "numpy", "onnx", "onnxruntime", "protobuf"]


def function_model() -> tuple[Any, Any, Any, str, list[str]]:
    return doubled, X, doubled(X), "python_function", ["mlflow", "cloudpickle", "numpy", "pandas"]


def python_model() -> tuple[Any, Any, Any, str, list[str]]:
    return Above(), X, Above().predict(None, X), "python_function", ["mlflow", "cloudpickle", "numpy", "pandas"]


FLAVORS = [sklearn_model, xgboost_model, booster_model, keras_model, onnx_model, function_model, python_model]


@pytest.mark.parametrize("make", FLAVORS)
def test_each_kind_of_model_is_stored_whole(make, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    model, rows, said, flavor, packages = make()

    def refuse(*_, **__):
        raise AssertionError("log_model starts a process")

    with monkeypatch.context() as patched:
        patched.setattr("subprocess.Popen.__init__", refuse)
        capfd.readouterr()
        info = log_model(model, "model", example=rows[:3])
        assert capfd.readouterr().out == ""
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    answer = loaded.predict(rows)
    assert np.array_equal(np.asarray(answer["label"] if isinstance(answer, dict) else answer), np.asarray(said))
    assert set(info.flavors) == {flavor, "python_function"}
    assert names_of(info.model_uri) == packages
    assert all("==" in line for line in lines_of(info.model_uri, "requirement"))
    assert info.signature.inputs
    assert info.signature.outputs
    assert np.array_equal(np.asarray(loaded.input_example), np.asarray(rows[:3]))
    assert [(one.status.value, one.source_run_id) for one in logged()] == [("READY", None)]


def test_a_model_belongs_to_the_active_run() -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 3)
        log_model(DummyClassifier().fit(X, Y), "model", example=X[:5], tags={"team": "blue"})
    (one,) = logged()
    assert one.source_run_id == run.info.run_id
    assert one.params == {"depth": "3"}
    assert one.tags["team"] == "blue"
    assert len(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(X)) == len(X)


def test_inference_parameters_get_into_the_signature() -> None:
    info = log_model(Above(), "model", example=(X[:5], {"threshold": 2.0}))
    assert info.signature.params.to_dict()[0]["default"] == 2.0
    assert mlflow.pyfunc.load_model(info.model_uri).predict(X, params={"threshold": 99.0}).sum() == 0


def test_type_hints_give_the_signature() -> None:
    def lengths(model_input: list[str]) -> list[int]:
        return [len(text) for text in model_input]

    info = log_model(lengths, "model", example=["a", "bb"])
    assert str(info.signature.inputs.to_dict()[0]["type"]) == "string"
    assert mlflow.pyfunc.load_model(info.model_uri).predict(["ccc"]) == [3]


def test_a_python_model_reads_its_artifacts(tmp_path: Path) -> None:
    class Reader(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            self.factor = float(Path(context.artifacts["factor"]).read_text())

        def predict(self, context, model_input, params=None):
            return model_input["petal_width"] * self.factor

    (tmp_path / "factor.txt").write_text("3")
    model = Reader()
    info = log_model(model, "model", example=X[:5], artifacts={"factor": str(tmp_path / "factor.txt")})
    assert mlflow.pyfunc.load_model(info.model_uri).predict(X)[0] == X["petal_width"][0] * 3
    assert not hasattr(model, "factor")  # logging leaves the model as it was


def test_options_go_to_the_flavor_and_the_registry_takes_the_model() -> None:
    model = LogisticRegression(max_iter=500).fit(X, Y)
    info = log_model(
        model,
        "model",
        example=X[:5],
        pyfunc_predict_fn="predict_proba",
        metadata={"season": "spring"},
        registered_model_name="iris",
        requirements=["scikit-image==0.25"],
    )
    assert np.array_equal(mlflow.pyfunc.load_model("models:/iris/1").predict(X), model.predict_proba(X))
    assert info.metadata == {"season": "spring"}
    assert info.registered_model_version == 1
    assert "scikit-image" in names_of("models:/iris/1")


def test_only_types_that_the_model_needs_are_trusted() -> None:
    plain = log_model(LogisticRegression(max_iter=500).fit(X, Y), "plain", example=X[:5])
    tree = log_model(RandomForestClassifier(3).fit(X, Y), "tree", example=X[:5])
    assert "sklearn.tree._tree.Tree" not in lines_of(plain.model_uri, "trusted type")
    assert set(lines_of(tree.model_uri, "trusted type")) <= {"numpy.dtype", "sklearn.tree._tree.Tree"}


# --- what is refused, in words, and leaves nothing behind ------------------------------------------------------------


def locked():
    lock = threading.Lock()

    def predict(model_input):
        with lock:
            return model_input["petal_width"]

    return predict


def unregistered():
    import keras

    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    return keras.Sequential([keras.Input((4,)), Mine()])


def in_a_notebook():
    class Scaler(StandardScaler):
        pass

    Scaler.__module__, Scaler.__qualname__ = "__main__", "Scaler"
    return make_pipeline(Scaler(), Ridge()).fit(X, Y)


def searched():
    from scipy.stats import uniform

    return RandomizedSearchCV(LogisticRegression(max_iter=500), {"C": uniform(1, 2)}, n_iter=2).fit(X, Y)


def unfitted_xgboost():
    from xgboost import XGBClassifier

    return XGBClassifier()


def uses_the_workbook(model_input):
    return wb.load_wine()


uses_the_workbook.__module__ = "__main__"


@pytest.mark.parametrize(
    ("make", "example", "found", "do"),
    [
        (lambda: Ridge().fit(X, Y), X.iloc[:5, :3], "DataFrame of the shape (5, 3) (ValueError: The feature", "rows"),
        (lambda: Ridge().fit(X.to_numpy(), Y), np.ones((5, 3)), "ndarray of the shape (5, 3)", "training data"),
        (lambda: xgboost_model()[0], X.iloc[:5, :3], "XGBRegressor does not answer to the example", "training data"),
        (lambda: keras_model()[0], X.iloc[:5, :3], "Sequential does not answer to the example", "training data"),
        (lambda: onnx_model()[0], np.ones((5, 3), "float32"), "does not answer to the example", "training data"),
        (lambda: Ridge().fit(X, Y), X[:5].where(X.iloc[0, 0] != X), "Input X contains NaN", "SimpleImputer"),
        (lambda: doubled, X[["sepal_width"]], "KeyError: 'petal_width'", "training data"),
        (Ridge, X[:5], "the Ridge is not fitted", "Call its fit method"),
        (unfitted_xgboost, X[:5], "the XGBClassifier is not fitted", "Call its fit method"),
        (locked, X[:5], "cannot be stored (TypeError: cannot pickle '_thread.lock' object", "PythonModel.load_context"),
        (lambda: "a model", X[:5], "a model of the type builtins.str", "Wrap it in a function"),
        (lambda: Ridge, X[:5], "the class Ridge itself", "Ridge().fit("),
        (
            lambda: make_pipeline(FunctionTransformer(lambda x: x), Ridge()).fit(X, Y),
            X[:5],
            "the Pipeline cannot be stored",
            "Define functions in a .py file",
        ),
        (
            lambda: make_pipeline(Birch(n_clusters=3), Ridge()).fit(X, Y),
            X[:5],
            "UnsupportedTypeException: Objects of type Birch are not supported",
            "replace what skops does not support",
        ),
        (in_a_notebook, X[:5], "defined in this notebook", "code_paths=['that_file.py']"),
        (unregistered, X.to_numpy()[:5], "the stored Sequential cannot be read back", "register_keras_serializable"),
        (searched, X[:5], "scipy.stats._continuous_distns.uniform_gen", "add trust=['scipy.stats"),
        (lambda: uses_the_workbook, X[:5], "module 'mlworkbench', which comes from no package", "code_paths="),
    ],
)
def test_a_model_that_cannot_be_logged_is_refused_in_words_and_leaves_nothing(make, example, found, do) -> None:
    with pytest.raises(wb.WorkbenchError) as refused:
        log_model(make(), "model", example=example)
    assert found in refused.value.found
    assert refused.value.expected
    assert do in refused.value.do
    assert logged() == []


@pytest.mark.parametrize("make", [lambda: doubled, lambda: python_model()[0], lambda: Ridge().fit(X, Y)])
def test_an_example_that_does_not_fit_a_signature_written_by_hand_is_told(make: Callable[[], Any]) -> None:
    """The lead is the type of the column, not the storing of the model."""
    signature = ModelSignature(Schema([ColSpec("double", name) for name in X.columns]))
    whole = (X[:5] + 2).astype({"petal_width": "int64"})
    with pytest.raises(wb.WorkbenchError) as refused:
        log_model(make(), "model", example=whole, signature=signature)
    assert "does not fit the signature (Incompatible input types for column petal_width" in refused.value.found
    assert "example.astype" in refused.value.do
    assert logged() == []


def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras_model()[0]
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(wb.WorkbenchError, match="KERAS_BACKEND=tensorflow"):
        log_model(model, "model", example=X[:5])


def test_a_type_that_nobody_reviewed_is_stored_when_it_is_trusted() -> None:
    model = searched()
    with pytest.raises(wb.WorkbenchError) as refused:
        log_model(model, "model", example=X[:5])
    more = [name for name in refused.value.found.replace(",", " ").split() if name.startswith("scipy.")]
    info = log_model(model, "model", example=X[:5], trust=more)
    assert set(more) <= set(lines_of(info.model_uri, "trusted type"))
    assert np.array_equal(mlflow.sklearn.load_model(info.model_uri).predict(X), model.predict(X))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The upload ends in the middle, as by Ctrl-C; no real store can be made to fail just then."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mlflow.MlflowClient.log_model_artifacts", stop)
        yield


def test_an_interrupted_model_is_deleted_and_the_one_before_is_found(request: pytest.FixtureRequest) -> None:
    model = DummyClassifier().fit(X, Y)
    with mlflow.start_run() as run:
        info = log_model(model, "model", example=X[:5])
        request.getfixturevalue("stopped")
        with pytest.raises(KeyboardInterrupt):
            log_model(model, "model", example=X[:5])
    assert [one.model_id for one in logged()] == [info.model_id]
    assert mlflow.models.get_model_info(f"runs:/{run.info.run_id}/model").model_id == info.model_id


def test_a_model_that_the_registry_refuses_is_not_logged_either() -> None:
    for name in ("a/b:c", "a@b", "a?b=c", "a\nb", "", " ", 5):
        with pytest.raises(wb.WorkbenchError, match=r"name(?s:.*)registered model") as refused:
            log_model(DummyClassifier().fit(X, Y), "model", example=X[:5], registered_model_name=name)
        assert refused.value.do
    assert logged() == []


# --- describe --------------------------------------------------------------------------------------------------------


def test_a_model_is_described_by_every_kind_of_uri() -> None:
    with mlflow.start_run() as run:
        info = log_model(DummyClassifier().fit(X, Y), "flowers", example=X[:5], registered_model_name="flowers")
    mlflow.MlflowClient().set_registered_model_alias("flowers", "best", "1")
    folder = mlflow.artifacts.download_artifacts(info.model_uri)
    tables = [
        describe_model(uri).set_index("what")["value"]
        for uri in (info.model_uri, f"runs:/{run.info.run_id}/flowers", "models:/flowers/1", "models:/flowers@best")
    ]
    for table in tables:
        assert table["name"] == "flowers"
        assert table["status"] == "READY"
        assert table["run"] == run.info.run_id
        assert Path(table["folder"], "MLmodel").exists()
        assert next(iter(table["input"])) == "'sepal_length': double (required)"
        assert table["output"] == "long (required)"
        assert table["size"].endswith(" MB")
    assert describe_model(folder).set_index("what")["value"]["folder"] == tables[0]["folder"]
    mlflow.sklearn.save_model(DummyClassifier().fit(X, Y), f"{folder}-saved", pip_requirements=["a==1"])
    assert describe_model(f"{folder}-saved").set_index("what")["value"]["folder"] == f"{folder}-saved"


@pytest.mark.parametrize("uri", ["models:/nobody/1", "models:/m-00000000000000000000000000000000", "/no/such/folder"])
def test_a_uri_without_a_model_is_told(uri: str) -> None:
    with pytest.raises(wb.WorkbenchError, match=f"no model at '{uri}'"):
        describe_model(uri)


def test_parameters_of_a_python_model_are_in_the_signature_and_reach_it(home: Path) -> None:
    class Rides(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return (model_input["temperature"] * params["per_degree"]).to_numpy()

    rows = pd.DataFrame({"temperature": [1.0, 2.0]})
    stored = wb.log_model(Rides(), "rides", example=(rows, {"per_degree": 3.0}))
    assert [spec.name for spec in stored.signature.params] == ["per_degree"]
    assert stored.signature.inputs.input_names() == ["temperature"]
    model = mlflow.pyfunc.load_model(stored.model_uri)
    assert model.predict(rows).tolist() == [3.0, 6.0]
    assert model.predict(rows, params={"per_degree": 5.0}).tolist() == [5.0, 10.0]
