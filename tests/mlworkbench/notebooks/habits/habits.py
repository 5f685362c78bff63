"""What people do in notebooks, each habit as a notebook of a few lines, and what is to come of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOGS = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('m', 1)"
PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}
STEPS = """
from sklearn.base import BaseEstimator, TransformerMixin
class Same(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return X
def more(x):
    return x + 1
"""


@dataclass(frozen=True)
class Habit:
    """A notebook, and what `rerun` says of it: papermill says passed where it says so, and fails where it does not."""

    name: str
    cells: tuple[str, ...]
    outcome: str = "passed"
    tags: Mapping[int, list[str] | None] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=lambda: {"kernelspec": PYTHON})
    values: Mapping[str, Any] = field(default_factory=dict)
    better: bool = False
    """Whether papermill fails, or says passed where something has failed."""

    def write(self, folder: Path) -> Path:
        """Write the notebook and what lies beside it."""
        folder.mkdir()
        for name, text in self.beside.items():
            (folder / name).write_text(text)
        cells = [
            {
                "cell_type": "code",
                "metadata": {"tags": self.tags[number]} if number in self.tags else {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(self.cells)
        ]
        content = {"nbformat": 4, "nbformat_minor": 4, "metadata": dict(self.metadata), "cells": cells}
        path = folder / f"{self.name}.ipynb"
        path.write_text(json.dumps(content))
        return path


def kernel(name: str, language: str = "python") -> dict[str, Any]:
    return {"kernelspec": {"name": name, "display_name": name, "language": language}}


OTHER = "'sqlite:///' + os.path.abspath('other.db')"

HABITS = [
    Habit("own_store_by_call", (f"import mlflow, os\nmlflow.set_tracking_uri({OTHER})", LOGS)),
    Habit("own_store_by_environment", (f"import os\nos.environ['MLFLOW_TRACKING_URI'] = {OTHER}", LOGS)),
    Habit("own_store_by_magic", ("import os\nuri = " + OTHER, "%env MLFLOW_TRACKING_URI=$uri", LOGS)),
    Habit("own_experiment_by_name", ("import mlflow\nmlflow.set_experiment('mine')", LOGS)),
    Habit(
        "own_experiment_by_id",
        ("import mlflow\nid = mlflow.create_experiment('mine')", LOGS.replace("()", "(experiment_id=id)")),
    ),
    Habit("own_experiment_by_environment", ("import os\nos.environ['MLFLOW_EXPERIMENT_NAME'] = 'mine'", LOGS)),
    Habit(
        "client_on_another_store",
        (
            f"import mlflow, os\nclient = mlflow.MlflowClient({OTHER})",
            "run = client.create_run(client.create_experiment('there'))\nclient.log_metric(run.info.run_id, 'm', 1)",
        ),
    ),
    Habit(
        "autolog_at_the_top",
        (
            "import mlflow\nmlflow.autolog(silent=True)",
            "from sklearn.linear_model import LinearRegression\nLinearRegression().fit([[1], [2]], [1, 2])",
        ),
    ),
    Habit("a_run_left_open", ("import mlflow\nmlflow.start_run()\nmlflow.log_metric('m', 1)",)),
    Habit(
        "nested_runs",
        ("import mlflow", LOGS.replace("('m', 1)", "('m', 1)\n    with mlflow.start_run(nested=True):\n        pass")),
    ),
    Habit("pip_install", ("%pip install --quiet pip", "import pip")),
    Habit(
        "matplotlib_magics",
        ("%matplotlib inline\n%config InlineBackend.figure_format = 'svg'", "import pylab\npylab.plot([1, 2])"),
    ),
    Habit("shell_commands", ("!echo 'a b'\nfiles = !ls\nassert files", "%%bash\necho $((1 + 1))")),
    Habit(
        "changes_the_folder",
        (
            "import os, pathlib\nos.makedirs('out', exist_ok=True)\nos.chdir('out')",
            "pathlib.Path('a.txt').write_text('a')",
        ),
    ),
    Habit(
        "helpers_beside",
        ("import utils, helpers\nassert utils.a + helpers.a == 3",),
        beside={"utils.py": "a = 1", "helpers.py": "a = 2"},
    ),
    Habit("a_module_named_yaml", ("import yaml\nassert yaml.mine",), beside={"yaml.py": "mine = True"}),
    Habit("a_module_named_sklearn", ("import sklearn\nassert sklearn.mine",), beside={"sklearn.py": "mine = True"}),
    Habit(
        "a_grid_search_in_processes",
        (
            "import steps\nfrom sklearn.linear_model import LinearRegression\n"
            "from sklearn.pipeline import make_pipeline\n"
            "from sklearn.model_selection import GridSearchCV\nmodel = make_pipeline(steps.Same(), LinearRegression())",
            "grid = {'linearregression__fit_intercept': [True, False]}\n"
            "GridSearchCV(model, grid, n_jobs=2, cv=2).fit([[1], [2], [3], [4]], [1, 2, 3, 4])",
        ),
        beside={"steps.py": STEPS},
    ),
    Habit(
        "processes_that_are_spawned",
        (
            "import steps\nfrom multiprocessing import get_context",
            "with get_context('spawn').Pool(1) as pool:\n    assert pool.map(steps.more, [1]) == [2]",
        ),
        beside={"steps.py": STEPS},
    ),
    Habit("kernel_python", ("1",), metadata=kernel("python")),
    Habit("kernel_python3", ("1",), metadata=kernel("python3")),
    Habit(
        "kernel_of_another_machine",
        ("1",),
        "no kernel is called 'conda-env-foo-py'",
        metadata=kernel("conda-env-foo-py"),
    ),
    Habit("kernel_of_r", ("x <- 1",), "no kernel is called 'ir'", metadata=kernel("ir", "R")),
    Habit("no_kernel", ("1",), metadata={}, better=True),
    Habit("await_at_the_top", ("import asyncio\nawait asyncio.sleep(0)",)),
    Habit("widgets", ("import ipywidgets\nipywidgets.IntSlider()",)),
    Habit(
        "widgets_as_colab_writes_them",
        ("1",),
        metadata={"kernelspec": PYTHON, "widgets": {"application/vnd.jupyter.widget-state+json": {}}},
    ),
    Habit("html", ("from IPython.display import HTML\nHTML('<b>bold</b>')",)),
    Habit(
        "an_error_that_is_expected",
        ("1", "1 / 0", "2"),
        "failed in cell 2: ZeroDivisionError",
        tags={1: ["raises-exception"]},
    ),
    Habit("input", ("input('name? ')",), "failed in cell 1: StdinNotImplementedError"),
    Habit("exit", ("import sys\nsys.exit(0)",)),
    Habit("exit_with_a_code", ("import sys\nsys.exit(3)",), "failed in cell 1: SystemExit: 3"),
    Habit(
        "end_of_the_process",
        ("import os", "os._exit(3)"),
        "failed in cell 2: the kernel's process ended with exit code 3",
    ),
    Habit("unknown_magic", ("%load_ext nothing_like_it", "1"), "failed in cell 1: ModuleNotFoundError"),
    Habit("mistyped_magic", ("1", "%matplotlibb inline"), "failed in cell 2: UsageError: Line magic function"),
    Habit("warnings", ("import warnings\nwarnings.warn('careful')",)),
    Habit(
        "progress_bars",
        (
            "from tqdm.auto import tqdm\nfor _ in tqdm(range(1000)):\n    pass",
            "from tqdm import tqdm\nfor _ in tqdm(range(1000)):\n    pass",
        ),
    ),
    Habit(
        "two_parameters_cells",
        ("n = 1", "n = 2", "assert n == 2"),
        tags={0: ["parameters"], 1: ["parameters"]},
        values={"n": 5},
    ),
    Habit(
        "a_magic_in_the_parameters_cell",
        ("%matplotlib inline\nn = 1", "assert n == 5"),
        tags={0: ["parameters"]},
        values={"n": 5},
    ),
    Habit("no_tags", ("1",), tags={0: None}, better=True),
    Habit(
        "a_tuple",
        ("shape = (1, 2)", "assert shape == (3, 4)"),
        tags={0: ["parameters"]},
        values={"shape": (3, 4)},
        better=True,
    ),
    Habit("values_in_a_row", ("n, m = 1, 2", "assert (n, m) == (5, 2)"), tags={0: ["parameters"]}, values={"n": 5}),
    Habit(
        "values_below_an_if",
        ("debug = True\nif debug:\n    n = 1", "assert n == 5"),
        tags={0: ["parameters"]},
        values={"n": 5},
    ),
    Habit(
        "end_behind_the_last_cell",
        ("import os\nget_ipython().kernel.shell_handlers['kernel_info_request'] = lambda *_: os._exit(4)",),
        "failed in cell 1: the kernel's process ended with exit code 4",
    ),
    Habit("an_error_without_words", ("raise KeyboardInterrupt",), "failed in cell 1: KeyboardInterrupt"),
    Habit(
        "infinity",
        ("b = float('inf')", "assert b == -float('inf')"),
        tags={0: ["parameters"]},
        values={"b": float("-inf")},
    ),
]
