"""Warm kernels for Jupyter and papermill: a process that has done the heavy imports once forks a kernel in a moment.

What is imported beforehand is named by the kernel's own specification, so it works with any library. A kernel that
cannot be forked is started as usual, with the same result. It knows nothing of MLflow and nothing of this workbook, and
imports neither.
"""
