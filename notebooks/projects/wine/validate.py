"""Step 2: refuse data that cannot be right, and split the rest into train.csv and test.csv."""

import argparse

import mlflow
import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", required=True)
parser.add_argument("--test-share", type=float, required=True)
arguments = parser.parse_args()

with mlflow.start_run():
    wine = pd.read_csv(arguments.data)
    wrong = {
        "missing values": wine.isna().any(axis=1),
        "alcohol outside of 5 to 20 %": ~wine["alcohol"].between(5, 20),
        "an unknown cultivar": ~wine["cultivar"].isin([0, 1, 2]),
    }
    found = {problem: int(rows.sum()) for problem, rows in wrong.items() if rows.any()}
    mlflow.log_dict(found, "problems.json")
    if found:
        raise SystemExit(f"This data cannot be used. Rows with problems: {found}")

    train, test = train_test_split(wine, test_size=arguments.test_share, stratify=wine["cultivar"], random_state=0)
    mlflow.log_text(train.to_csv(index=False), "train.csv")
    mlflow.log_text(test.to_csv(index=False), "test.csv")
