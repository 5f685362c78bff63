"""The tag is set inside the parent and outside of the loop: there the parent is the active run. Each child is started
with `nested=True` and holds what differs, so the table of runs can compare the children.
"""

from sklearn.ensemble import RandomForestClassifier

mlflow.set_experiment(session.experiment.name)
with mlflow.start_run(run_name="my forest") as my_parent:
    mlflow.set_tag("author", "Ada")
    for size in (5, 20, 80):
        with mlflow.start_run(run_name=f"{size} trees", nested=True):
            forest = RandomForestClassifier(n_estimators=size, random_state=seed).fit(X_train, y_train)
            mlflow.log_param("n_estimators", size)
            mlflow.log_metric("accuracy", forest.score(X_test, y_test))

my_parent_id = my_parent.info.run_id
