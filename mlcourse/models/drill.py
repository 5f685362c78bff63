"""What task 11 of part 2 begins with: a model that is right, with a signature that lies."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

from mlcourse.course_data import diabetes

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo

LEFT = "left_behind"
WITH_DECIMALS, OTHERS = ("bmi", "s4", "s5"), ("bp", "s1", "s2", "s3", "s6")


def lying_model() -> ModelInfo:
    """Store a pipeline with a signature that lies about two inputs and the output.

    Returns
    -------
    ModelInfo
        What `log_model` returned. About which inputs it lies is another matter of luck each time.
    """
    import mlflow
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, Schema

    rows = diabetes().X_train
    true = infer_signature(rows, fitted().predict(rows))
    with mlflow.start_run(run_name="left behind"):
        info = mlflow.sklearn.log_model(
            fitted(), name=LEFT, signature=true, pip_requirements=["scikit-learn"], serialization_format="skops"
        )
    whole, optional = lies_of(info.model_id)
    inputs = [
        ColSpec("long" if column.name == whole else column.type, column.name, required=column.name != optional)
        for column in true.inputs
    ]
    mlflow.models.set_signature(info.model_uri, ModelSignature(Schema(inputs), Schema([ColSpec("string")])))
    return info


def lies_of(model_id: str) -> tuple[str, str]:
    """The input that is declared as a whole number, and the one that may be left out, of the model with this id."""
    luck = random.Random(model_id)  # noqa: S311 (no secret)
    return luck.choice(WITH_DECIMALS), luck.choice(OTHERS)


@cache
def fitted() -> Any:
    """The pipeline that was left behind."""
    from sklearn.linear_model import Lasso
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = diabetes()
    return make_pipeline(StandardScaler(), Lasso(2.0)).fit(data.X_train, data.y_train)
