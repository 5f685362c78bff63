"""The data are loaded anew, since `prices` begins with `first_year` and the task asks for every year. The year is the
step of the metric, so the chart in the UI has the years on its axis, and the table keeps the same numbers for later
computations.
"""

daily = wb.load_sp500()
mean_volume = daily["volume"].groupby(daily.index.year).mean() / 1e9
with mlflow.start_run(run_name="volume") as my_run:
    mlflow.log_param("column", "volume")
    for year, billions in mean_volume.items():
        mlflow.log_metric("mean_volume", billions, step=year)
    mlflow.log_table(mean_volume.rename_axis("year").reset_index(name="mean_volume"), "volume.json")
    mlflow.log_input(mlflow.data.from_pandas(daily.reset_index(), source=source, name="S&P 500"), context="analysis")

my_run_id = my_run.info.run_id
