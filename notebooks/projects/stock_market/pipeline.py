"""The pipeline: six steps, each an MLflow run of its own below this one, reused where nothing has changed."""

import datetime
import hashlib
from pathlib import Path

import click
import mlflow

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
def main(
    symbol: str,
    source: str,
    until: str,
    window: int,
    group: str,
    model: str,
    folds: int,
    holdout: int,
    name: str,
    store: str,
) -> None:
    with step():
        loaded = wb.run_step(PROJECT, "load", symbol=symbol, source=source, until=until, state=_state(source))
        checked = wb.run_step(PROJECT, "validate", prices=_artifact(loaded, "prices"))
        made = wb.run_step(
            PROJECT, "features", prices=_artifact(checked, "checked"), symbol=symbol, window=window, group=group
        )
        table = _artifact(made, "training.parquet")
        trained = wb.run_step(
            PROJECT,
            "train",
            table=table,
            model=model,
            folds=folds,
            holdout=holdout,
            store=store_folder(store),
            today="" if source == "live" else made.data.tags["newest"],
        )
        model_uri = trained.data.tags["model_uri"]
        judged = wb.run_step(PROJECT, "evaluate", table=table, model_uri=model_uri, holdout=holdout)
        ended = wb.run_step(PROJECT, "register", model_uri=model_uri, evaluation=judged.info.run_id, name=name)
        mlflow.log_metrics(judged.data.metrics)
        mlflow.set_tags({key: ended.data.tags[key] for key in ("decision", "version")})
        print(f"{name} version {ended.data.tags['version']}: {ended.data.tags['decision']}")


def _artifact(run: mlflow.entities.Run, path: str) -> str:
    return f"runs:/{run.info.run_id}/{path}"


def _state(source: str) -> str:
    """What tells one state of a source from another: a file by its content, live prices by the day."""
    if source == "live":
        return datetime.datetime.now(datetime.UTC).date().isoformat()
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:16] if Path(source).is_file() else ""


if __name__ == "__main__":
    main()
