"""Step 3: features of every day, joined to the answers by the feature store, as they were known that evening."""

import click
import mlflow

from stock_market import feature_store, features, windows
from stock_market.step import log_frame, read_frames, step


@click.command()
@click.option("--prices", "uri")
@click.option("--symbol")
@click.option("--window", type=int)
@click.option("--group")
def main(uri: str, symbol: str, window: int, group: str) -> None:
    with step():
        columns = features.columns(group, window)
        series = read_frames(uri)
        known = features.features(series, symbol, window)
        answers = windows.answers(series[symbol]["close"])
        rows = answers.to_frame().assign(symbol=symbol, event_timestamp=features.known_at(answers.index))
        rows = rows[rows["event_timestamp"] >= known["event_timestamp"].min()]
        table = feature_store.historical(known, rows, group).dropna()
        mlflow.log_metrics({"rows": len(table), "rows_dropped": len(rows) - len(table)})
        mlflow.set_tag("newest", known["event_timestamp"].max().date().isoformat())
        log_frame(table[["symbol", "event_timestamp", *columns, "answer"]].astype({"answer": "int64"}), "training")


if __name__ == "__main__":
    main()
