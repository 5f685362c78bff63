"""The year 2011 is compared with the same reference as 2008, so its numbers mean the same. The rule was written before
anybody looked at this year, and it alone decides which months raise an alert.
"""

year = days.loc["2011"]
my_months = monitor.by_month(reference, year)
with mlflow.start_run(run_name="monitor 2011") as my_run:
    monitor.log(reference, year, my_months)
my_alerts = monitor.alerts(my_months)
