"""Step 4: validate a candidate by walking forward, then fit it on all days before those that are held out."""

import click
import mlflow

from stock_market import candidates, criterion, serving, walk_forward
from stock_market.features import GROUPS
from stock_market.heuristics import scores
from stock_market.step import log_frame, read_frame, step


@click.command()
@click.option("--table", "uri")
@click.option("--model")
@click.option("--folds", type=int)
@click.option("--holdout", type=int)
@click.option("--store")
@click.option("--today")
def main(uri: str, model: str, folds: int, holdout: int, store: str, today: str) -> None:
    with step():
        table = read_frame(uri)
        columns = [name for name in table if name not in ("symbol", "event_timestamp", "answer")]
        window = sum(name.startswith("day_") for name in columns)
        group = next(group for group, names in GROUPS.items() if names == columns[window:])
        before, _ = walk_forward.split_off(table, holdout, window)
        said = walk_forward.walk_forward(before, columns, model, folds=folds, window=window)
        mlflow.log_metrics(criterion.summary(said["right"], against=scores(before.tail(len(said))).iloc[0]))
        log_frame(said, "walk_forward")
        learnt = candidates.fit(model, before[columns], before["answer"])
        info = serving.log_served(
            learnt,
            before[columns].head(),
            group=group,
            symbol=table["symbol"].iloc[0],
            window=window,
            store=store,
            today=today,
        )
        last = before["event_timestamp"].max().date().isoformat()
        mlflow.set_tags({"model_uri": info.model_uri, "learnt_until": last})


if __name__ == "__main__":
    main()
