"""Options of MLflow's own call do here what they do there, and what cannot be stored is refused with a way out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import DMatrix, XGBClassifier, XGBRegressor

import mlworkbench as wb
from tests.mlworkbench.models.test_log import X, Y, logged, names_of

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("options") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


MODEL = LogisticRegression(max_iter=500).fit(X, Y)


def log(model: Any = MODEL, name: Any = "model", **options: Any) -> Any:
    return wb.log_model(model, name, **{"example": X[:5], **options})


def said(info: Any, rows: Any = X) -> Any:
    return mlflow.pyfunc.load_model(info.model_uri).predict(rows)


# --- what is stored works --------------------------------------------------------------------------------------------


def of_category() -> tuple[Any, pd.DataFrame]:
    rows = X[:10].assign(color=pd.Categorical(["red", "green"] * 5))
    return XGBRegressor(n_estimators=2, enable_categorical=True).fit(rows, Y[:10]), rows


def of_gaps() -> tuple[Any, pd.DataFrame]:
    rows = X[:10].assign(petals=pd.array([1, None] * 5, dtype="Int64"))
    return XGBRegressor(n_estimators=2).fit(rows, Y[:10]), rows


def of_zones() -> tuple[Any, pd.DataFrame]:
    def hours(model_input):
        return model_input["day"].dt.hour

    return hours, pd.DataFrame({"day": pd.to_datetime(["2020-06-01"]).tz_localize("Europe/Berlin")})


@pytest.mark.parametrize("make", [of_category, of_gaps, of_zones])
def test_a_signature_that_refuses_the_models_own_example_is_left_out_and_told(make: Any) -> None:
    model, rows = make()
    with pytest.warns(UserWarning, match=r"stored without a signature(?s:.*)example\.astype"):
        info = log(model, example=rows)
    assert info.signature is None
    own = model(rows) if make is of_zones else model.predict(rows)
    assert np.array_equal(said(info, rows), own)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert log(model, example=rows, signature=False).signature is None
    assert not told


def of_selected_columns() -> Any:
    kinds = [(OneHotEncoder(), make_column_selector(dtype_include="object"))]
    kinds += [(StandardScaler(), make_column_selector(dtype_include="number", pattern="petal"))]
    return make_pipeline(make_column_transformer(*kinds), LogisticRegression(max_iter=500))


@pytest.mark.parametrize("make", [of_selected_columns, HistGradientBoostingClassifier])
def test_columns_of_texts_need_no_trust_of_the_readers(make: Any) -> None:
    kind = "category" if make is HistGradientBoostingClassifier else object
    rows = X.assign(color=np.resize(["red", "green", "blue"], len(X))).astype({"color": kind})
    model = make().fit(rows, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = log(model, example=rows)
    assert np.array_equal(said(info, rows), model.predict(rows))


def test_a_model_that_draws_numbers_keeps_its_signature() -> None:
    def drawn(model_input):
        return np.random.default_rng().random(len(model_input))

    assert log(drawn).signature.inputs


def test_a_stored_model_that_answers_something_else_is_refused() -> None:
    class Forgetful(LogisticRegression):
        """What is written to the file is not what is asked here."""

        def predict(self, X):
            return np.zeros(len(X)) if hasattr(self, "_fresh") else super().predict(X)

        def __getstate__(self):
            return {**super().__getstate__(), "_fresh": True}

    with pytest.raises(wb.WorkbenchError, match="the stored Forgetful answers something else"):
        log(Forgetful(max_iter=500).fit(X, Y), example=X, serialization_format="cloudpickle")


def test_whole_numbers_are_told_in_words_and_other_columns_say_nothing() -> None:
    with pytest.warns(UserWarning, match=r"whole numbers for sepal_width: rows with a gap(?s:.*)astype"):
        log(LogisticRegression().fit(X.astype({"sepal_width": int}), Y), example=X[:5].astype({"sepal_width": int}))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        log()
    assert not told


# --- options ---------------------------------------------------------------------------------------------------------


def test_options_of_the_record_reach_it() -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", 0.5, step=3)
        info = log(step=3, params={"depth": 3}, model_type="flowers", metadata={"season": 1}, tags={"team": "blue"})
    record = mlflow.get_logged_model(info.model_id)
    assert (record.params, record.model_type, record.tags["team"]) == ({"depth": "3"}, "flowers", "blue")
    assert [(metric.key, metric.step) for metric in record.metrics] == [("accuracy", 3)]
    assert [output.step for output in mlflow.get_run(run.info.run_id).outputs.model_outputs] == [3]
    assert info.metadata == {"season": 1}


@pytest.mark.parametrize("way", ["cloudpickle", "pickle", "skops"])
def test_every_serialization_format_is_that_of_mlflow(way: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        info = log(serialization_format=way)
    assert info.flavors["sklearn"]["serialization_format"] == way
    assert np.array_equal(said(info), MODEL.predict(X))
    assert any("whoever loads it" in str(one.message) for one in told) == (way != "skops")
    assert ("cloudpickle" in names_of(info.model_uri)) == (way != "skops")


def test_a_method_of_xgboost_can_be_chosen() -> None:
    model = XGBClassifier(n_estimators=2).fit(X, Y)
    assert np.allclose(said(log(model, pyfunc_predict_fn="predict_proba")), model.predict_proba(X))


def test_what_only_the_flavors_own_call_hands_on_is_taken_too() -> None:
    run = mlflow.MlflowClient().create_run(mlflow.set_experiment("others").experiment_id)
    info = log(run_id=run.info.run_id, step=np.int64(3), prompts=[], resources=[])
    assert mlflow.get_logged_model(info.model_id).source_run_id == run.info.run_id
    assert [output.step for output in mlflow.get_run(run.info.run_id).outputs.model_outputs] == [3]


SCRIPT = """
import emoji_of_ours
import mlflow
import numpy

