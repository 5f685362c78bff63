"""Step 6: register the model, and promote it if the gate has let it pass. Else the champion stays."""

import click
import mlflow

import mlworkbench as wb
from stock_market.step import step


@click.command()
@click.option("--model-uri")
@click.option("--evaluation")
@click.option("--name")
def main(model_uri: str, evaluation: str, name: str) -> None:
    with step():
        tags = mlflow.get_run(evaluation).data.tags
        table = mlflow.load_table("verdict.json", run_ids=[evaluation])
        verdict = wb.Verdict(tags["verdict"] == "passed", table, tags["verdict_run"])
        version = wb.register(model_uri, name, tags={"heuristic": tags["heuristic"]})
        try:
            wb.promote(name, version.version, gate=verdict, why=f"Against {tags['heuristic']}: {verdict.headline}")
        except wb.WorkbenchError:
            if verdict:
                raise
            print(f"The gate has refused version {version.version}: whatever is in production stays.")
        mlflow.set_tags({"decision": "promoted" if verdict else "refused", "version": version.version})


if __name__ == "__main__":
    main()
