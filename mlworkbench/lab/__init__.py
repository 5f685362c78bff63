"""What JupyterLab gets: the MLflow tile, its settings, a kernel that has its imports done, and its start."""