class Doubles(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return numpy.asarray(model_input) * context.model_config["factor"]

mlflow.models.set_model(Doubles())
"""


@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_may_be_the_path_of_its_code(tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "emoji_of_ours.py").touch()
    (script := tmp_path / "doubles.py").write_text(SCRIPT)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(wb.WorkbenchError, match="the module 'emoji_of_ours'"):
        log(kind(script), model_config={"factor": 2})
    info = log(kind(script), model_config={"factor": 2}, code_paths=[str(tmp_path / "emoji_of_ours.py")])
    assert np.array_equal(said(info), 2 * X.to_numpy())
    assert info.signature.inputs
    assert "numpy" in names_of(info.model_uri)
    with pytest.raises(wb.WorkbenchError, match=r"builtins\.str(?s:.*)mlflow\.models\.set_model"):
        log(str(tmp_path / "nowhere.py"))


def test_parameters_that_mlflow_keeps_from_scikit_learn_are_told() -> None:
    model = GaussianProcessRegressor().fit(X[:9], Y[:9])
    with pytest.raises(wb.WorkbenchError, match="hands no parameters on to a scikit-learn model"):
        log(model, example=(X[:5], {"return_std": True}))


def test_gaps_filled_by_models_need_no_trust_of_the_readers() -> None:
    model = make_pipeline(IterativeImputer(), LogisticRegression(max_iter=500)).fit(X, Y)
    assert np.array_equal(said(log(model)), model.predict(X))


def test_columns_without_names_are_not_named() -> None:
    def more(model_input: list[int]) -> list[int]:
        return [each + 1 for each in model_input]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        log(more, example=[1, 2])
    assert not [one for one in told if "None" in str(one.message)]


def test_requirements_can_be_added_and_replaced() -> None:
    assert "emoji" in names_of(log(requirements="emoji==2").model_uri)
    assert {"emoji", "scikit-learn"} <= set(names_of(log(extra_pip_requirements=["emoji==2"]).model_uri))
    assert names_of(log(pip_requirements=["emoji==2"]).model_uri) == ["mlflow", "emoji"]


# --- refusals --------------------------------------------------------------------------------------------------------

NUMBERS = X.to_numpy()[:5]


@pytest.mark.parametrize(
    ("change", "found", "do"),
    [
        *(({"name": name}, "name = ", "such as 'wine'") for name in (None, "", " ", 5, "a.b", "a/b", "a\0", "\ud800")),
        ({"pyfunc_predict_fn": "predict_prob"}, "no method of LogisticRegression", "'predict_proba'"),
        ({"pyfunc_predict_fn": 7}, "no method of LogisticRegression", "Choose"),
        ({"serialization_format": "pikle"}, "no serialization_format", "'pickle'"),
        ({"metadat": {}}, "no option is called 'metadat'", "'metadata'"),
        ({"input_example": X}, "the option 'input_example'", "example="),
        ({"metadata": 5}, "metadata = 5", "Correct it"),
        ({"tags": ["a"]}, "tags = ['a']", "Correct it"),
        ({"params": ["a"]}, "params = ['a']", "Correct it"),
        ({"signature": X}, "signature = ", "Correct it"),
        ({"step": 2**70}, "step = 1180591620717411303424", "Correct it"),
        ({"step": "last"}, "step = 'last'", "Correct it"),
        ({"code_paths": "nowhere.py"}, "code_paths = ['nowhere.py']", "Correct it"),
        ({"code_paths": 5}, "code_paths = 5", "Correct it"),
        ({"code_paths": [5]}, "code_paths = [5]", "Correct it"),
        ({"pip_requirements": 5}, "pip_requirements = 5", "Correct it"),
        ({"pip_requirements": "nowhere.txt"}, "pip_requirements = 'nowhere.txt'", "Correct it"),
        ({"extra_pip_requirements": 5}, "extra_pip_requirements = 5", "Correct it"),
        ({"conda_env": 5}, "conda_env = 5", "Correct it"),
        ({"pip_requirements": [], "extra_pip_requirements": ["a"]}, "and extra_pip_requirements", "pip_requirements"),
        ({"metadata": {"a": np.float64(1)}}, "metadata that YAML cannot write", "value.item()"),
        (
            {"example": (X[:5], {"k": None})},
            "inference parameters that MLflow cannot write",
            "a parameter that is None",
        ),
        ({"requirements": 5}, "requirements = 5", "requirements=["),
        ({"trust": [5]}, "trust = [5]", "trust=["),
        ({"example": scipy.sparse.coo_matrix(NUMBERS)}, "a scipy.coo_matrix", "csr_matrix"),
        ({"example": X.iloc[0]}, "a pandas.Series", "to_frame().T"),
        ({"example": {"a": [1, 2]}}, "does not answer to the example, a dict", "pd.DataFrame(rows)"),
        ({"example": {"a": object()}}, "a builtins.dict", "pd.DataFrame(rows)"),
        ({"example": X[:2].assign(odd=[{1}, {2}])}, "a pandas.DataFrame", "astype"),
        ({"example": np.ones((2, 2), "longdouble")}, "a numpy.ndarray", "np.asarray(rows, float)"),
        ({"example": DMatrix(NUMBERS)}, "a xgboost.DMatrix", "the table that it was made from"),
        ({"pyfunc_predict_fn": "decision_function"}, "cannot be read back", "a function that calls decision_function"),
        ({"model": lambda model_input, params=None: model_input}, "exactly one argument", "the rows alone"),
        ({"model": MODEL.predict_proba}, "the method predict_proba of a Logistic", "pyfunc_predict_fn='predict_proba'"),
    ],
)
def test_what_does_not_fit_is_refused_with_advice_that_does(change: dict[str, Any], found: str, do: str) -> None:
    with mlflow.start_run(), pytest.raises(wb.WorkbenchError) as refused:
        log(**change)
    assert found in refused.value.found
    assert do in refused.value.do
    assert logged() == []


@pytest.mark.parametrize(
    "uri", [None, 5, "", "models:/", "models:/a/b/c", "runs:/0/x", "http://[::1", "a\0", "\ud800", "models:/m-1"]
)
def test_an_address_of_no_kind_is_told(uri: Any) -> None:
    with pytest.raises(wb.WorkbenchError, match="no model at"):
        wb.describe_model(uri)


def test_a_folder_from_another_store_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mlflow.artifacts.download_artifacts(log().model_uri, dst_path=str(tmp_path / "copy"))
    monkeypatch.setenv("MLWORKBENCH_HOME", str(tmp_path / "other"))
    wb.start("other")
    assert "scikit-learn" in names_of(folder)


OLD = """
artifact_path: model
flavors:
  python_function: {env: conda.yaml, loader_module: mlflow.sklearn, model_path: model.pkl, python_version: 3.7.3}
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle, sklearn_version: 0.22.1}
run_id: 8be7cd9a7aba4a0b9f7c6a7a7a7a7a7a
utc_time_created: '2020-02-11 01:15:00.123456'
"""
CONDA = "dependencies: [python=3.7.3, pip, {pip: [mlflow, scikit-learn==0.22.1]}]"


def test_a_model_of_an_old_mlflow_is_described_without_being_loaded(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(OLD)
    (tmp_path / "conda.yaml").write_text(CONDA)
    (tmp_path / "model.pkl").write_bytes(b"cposix\nsystem\n(S'touch pwned'\ntR.")
    facts = wb.describe_model(tmp_path).set_index("what")["value"]
    assert facts["requirement"].to_list() == ["mlflow", "scikit-learn==0.22.1"]
    assert (facts["python"], facts["folder"]) == ("3.7.3", str(tmp_path))
    assert "size" not in facts
    (tmp_path / "conda.yaml").unlink()
    assert "requirement" not in wb.describe_model(str(tmp_path))["what"].to_list()


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "}{",
        "- a",
        "flavors: [sklearn]",
        "flavors: {sklearn: {}}\nsignature: hello",
        "flavors: {sklearn: {}}\nmodel_size_bytes: big",
        "flavors: {sklearn: text}",
        'flavors: {}\nsignature: {inputs: \'[{"type": "quaternion"}]\'}',
    ],
)
def test_a_broken_record_of_a_model_is_told(tmp_path: Path, broken: str) -> None:
    (tmp_path / "MLmodel").write_text(broken)
    with pytest.raises(wb.WorkbenchError, match="no model at"):
        wb.describe_model(tmp_path)


def test_a_copy_of_a_model_is_described_by_its_own_files(tmp_path: Path) -> None:
    folder = Path(mlflow.artifacts.download_artifacts(log().model_uri, dst_path=str(tmp_path / "copy")))
    (folder / "requirements.txt").write_text("emoji==2")
    facts = wb.describe_model(folder).set_index("what")["value"]
    assert (facts["requirement"], facts["status"]) == ("emoji==2", "READY")
