"""The five steps in order. Each hands its artifacts on by its run; one that did the same before is reused."""

import argparse
from pathlib import Path

import mlflow
from mlflow.entities import Run

from mlworkbench import run_step

HERE = Path(__file__).parent


def artifact(run: Run, name: str) -> str:
    """Where another step finds what this run has logged."""
    return f"runs:/{run.info.run_id}/{name}"


def workflow(test_share: float, C: float, min_accuracy: float) -> Run:
    """Run what has to run, and give back the run of the evaluation."""
    loaded = run_step(HERE, "load")
    checked = run_step(HERE, "validate", data=artifact(loaded, "wine.csv"), test_share=test_share)
    trained = run_step(HERE, "train", data=artifact(checked, "train.csv"), C=C)
    model = f"models:/{trained.outputs.model_outputs[0].model_id}"
    evaluated = run_step(HERE, "evaluate", model=model, data=artifact(checked, "test.csv"))
    run_step(HERE, "register", model=model, evaluation=evaluated.info.run_id, min_accuracy=min_accuracy)
    return evaluated


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-share", type=float, required=True)
    parser.add_argument("--C", type=float, required=True)
    parser.add_argument("--min-accuracy", type=float, required=True)
    with mlflow.start_run():
        mlflow.log_metrics(workflow(**vars(parser.parse_args())).data.metrics)
