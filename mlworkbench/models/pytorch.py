"""What MLflow's flavor pytorch stores: a network in evaluation mode, and its rows as one array."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

from mlworkbench.errors import WorkbenchError, told


def evaluating(model: Any) -> Any:
    """A copy on the processor, in evaluation mode, so that the one that is being trained goes on untouched.

    MLflow exports a network in the mode in which it is: in training mode, dropout would stay in it for good.
    """
    import torch

    compiled = isinstance(model, torch.jit.ScriptModule) or type(model).__name__ == "OptimizedModule"
    if compiled or not isinstance(model, torch.nn.Module):
        raise WorkbenchError(
            f"a {type(model).__module__}.{type(model).__qualname__}.",
            "a torch.nn.Module, which MLflow can export.",
            "Give the network itself; in place of a compiled one, that which was compiled.",
        )
    try:
        return copy.deepcopy(model).cpu().eval()
    except (RuntimeError, TypeError) as error:
        raise WorkbenchError(
            f"the {type(model).__name__} cannot be copied ({told(error)}).",
            "a network whose attributes are layers, weights and plain values.",
            "Keep no result of a computation in it, or keep result.detach(); open files and connections elsewhere.",
        ) from error


def as_array(rows: Any, model: Any) -> Any:
    """A table or a tensor as an array; numbers of a table in the type of the network's weights."""
    import numpy as np
    import torch

    if isinstance(rows, torch.Tensor):
        rows = rows.detach().cpu().numpy()
    elif hasattr(rows, "to_numpy"):
        wide = any(part.dtype == torch.float64 for part in model.parameters())
        with contextlib.suppress(TypeError, ValueError):  # texts
            rows = rows.to_numpy(np.float64 if wide else np.float32)
    if not isinstance(rows, np.ndarray):
        raise WorkbenchError(
            f"an example for a PyTorch model in the form of a {type(rows).__name__}.",
            "one array, tensor or table of numbers: pyfunc hands over one tensor.",
            "Let the network take one tensor and divide it itself, or wrap it in mlflow.pyfunc.PythonModel.",
        )
    # PyTorch fixes a size of one for good when it exports, and the stored network would take no batch of two.
    return np.concatenate([rows, rows]) if rows.shape[:1] == (1,) else rows


def in_memory(model: Any) -> Callable[..., Any]:
    """What the network answers to an array, asked as pyfunc asks it."""
    import torch

    def answer(rows: Any, **params: Any) -> Any:
        with torch.no_grad():
            said = model(torch.from_numpy(rows), **params)
        if not isinstance(said, torch.Tensor):
            raise TypeError(f"the network answers with a {type(said).__name__}, and MLflow takes one tensor")
        return said.numpy()

    return answer
