"""The block `with` stops the server at its end, also when a request fails, so no process is left behind. Requests of
one row each are what a caller waits for; answers and times come from the same server.
"""

from sklearn.tree import DecisionTreeClassifier

my_tree = DecisionTreeClassifier(random_state=seed).fit(X_train, y_train)
with mlflow.start_run(run_name="tree"):
    my_stored = wb.log_model(my_tree, "tree", example=X_test.head(3))
with wb.serve(my_stored.model_uri) as my_endpoint:
    my_answers = my_endpoint.predict(X_test)
    my_latency = my_endpoint.latency(X_test.head(1), n=100)
