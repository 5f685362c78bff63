"""A tree holds a type that skops does not trust by itself, so skops lists the types it found, and the call names
them. The number of flavors is counted in the MLmodel file, which is what every tool reads.
"""

from sklearn.tree import DecisionTreeClassifier

my_tree = DecisionTreeClassifier(random_state=seed).fit(X_train, y_train)
my_types = skops.io.get_untrusted_types(data=skops.io.dumps(my_tree))
with mlflow.start_run(run_name="tree"):
    my_info = mlflow.sklearn.log_model(
        my_tree,
        name="tree",
        input_example=X_train.head(3),
        skops_trusted_types=my_types,
        pip_requirements=["scikit-learn", "skops", "pandas"],
    )

my_model_uri = my_info.model_uri
my_mlmodel = yaml.safe_load(Path(mlflow.artifacts.download_artifacts(my_model_uri), "MLmodel").read_text())
my_flavors = len(my_mlmodel["flavors"])
