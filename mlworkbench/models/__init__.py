"""Log models, describe what is stored, evaluate one against another. Builds on MLflow's flavors; knows no registry."""
