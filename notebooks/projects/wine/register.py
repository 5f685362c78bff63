"""Step 5: register the model if the evaluation lets it pass."""

import argparse

import mlflow

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--evaluation", required=True)
parser.add_argument("--min-accuracy", type=float, required=True)
parser.add_argument("--name", required=True)
arguments = parser.parse_args()

with mlflow.start_run():
    accuracy = mlflow.get_run(arguments.evaluation).data.metrics["accuracy"]
    passed = accuracy >= arguments.min_accuracy
    mlflow.set_tag("passed", passed)
    if passed:
        version = mlflow.register_model(arguments.model, arguments.name)
        mlflow.log_metric("version", int(version.version))
