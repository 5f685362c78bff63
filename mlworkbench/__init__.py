"""Helpers of the MLflow workbook: experiment setup, artifact plotting, models, registry, projects and reruns.

``import mlworkbench as wb`` is cheap, since each name loads when it is first used; `__init__.pyi` lists them. The rooms
are those of the course: runs at the top, then `models`, `serving`, `registry`, `projects` and `notebooks`; beside them
`lab`, and `doctor_checks`, whose name leaves `wb.doctor` to the function. It imports `warmkernel`, and never the course
or the stock market, which it finds by entry points.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'mlworkbench' has no attribute {name!r}. It has: {', '.join(__all__)}.")
    return _load(name)
