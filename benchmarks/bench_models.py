"""Models: log_model against MLflow's own call with the same content, and against the bare cost of writing the same.

The bare cost of a forest: skops writes it into a file, the other files are written as bytes, and the same rows are
inserted into the same database in one transaction. ``python -m benchmarks.bench_models --few`` tries it once each.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import statistics
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import skops.io
from sklearn.ensemble import RandomForestClassifier

import mlworkbench as wb
from benchmarks.measure import compare, note, require_quiet, seconds, sized

LIMITS = {"RandomForest": 30, "XGBoost": 20, "Keras": 3}
REPEATS, BARE_REPEATS = sized(2, 1), sized(15, 2)
MOST_OF_BARE = 2
TRUSTED = ["sklearn.tree._tree.Tree"]


def log_models() -> bool:
    """Compare the two ways to log, model by model; whether all hold what is promised."""
    import keras
    from xgboost import XGBClassifier

    table = wb.load_wine()
    rows, target = table.drop(columns="cultivar"), table["cultivar"]
    forest, boosted = RandomForestClassifier().fit(rows, target), XGBClassifier().fit(rows, target)
    net = keras.Sequential([keras.Input((13,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(rows.to_numpy(), target.to_numpy(), epochs=1, verbose=0)
    five, tensor = rows[:5], rows[:5].to_numpy()
    print("MLflow's default call refuses a RandomForest, so it is given skops_trusted_types here.")
    plain: dict[str, Callable[[], object]] = {
        "RandomForest": lambda: mlflow.sklearn.log_model(
            forest, name="plain", input_example=five, skops_trusted_types=TRUSTED
        ),
        "XGBoost": lambda: mlflow.xgboost.log_model(boosted, name="plain", input_example=five),
        "Keras": lambda: mlflow.tensorflow.log_model(net, name="plain", input_example=tensor),
    }
    ours: dict[str, Callable[[], object]] = {
        "RandomForest": lambda: wb.log_model(forest, "ours", example=five),
        "XGBoost": lambda: wb.log_model(boosted, "ours", example=five),
        "Keras": lambda: wb.log_model(net, "ours", example=five),
    }
    reached = []
    for name, limit in LIMITS.items():
        ours[name]()  # imports
        reached.append(compare(f"log_model of {name}", plain[name], ours[name], repeats=REPEATS, least=limit))
    return all(reached)


class Bare:
    """The files and rows of a model that was logged, to be written again with nothing else around it."""

    def __init__(self, forest: Any, log: Callable[[], Any], home: Path) -> None:
        self._forest, self._database = forest, home / "mlflow.db"
        before = self._rows()
        self._id = log().model_id
        self._new = [(table, row) for table, rows in self._rows().items() for row in rows - before[table]]
        self._folder = next(home.rglob(f"models/{self._id}"))
        files = (path for path in self._folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(self._folder): path.read_bytes() for path in files}

    def _rows(self) -> dict[str, set[tuple[Any, ...]]]:
        with closing(sqlite3.connect(self._database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {name: set(connection.execute(f"SELECT * FROM {name}")) for (name,) in names}  # noqa: S608

    def write(self) -> None:
        """Write all of it under a new id."""
        new_id = f"m-{uuid.uuid4().hex}"
        for name, content in self._files.items():
            path = self._folder.with_name(new_id) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".skops":
                skops.io.dump(self._forest, path)
            else:
                path.write_bytes(content)
        with closing(sqlite3.connect(self._database)) as connection, connection:
            for table, row in self._new:
                values = [value.replace(self._id, new_id) if isinstance(value, str) else value for value in row]
                connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", values)  # noqa: S608

    @property
    def model(self) -> Path:
        """The folder of the model as it was logged."""
        return self._folder / "artifacts"


def against_bare(home: Path) -> bool:
    """Compare the forest with the bare cost, and note what the rest is made of."""
    table = wb.load_wine()
    rows, target = table.drop(columns="cultivar"), table["cultivar"]
    forest = RandomForestClassifier().fit(rows, target)

    def ours() -> Any:
        return wb.log_model(forest, "ours", example=rows[:5])

    ours()  # imports
    bare = Bare(forest, ours, home)
    what = "log_model of RandomForest, against the bare cost of writing the same"
    reached = compare(what, bare.write, ours, BARE_REPEATS, least=1 / MOST_OF_BARE)
    file = bare.model / "model.skops"
    parts: dict[str, Callable[[], object]] = {
        "skops writes the forest": lambda: skops.io.dump(forest, home / "again.skops"),
        "skops reads it, as MLflow does before it keeps it": lambda: skops.io.load(file, trusted=TRUSTED),
        "the saved model is read back, to be asked": lambda: mlflow.pyfunc.load_model(str(bare.model)),
    }
    for name, part in parts.items():
        times = sorted(seconds(part) for _ in range(BARE_REPEATS))
        spread = f"{times[0]:.3f} to {times[-1]:.3f}"
        note(f"of it: {name}", f"{statistics.median(times):.3f} s", spread=spread, repeats=BARE_REPEATS)
    return reached


if __name__ == "__main__":
    require_quiet()
    warnings.simplefilter("ignore")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        sys.exit(not all([log_models(), against_bare(Path(home))]))
