"""Step 3: fit a logistic regression; a small C keeps it simple. The model is logged with this run."""

import argparse
import warnings
from importlib.metadata import version

import mlflow
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# MLflow warns that whole numbers cannot have gaps; the numbers of the cultivars have none.
warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", required=True)
parser.add_argument("--C", type=float, required=True)
arguments = parser.parse_args()

with mlflow.start_run():
    wine = pd.read_csv(arguments.data)
    features, cultivar = wine.drop(columns="cultivar").astype(float), wine["cultivar"]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=arguments.C)).fit(features, cultivar)
    mlflow.log_metric("training_accuracy", model.score(features, cultivar))
    mlflow.sklearn.log_model(
        model,
        name="model",
        input_example=features.head(3),
        pip_requirements=[
            f"{package}=={version(package)}" for package in ("mlflow", "pandas", "scikit-learn", "skops")
        ],
    )
