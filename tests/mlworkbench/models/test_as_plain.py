"""Whatever example a model is logged with: it is never worse than MLflow's own call, and what is stored works."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import mlworkbench as wb

pytestmark = pytest.mark.slow

ROWS = 4
STABLE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("as-plain") / ".mlworkbench"


@pytest.fixture(autouse=True)
def session(store: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("MLWORKBENCH_HOME", str(store))
    wb.start(request.node.name)


# --- what an example is made of --------------------------------------------------------------------------------------

VALUES: dict[str, tuple[list[Any], str]] = {
    "int64": ([1, 2, 3], "int64"),
    "int32": ([1, 2, 3], "int32"),
    "Int64": ([1, 2, 3], "Int64"),
    "float64": ([0.5, 1.0, 2.5], "float64"),
    "float32": ([0.5, 1.0, 2.5], "float32"),
    "Float64": ([0.5, 1.0, 2.5], "Float64"),
    "bool": ([True, False], "bool"),
    "boolean": ([True, False], "boolean"),
    "text": (["a", "b", "Ä"], "object"),
    "string": (["a", "b", "1"], "string"),
    "category": (["red", "green"], "category"),
    "numbered category": ([1, 2], "category"),
    "date": ([pd.Timestamp("2020-01-01"), pd.Timestamp("2021-06-01 12:00")], "datetime64[ns]"),
    "zoned date": ([pd.Timestamp("2020-01-01", tz="Europe/Berlin")], "datetime64[ns, Europe/Berlin]"),
    "object": ([1, 2.5, 3], "object"),
}
NAN_ONLY = ("float64", "float32")
NO_GAPS = ("int64", "int32", "bool")
NAMES = st.one_of(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=6),
    st.sampled_from(["", "a", "Größe", "身高", "a.b", "a b", "a"]),
    st.integers(0, 9),
)


@st.composite
def columns(draw: st.DrawFn) -> pd.Series:
    """One column of any kind, with gaps where its kind has them."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    values, dtype = VALUES[kind]
    gaps = [] if kind in NO_GAPS else [np.nan] if kind in NAN_ONLY else [None, np.nan]
    drawn = draw(st.lists(st.sampled_from([*values, *gaps]), min_size=ROWS, max_size=ROWS))
    return pd.Series(drawn, dtype=object).astype(dtype)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A table of one to three such columns, with names of any kind."""
    parts = draw(st.lists(columns(), min_size=1, max_size=3))
    table = pd.concat(parts, axis=1)
    names = [draw(NAMES) for _ in parts]
    levels = draw(st.sampled_from(["one", "one", "one", "two"]))
    table.columns = pd.Index(names) if levels == "one" else pd.MultiIndex.from_tuples([(name, 1) for name in names])
    return table


def in_forms(rows: np.ndarray) -> dict[str, Any]:
    """The same numbers in every form that somebody might hand over."""
    return {
        "array": rows,
        "float32": rows.astype("float32"),
        "fortran": np.asfortranarray(rows),
        "frame": pd.DataFrame(rows),
        "series": pd.Series(rows[0]),
        "list": rows.tolist(),
        "records": pd.DataFrame(rows, columns=["a", "b"]).to_dict("records"),
        "dict of lists": {"a": rows[:, 0].tolist(), "b": rows[:, 1].tolist()},
        "dict of arrays": {"a": rows[:, 0], "b": rows[:, 1]},
        "dict": {"a": 1.0, "b": 2.0},
        "one row": rows[:1],
        "csr": scipy.sparse.csr_matrix(rows),
        "csc": scipy.sparse.csc_matrix(rows),
        "coo": scipy.sparse.coo_matrix(rows),
        "csr_array": scipy.sparse.csr_array(rows),
        "tuple": tuple(map(tuple, rows.tolist())),
        "number": 1.0,
        "none": None,
    }


# --- the comparison --------------------------------------------------------------------------------------------------


def flat(answer: Any) -> list[Any]:
    return np.asarray(answer, dtype=object).ravel().tolist()


def asked(uri: str, example: Any) -> list[Any] | None:
    """What pyfunc answers; None when it refuses."""
    try:
        return flat(mlflow.pyfunc.load_model(uri).predict(example))
    except Exception:
        return None


def never_worse(model: Any, example: Any) -> None:
    """Log both ways, and compare what pyfunc makes of them."""
    try:
        plain = (
            mlflow.sklearn.log_model(model, name="plain", input_example=example, pip_requirements=["scikit-learn"])
            if hasattr(model, "predict")
            else mlflow.pyfunc.log_model(name="plain", python_model=model, input_example=example, pip_requirements=[])
        )
        theirs = asked(plain.model_uri, example)
    except Exception:
        theirs = None
    try:
        info = wb.log_model(model, "ours", example=example)
    except wb.WorkbenchError:
        if theirs is not None:
            raise  # MLflow stores what is refused here
        return
    ours = asked(info.model_uri, example)
    assert ours is not None, f"what is stored refuses its own example {example!r}"
    try:
        own = flat(model.predict(example) if hasattr(model, "predict") else model(example))
    except Exception:
        own = theirs  # a dict is no input of the model itself, but of pyfunc
    assert equal(ours, own), f"{ours} instead of {own}"


def equal(one: list[Any], other: Any) -> bool:
    return pd.Series(one).equals(pd.Series(other)) or np.allclose(np.array(one, float), np.array(other, float))


def encoder() -> Any:
    """It takes columns of every kind, and its answer depends on each value and its type."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), Ridge(alpha=0.01))


def shower() -> Any:
    """A function that shows what it is given, value by value."""

    def shown(model_input):
        return [" ".join(map(str, row)) for row in model_input.itertuples(index=False)]

    return shown


@given(table=tables())
@STABLE
def test_tables_of_any_columns(table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = encoder().fit(table, np.arange(ROWS))
        except (TypeError, ValueError):
            model = shower()  # names that are mixed or stand twice, and values of several types, are not for an encoder
        never_worse(model, table)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", sorted(in_forms(np.ones((2, 2)))))
@pytest.mark.parametrize("fitted_on", ["frame", "array"])
def test_every_form_of_the_same_rows(form: str, fitted_on: str) -> None:
    rows = np.array([[0.0, 1.0], [2.0, 0.0], [3.0, 4.0]])
    given = rows if fitted_on == "array" else pd.DataFrame(rows, columns=["a", "b"])
    never_worse(Ridge().fit(given, [1, 2, 3]), in_forms(rows)[form])


def test_an_answer_whose_name_is_a_number_of_numpy() -> None:
    """As that of the first column of an array; plain MLflow ends in a traceback."""
    rows = pd.DataFrame(np.ones((2, 2)))
    info = wb.log_model(lambda model_input: model_input.iloc[:, 0], "first", example=rows)
    assert info.signature.inputs.input_names() == [0, 1]
    assert mlflow.pyfunc.load_model(info.model_uri).predict(rows).tolist() == [1.0, 1.0]
