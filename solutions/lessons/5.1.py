"""The rule looks at the window alone and never at the answer, so it could have spoken on the evening itself. The run
has the same metrics as those of the other rules, which is what makes them comparable.
"""

ups = days.drop(columns="answer").sum(axis=1)
my_rule = ups < window / 2
right = my_rule == (days["answer"] == 1)
with mlflow.start_run(run_name="my heuristic", tags={"stage": "ideation"}) as my_run:
    mlflow.log_param("window", window)
    mlflow.log_metrics(criterion.summary(right, against=always_up.mean()))
