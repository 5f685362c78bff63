"""The pipeline: six steps, each an MLflow run of its own below this one, reused where nothing has changed."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import click
import mlflow
from mlflow.entities import Run

import mlworkbench as wb
from stock_market.step import step, store_folder

PROJECT = Path(__file__).parent


@click.command()
@click.option("--symbol")
@click.option("--source")
@click.option("--until")
@click.option("--window", type=int)
@click.option("--group")
@click.option("--model")
@click.option("--folds", type=int)
@click.option("--holdout", type=int)
@click.option("--name")
@click.option("--store")
def main(source: str, store: str, **given: Any) -> None:
    with step():

        def run(name: str, *wanted: str, **more: str) -> Run:
            return wb.run_step(PROJECT, name, in_process=True, **{key: given[key] for key in wanted}, **more)

        loaded = run("load", "symbol", "until", source=source, state=_state(source))
        checked = run("validate", prices=_artifact(loaded, "prices"))
        made = run("features", "symbol", "window", "group", prices=_artifact(checked, "checked"))
        table = _artifact(made, "training.parquet")
        today = "" if source == "live" else made.data.tags["newest"]
        trained = run("train", "model", "folds", "holdout", table=table, store=store_folder(store), today=today)
        model_uri = trained.data.tags["model_uri"]
        judged = run("evaluate", "holdout", table=table, model_uri=model_uri)
        ended = run("register", "name", model_uri=model_uri, evaluation=judged.info.run_id)
        mlflow.log_metrics(judged.data.metrics)
        mlflow.set_tags({key: ended.data.tags[key] for key in ("decision", "version")})
        mlflow.set_tag("learnt_until", trained.data.tags["learnt_until"])
        print(f"{given['name']} version {ended.data.tags['version']}: {ended.data.tags['decision']}")


def _artifact(run: Run, path: str) -> str:
    return f"runs:/{run.info.run_id}/{path}"


def _state(source: str) -> str:
    """What tells one state of a source from another: a file by its content, live prices by the day."""
    if source == "live":
        return dt.datetime.now(dt.UTC).date().isoformat()
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if Path(source).is_file() else ""


if __name__ == "__main__":
    main()
