"""Which types a stored scikit-learn model may hold, beyond those that skops trusts by itself.

Loading a skops file builds objects of the types that it names and sets their attributes; no code of the file runs, as
long as no trusted type runs it. So a class may stand here when its ``__new__``, ``__setstate__`` and constructor, as in
scikit-learn 1.9, SciPy 1.17, NumPy 2.4, XGBoost 3.2 and LightGBM 4.7, only copy numbers, arrays and other
trusted objects. A function may when it only computes, whatever it is called with.

Not here, on purpose: the distributions of ``scipy.stats`` (a `RandomizedSearchCV` holds them), whose ``__setstate__``
passes text from the file to ``exec``; log the search's ``best_estimator_`` instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlworkbench.errors import WorkbenchError

# These keep positions that are used without a check. A forged file cannot run code, but it can crash the process (see
# https://github.com/scikit-learn/scikit-learn/pull/34558), so load models only of people whom you know.
_INDEXED = {
    "sklearn.tree._tree": "Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.neighbors._kd_tree": "KDTree",
    "sklearn.neighbors._ball_tree": "BallTree",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "xgboost.core": "Booster",
    "lightgbm.basic": "Booster",
}

_PLAIN = {
    "numpy": "dtype",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "sklearn._loss.loss": "HalfTweedieLoss HalfTweedieLossIdentity",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.compose._column_transformer": "make_column_selector",
    "sklearn.impute._iterative": "_ImputerTriplet",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern "
    "PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.metrics._dist_metrics": "ChebyshevDistance64 EuclideanDistance64 HaversineDistance64 ManhattanDistance64 "
    "MinkowskiDistance64 SEuclideanDistance64",
    "sklearn.metrics._scorer": "_CurveScorer _PassthroughScorer _Scorer",
    "sklearn.model_selection._split": "GroupKFold KFold RepeatedKFold RepeatedStratifiedKFold ShuffleSplit "
    "StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._bunch": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "collections": "OrderedDict",
    "functools": "partial",  # what it calls has to be trusted, too
    "lightgbm.sklearn": "LGBMClassifier LGBMModel LGBMRanker LGBMRegressor",
    "xgboost.sklearn": "XGBClassifier XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor",
}

_FUNCTIONS = {
    "numpy": "mean median nan_to_num",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss f1_score jaccard_score "
    "log_loss matthews_corrcoef precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": "explained_variance_score max_error mean_absolute_error "
    "mean_absolute_percentage_error mean_squared_error mean_squared_log_error median_absolute_error r2_score "
    "root_mean_squared_error",
    "sklearn.utils.validation": "check_array",
}

REVIEWED = frozenset(
    f"{module}.{name}"
    for group in (_INDEXED, _PLAIN, _FUNCTIONS)
    for module, names in group.items()
    for name in names.split()
)
"""Full names of the reviewed types and functions, as skops spells them."""


def beyond_review(types: Iterable[str], trust: Iterable[str] = ()) -> list[str]:
    """The types among ``types`` that are neither reviewed nor in ``trust``, sorted."""
    return sorted(set(types) - REVIEWED - set(trust))


def untrusted(model: Any, trust: Iterable[str] = ()) -> WorkbenchError | None:
    """Build the error that names what skops would have to trust; None when that is not what is wrong with the model."""
    import skops.io

    try:
        more = beyond_review(skops.io.get_untrusted_types(data=skops.io.dumps(model)), trust)
    except Exception:
        return None  # skops cannot even write it, and says why itself
    if not more or "<" in "".join(more):  # a lambda has no name by which it could be found again
        return None
    return WorkbenchError(
        f"the model holds {', '.join(more)}, which nobody has reviewed.",
        "types that skops or mlworkbench.models.trusted_types know to be harmless when a file is loaded.",
        f"Read their source. If you trust it, add trust={more!r}: whoever loads the model then trusts them too.",
    )


def reviewed_among(parts: Iterable[Any]) -> list[str]:
    """Full names of those classes and functions among ``parts`` that are reviewed, sorted."""
    names = {f"{part.__module__}.{part.__qualname__}" for part in parts if hasattr(part, "__module__")}
    return sorted(REVIEWED & names)
