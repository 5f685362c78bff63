"""Step 5: judge the model on the days that were held out, by the criterion and by the gate."""

import click
import mlflow
import pandas as pd

from stock_market import criterion, gate, walk_forward
from stock_market.heuristics import scores
from stock_market.step import read_frame, step


@click.command()
@click.option("--table", "uri")
@click.option("--model-uri")
@click.option("--holdout", type=int)
def main(uri: str, model_uri: str, holdout: int) -> None:
    with step():
        table = read_frame(uri)
        window = sum(name.startswith("day_") for name in table)
        _, days = walk_forward.split_off(table, holdout, window)
        said = gate.Decisions(model_uri)(days)
        right = pd.Series(said == days["answer"].to_numpy(), pd.DatetimeIndex(days["event_timestamp"]))
        rules = scores(days)
        mlflow.log_metrics(criterion.summary(right, against=rules.iloc[0]))
        mlflow.log_metrics({f"heuristic_{name}": value for name, value in rules.items()})
        mlflow.log_text(criterion.by_month(right).to_csv(), "months.csv")
        verdict, heuristic = gate.judge(model_uri, days)
        mlflow.set_tags({"verdict": "passed" if verdict else "refused", "heuristic": heuristic})
        mlflow.set_tag("verdict_run", verdict.run_id)
        mlflow.log_table(verdict.table, "verdict.json")
        print(f"against {heuristic}: {verdict.headline}")


if __name__ == "__main__":
    main()
