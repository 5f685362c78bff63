"""Only `window` differs from `first`, so `load` and `validate`, which do not take it, are reused, and the difference
comes from nothing else. The second file lacks a single price: the pipeline refuses it in `validate`, before any model
could learn from it.
"""

longer = given | {"window": 28}
submitted = mlflow.projects.run(str(project), entry_point="main", parameters=longer, env_manager="local")
my_run = mlflow.get_run(submitted.run_id)

worse = prices.load("planted").reset_index()
worse.loc[1000, "close"] = None
worse.to_csv(file, index=False)
subprocess.run(command, env=os.environ | where, capture_output=True, check=False)
my_failed = mlflow.search_runs(filter_string=pipelines, output_format="list")[0]
