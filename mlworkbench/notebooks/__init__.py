"""Notebooks as jobs: parameters, execution by papermill, reruns as runs, sweeps on cores and on Ray."""
