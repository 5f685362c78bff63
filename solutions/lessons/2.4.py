"""The demands are written before the candidate is judged: the recall has a fixed limit, the accuracy is compared with
the baseline. The gate gets the test rows, which neither model has learnt from.
"""

from sklearn.linear_model import LogisticRegression

my_demands = {
    "recall_score": MetricThreshold(threshold=0.8, greater_is_better=True),
    "accuracy_score": MetricThreshold(min_absolute_change=0.01, greater_is_better=True),
}
regression = LogisticRegression(max_iter=10000).fit(X, y)
my_candidate = wb.log_model(regression, "regression", example=X.head(3))
my_verdict = wb.validate(my_candidate.model_uri, baseline.model_uri, test, target="malignant", thresholds=my_demands)
