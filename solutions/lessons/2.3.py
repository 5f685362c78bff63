"""The model is logged as a file of code and the forest as an artifact that skops wrote, so nobody who loads it has to
trust a pickle. The limit is a parameter whose default comes from the example, so one stored model answers stricter
and more generous questions.
"""

my_code = """import mlflow
import pandas as pd

class Doubtful(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.forest = mlflow.sklearn.load_model(context.artifacts["forest"])
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return self.forest.predict_proba(model_input).max(axis=1) < params["limit"]

mlflow.models.set_model(Doubtful())"""
my_file = folder / "doubtful.py"
my_file.write_text(my_code)
with mlflow.start_run(run_name="doubtful"):
    doubtful = mlflow.pyfunc.log_model(
        name="doubtful",
        python_model=my_file,
        artifacts={"forest": stored.model_uri},
        input_example=(X_test.head(3), {"limit": 0.7}),
        pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "scikit-learn", "skops")],
    )

my_model_uri = doubtful.model_uri
