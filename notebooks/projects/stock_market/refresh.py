"""Every evening: put the newest features of a symbol where the model server looks them up."""

import click
import mlflow

from stock_market import feature_store, features, prices
from stock_market.step import step, store_folder


@click.command()
@click.option("--symbol")
@click.option("--source")
@click.option("--until")
@click.option("--window", type=int)
@click.option("--store")
def main(symbol: str, source: str, until: str, window: int, store: str) -> None:
    with step():
        found = prices.load_with_companions(symbol, source, until)
        series = {name: prices.checked(table, f"the prices of {name}") for name, table in found.items()}
        newest = feature_store.refresh(store_folder(store), features.features(series, symbol, window))
        mlflow.set_tags({"newest": str(newest), "store": store_folder(store)})
        print(f"features of {symbol} in the evening of {newest:%Y-%m-%d} are in {store_folder(store)}")


if __name__ == "__main__":
    main()
