"""One client reads the copy, the other writes to the store of this workbook, and what the first returns is handed on as
it is: so values, steps and times stay hers. The tag leads back to where the run was found.
"""

my_backup = folder / "backup of cleo.db"
with closing(sqlite3.connect(folder / "cleo" / "mlflow.db")) as source, closing(sqlite3.connect(my_backup)) as target:
    source.backup(target)

old, new = mlflow.MlflowClient(f"sqlite:///{my_backup}"), mlflow.MlflowClient()
(run,) = old.search_runs([old.get_experiment_by_name("wines").experiment_id])
tags = {"author": run.data.tags["author"], "came_from": run.info.run_id}
name, begun = run.info.run_name, run.info.start_time
my_run = new.create_run(session.experiment.experiment_id, begun, tags, name).info.run_id
points = old.get_metric_history(run.info.run_id, "accuracy")
parameters = [mlflow.entities.Param(key, value) for key, value in run.data.params.items()]
new.log_batch(my_run, metrics=points, params=parameters)
new.log_artifacts(my_run, old.download_artifacts(run.info.run_id, ""))
new.set_terminated(my_run, end_time=run.info.end_time)
