"""Each state is stored before it is measured, so that the number belongs to the model in the store. The choice
names the validation rows: ordered by the training rows, the last state would always win.
"""

options = {"signature": infer_signature(X, y), "pip_requirements": [f"xgboost=={xgboost.__version__}"]}
with mlflow.start_run(run_name="deeper") as deeper:
    model = None
    for step in range(every, 5 * every + 1, every):
        model = more_rounds(model, depth=6)
        stored = mlflow.xgboost.log_model(model, name="deeper", step=step, params={"rounds": step}, **options)
        measure(model, step, stored.model_id)

my_run, my_name = deeper.info.run_id, "my-diabetes"
order = {"field_name": "metrics.rmse", "ascending": True, "dataset_name": "validation"}
found = mlflow.search_logged_models(
    where["experiment_ids"], f"source_run_id = '{my_run}'", order_by=[order], output_format="list"
)
mlflow.register_model(found[0].model_uri, my_name)
