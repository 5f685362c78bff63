"""How a stored model is made, without trusting it: its classes and settings are read, and a new one is built of them.

A pickle runs what its maker wanted. So it is opened in a process of its own, which says which classes of scikit-learn
or XGBoost with which settings it found; nothing else of it is used.
"""

from __future__ import annotations

import importlib
from typing import Any

from mlcourse.untrusted import RefusedError, ask_untrusted
from mlworkbench.quiet import quiet
from mlworkbench.tasks import NotYetError

LIBRARIES = ("sklearn", "xgboost")
_PLAIN = (bool, int, float, str, type(None))


def rebuilt(model_id: str) -> Any:
    """A new model like the one that is stored, which has not seen any data."""
    import mlflow
    from mlflow.models import Model

    with quiet():
        folder = mlflow.artifacts.download_artifacts(f"models:/{model_id}")
    library = "xgboost" if "xgboost" in Model.load(folder).flavors else "sklearn"
    try:
        found = ask_untrusted(lambda: _recipe(_loaded(folder, library)))
    except RefusedError as error:
        raise NotYetError(
            f"The stored model cannot be built again: {error}.", "Use models of scikit-learn or XGBoost."
        ) from error
    return _build(found)


def _loaded(folder: str, library: str) -> Any:
    import mlflow

    with quiet():
        return getattr(mlflow, library).load_model(folder)


def _recipe(part: Any) -> Any:
    """An estimator as the names of its classes and their settings, and of functions of NumPy."""
    import numpy as np

    if type(part) in _PLAIN:
        return part
    if isinstance(part, np.ufunc):
        return {"ufunc": part.__name__}
    if hasattr(part, "item") and not getattr(part, "shape", ()):
        return _recipe(part.item())
    if isinstance(part, list | tuple):
        return {"list": [_recipe(each) for each in part], "tuple": isinstance(part, tuple)}
    if isinstance(part, dict):
        return {"dict": [[_recipe(name), _recipe(value)] for name, value in part.items()]}
    kind = type(part)
    if kind.__module__.partition(".")[0] in LIBRARIES and hasattr(part, "get_params"):
        settings = {name: _recipe(value) for name, value in part.get_params(deep=False).items()}
        return {"class": kind.__name__, "module": kind.__module__, "settings": settings}
    raise ValueError(f"it holds something of the type {kind.__name__}")


def _build(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    if "ufunc" in found:
        return _ufunc(str(found["ufunc"]))
    if "list" in found:
        parts = [_build(each) for each in found["list"]]
        return tuple(parts) if found["tuple"] else parts
    if "dict" in found:
        return {_build(name): _build(value) for name, value in found["dict"]}
    if str(found["module"]).partition(".")[0] not in LIBRARIES:
        raise NotYetError(f"The model has a part from {found['module']}.", "Use models of scikit-learn or XGBoost.")
    kind = getattr(importlib.import_module(found["module"]), found["class"])
    known = {name: _build(value) for name, value in found["settings"].items()}
    if not hasattr(kind, "get_params"):
        raise NotYetError(f"{found['class']} is no model.", "Log the model that you have cross-validated.")
    return kind(**known)


def _ufunc(name: str) -> Any:
    """A function of NumPy that a FunctionTransformer takes, such as log1p."""
    import numpy as np

    if not isinstance(function := getattr(np, name, None), np.ufunc):
        raise NotYetError(f"NumPy has no function {name[:60]!r}.", "Use models of scikit-learn or XGBoost.")
    return function
