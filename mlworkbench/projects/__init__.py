"""MLflow projects: read and check an MLproject, run an entry point, reuse the steps of a workflow."""
