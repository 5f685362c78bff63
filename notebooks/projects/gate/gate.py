"""The gate of lesson 2.4 as a project: compare a version with the champion, and move the alias when it passes."""

import argparse
import logging

import mlflow
import pandas as pd
from mlflow.metrics import make_metric
from mlflow.models import MetricThreshold
from mlflow.models.evaluation.validation import ModelValidationFailedException
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

logging.captureWarnings(True)  # what libraries warn of is no part of the verdict
logging.getLogger("mlflow").setLevel(logging.WARNING)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--name", required=True)
parser.add_argument("--version", required=True)
parser.add_argument("--delivery", required=True)
arguments = parser.parse_args()

# The rows that no model of lesson 3.4 has learned from.
data = load_breast_cancer(as_frame=True)
table = data.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - data.target)
_, held_out = train_test_split(table, train_size=0.5, random_state=7, stratify=table["malignant"])

client = mlflow.MlflowClient()
champion = client.get_registered_model(arguments.name).aliases.get("champion")
gain = {"min_absolute_change": 0.01} if champion else {}
demands = {"accuracy": MetricThreshold(threshold=0.85, greater_is_better=True, **gain)}


def accuracy(predictions: pd.Series, targets: pd.Series) -> float:
    """Share of right answers."""
    return float((predictions == targets).mean())


def judged(version: str) -> mlflow.models.EvaluationResult:
    """How a version does on the held-out rows; the plots that MLflow can add would take longer than all the rest."""
    metric = make_metric(eval_fn=accuracy, greater_is_better=True, name="accuracy")
    uri = f"models:/{arguments.name}/{version}"
    return mlflow.models.evaluate(uri, held_out, targets="malignant", extra_metrics=[metric])


with mlflow.start_run(run_name=f"gate of version {arguments.version}") as run:
    old = judged(champion) if champion else None
    new = judged(arguments.version)
    if old:
        mlflow.log_metric("champion_accuracy", old.metrics["accuracy"])
    try:
        mlflow.validate_evaluation_results(demands, new, old)
        verdict = "passed"
    except ModelValidationFailedException as refusal:
        verdict = "refused"
        mlflow.log_text(str(refusal), "refusal.txt")
    mlflow.set_tag("verdict", verdict)

if verdict == "passed":
    client.set_registered_model_alias(arguments.name, "champion", arguments.version)
# The tag "gate" comes last: whoever waits for it finds all the rest.
for tag, value in {"gate_run": run.info.run_id, "delivery": arguments.delivery, "gate": verdict}.items():
    client.set_model_version_tag(arguments.name, arguments.version, tag, value)
