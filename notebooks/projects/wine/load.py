"""Step 1: get the wines, in a random order that the seed decides, and hand them on as wine.csv."""

import argparse

import mlflow
from sklearn.datasets import load_wine

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--seed", type=int, required=True)
arguments = parser.parse_args()

with mlflow.start_run():
    wine = load_wine(as_frame=True).frame.sample(frac=1, random_state=arguments.seed)
    wine = wine.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "od280_od315"})
    mlflow.log_metric("rows", len(wine))
    mlflow.log_text(wine.to_csv(index=False), "wine.csv")
