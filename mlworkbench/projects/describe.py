"""Tell what a project offers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlworkbench.mlflow_internals import entry_points
from mlworkbench.projects.git import fetched
from mlworkbench.projects.mlproject_file import read_project

if TYPE_CHECKING:
    import pandas as pd


def describe_project(path: str | os.PathLike[str], *, version: str | None = None) -> pd.DataFrame:
    """Tell what a project offers: its entry points and their parameters.

    Parameters
    ----------
    path : path or str
        A folder with an ``MLproject`` file, or the URI of a Git repository, with ``#`` and a folder behind it if the
        project is not at its top. User and password in a URI are used, and neither shown nor kept.
    version : str, optional
        A commit, tag or branch of the repository.

    Returns
    -------
    pandas.DataFrame
        A row a parameter: ``entry_point``, ``parameter``, ``type``, ``default`` (None: a value must be given). An
        entry point without parameters has one row with an empty ``parameter``.

    Raises
    ------
    ProjectError
        When there is no project, its MLproject cannot be read, or the repository does not answer.

    References
    ----------
    https://mlflow.org/docs/latest/ml/projects/

    Examples
    --------
    >>> wb.describe_project("notebooks/projects/wine").entry_point.unique().tolist()
    ['main', 'load', 'validate', 'train', 'evaluate', 'register']
    """
    import pandas as pd

    with fetched(path, version) as project:
        points = entry_points(read_project(project.folder)).values()
        rows = []
        for point in points:
            declared = [(p.name, p.type, p.default) for p in point.parameters.values()]
            rows += [(point.name, *parameter) for parameter in declared or [("", "", None)]]
    return pd.DataFrame(rows, columns=["entry_point", "parameter", "type", "default"], dtype=object)
