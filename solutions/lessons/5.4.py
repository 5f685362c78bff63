"""Only `window` differs from `first`, so every step before it is reused and the difference comes from nothing else. The
second file lacks a single price: the pipeline refuses it in `validate`, before any model could learn from it.
"""

my_run = wb.run_project(project, until=until, holdout=held_out, name=model_name, window=28)

worse = prices.load("planted").reset_index()
worse.loc[1000, "close"] = None
worse.to_csv(file, index=False)
subprocess.run(command, env=os.environ | where, capture_output=True, check=False)
my_failed = mlflow.search_runs(filter_string=pipelines, output_format="list")[0]
