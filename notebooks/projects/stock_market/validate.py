"""Step 2: stop prices with a known fault. The report is kept, whatever it says."""

from pathlib import Path

import click
import mlflow
import pandas as pd

from stock_market import prices
from stock_market.step import log_frame, step


@click.command()
@click.option("--prices", "uri")
def main(uri: str) -> None:
    with step():
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
        raw = {path.stem: prices.read(path) for path in sorted(folder.glob("*.csv"))}
        found = pd.concat([prices.problems(table).assign(series=name) for name, table in raw.items()])
        mlflow.log_text(found.to_csv(index=False), "report.csv")
        mlflow.log_text(found.to_html(index=False, border=0), "report.html")
        mlflow.log_metric("problems", len(found))
        for name, table in raw.items():
            log_frame(prices.checked(table, f"the prices of {name}"), f"checked/{name}")


if __name__ == "__main__":
    main()
