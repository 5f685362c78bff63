"""Every depth is cross-validated on the same days, with folds that are always tested on later days than they learnt
from. The parent reports the largest mean and not the best fold, since a mean over five folds depends less on luck.
"""

from sklearn.tree import DecisionTreeClassifier

means = []
with mlflow.start_run(run_name="tree search") as my_parent:
    for depth in range(1, 9):
        with mlflow.start_run(run_name=f"depth {depth}", nested=True):
            tree = DecisionTreeClassifier(max_depth=depth, random_state=seed)
            accuracies = cross_val_score(tree, X, y, cv=TimeSeriesSplit(folds))
            mlflow.log_param("max_depth", depth)
            mlflow.log_metrics({"cv_mean": accuracies.mean(), "best_fold": accuracies.max()})
        means.append(accuracies.mean())
    mlflow.log_metric("best_cv_mean", max(means))

my_parent_id = my_parent.info.run_id
