"""With `log_post_training_metrics=False` your own call of `score` is not recorded a second time under a name of
autologging's. Autologging is turned off after the run, so that it sees all of this training and no later one.
"""

from sklearn.linear_model import LogisticRegression

mlflow.sklearn.autolog(log_models=False, log_post_training_metrics=False, silent=True)
with mlflow.start_run(run_name="logistic regression") as my_run:
    my_model = LogisticRegression(max_iter=5000).fit(X_train, y_train)
    mlflow.log_metric("test_accuracy", my_model.score(X_test, y_test))
mlflow.sklearn.autolog(disable=True)

my_run_id = my_run.info.run_id
