"""Table, columns and horizon are those of the forest and only the model differs, so nothing else can explain the
difference. All four numbers are logged, since a leak alone does not say from which honest accuracy it starts.
"""

my_leak = walk_forward.leakage(far, features.columns("rich"), "logistic", horizon=horizon)
with mlflow.start_run(run_name="my leakage") as my_run:
    mlflow.log_params({"model": "logistic", "horizon": horizon})
    mlflow.log_metrics(my_leak.to_dict())
