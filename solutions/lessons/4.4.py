"""A grid is a dictionary with a list for each parameter, and the sweep runs every combination as a run of its own.
With `n_jobs=jobs` two executions run at a time, which changes the time and not the table.
"""

my_table = wb.sweep(notebook, {"folds": [3, 5], "depth": [1, 2]}, n_jobs=jobs)
