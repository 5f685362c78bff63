"""A metric is a number and a parameter a text, so 0.5 stands without quotes and '2' in quotes. Filter, order and the
number of results are left to the store, which reads no more than it has to.
"""

good = mlflow.search_runs(experiment_names=["1.4 ridge"], filter_string="metrics.r2_score > 0.5")
my_count = len(good)

[best] = mlflow.search_runs(
    experiment_names=["1.4 forest"],
    filter_string="params.max_depth = '2'",
    order_by=["metrics.rmse ASC"],
    max_results=1,
    output_format="list",
)
my_run_id = best.info.run_id
