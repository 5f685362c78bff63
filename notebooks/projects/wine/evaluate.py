"""Step 4: measure the model on wines that it has not seen."""

import argparse

import mlflow
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
arguments = parser.parse_args()

with mlflow.start_run():
    wine = pd.read_csv(arguments.data)
    features, cultivar = wine.drop(columns="cultivar").astype(float), wine["cultivar"]
    model = mlflow.sklearn.load_model(arguments.model)
    predicted = model.predict(features)
    mlflow.log_metric("accuracy", accuracy_score(cultivar, predicted))
    mlflow.log_metric("log_loss", log_loss(cultivar, model.predict_proba(features)))
    mlflow.log_figure(ConfusionMatrixDisplay.from_predictions(cultivar, predicted).figure_, "confusion.png")
