"""What JupyterLab gets: the MLflow tile, its settings, the kernel 'Python (workbench)', and its start."""
