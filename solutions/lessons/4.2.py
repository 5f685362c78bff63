"""Both calls have the same seed and differ only in the code, so what comes out differently comes from the code. The
first call leaves the repository at the old commit, and naming the branch in the second one brings it back.
"""

mine = how | {"parameters": {"seed": seed + 1}}
at_first = mlflow.projects.run(address, version=first, **mine)
my_old = mlflow.get_run(at_first.run_id)

at_newest = mlflow.projects.run(address, version=branch, **mine)
my_new = mlflow.get_run(at_newest.run_id)
