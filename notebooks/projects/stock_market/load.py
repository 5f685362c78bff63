"""Step 1: read the prices and keep them as they are."""

import tempfile
from pathlib import Path

import click
import mlflow

from stock_market import prices
from stock_market.step import step


@click.command()
@click.option("--symbol")
@click.option("--source")
@click.option("--until")
@click.option("--state", help="What tells one state of the source from another; it makes a changed file a new step.")
def main(symbol: str, source: str, until: str, state: str) -> None:
    with step(), tempfile.TemporaryDirectory() as folder:
        for name, found in prices.load_with_companions(symbol, source, until).items():
            found.to_csv(Path(folder, f"{name}.csv"))
            mlflow.log_metric(f"days_{name}", len(found))
        mlflow.log_artifacts(folder, "prices")


if __name__ == "__main__":
    main()
