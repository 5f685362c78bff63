"""What lessons show "without the helper" runs where mlworkbench cannot be imported, for a reader who has left it."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlcourse.lessons import lessons
from tests.paths import ROOT

pytestmark = pytest.mark.processes

NOT_INSTALLED = 'raise ModuleNotFoundError("No module named mlworkbench")'
BEGIN = """
import sys
from pathlib import Path

import mlflow

mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
client, seed, trees = mlflow.MlflowClient(), 7, 10
"""
ROWS = """
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

wine = load_wine(as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(wine.data, wine.target, random_state=seed, stratify=wine.target)
cells = load_breast_cancer(as_frame=True)
table = cells.data.rename(columns=lambda name: name.replace(" ", "_")).assign(malignant=1.0 - cells.target)
train, held_out, live = table[:300], table[300:450], table[450:]
X, y = train.drop(columns="malignant"), train["malignant"]
champion = DecisionTreeClassifier(max_depth=1, random_state=seed).fit(X, y)
"""


def notebook(lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(lessons([lesson], root=ROOT)[0].path, as_version=4)


def ends(cell: nbformat.NotebookNode) -> bool:
    """Whether a section is over: at the next heading, or where the helper is shown."""
    return "wb." in cell.source if cell.cell_type == "code" else bool(re.search(r"(?m)^##", cell.source))


def without_the_helper(lesson: str) -> str:
    """The code of the section that is called so."""
    cells = iter(notebook(lesson).cells)
    next(cell for cell in cells if re.search(r"(?m)^### Without the helper$", cell.source))
    section = itertools.takewhile(lambda cell: not ends(cell), cells)
    return "\n".join(cell.source for cell in section if cell.cell_type == "code")


def in_the_text(lesson: str) -> str:
    """The plain calls that stand in the text beside the helper."""
    (code,) = re.findall(r"```python\n(.*?)```", "\n".join(cell.source for cell in notebook(lesson).cells), re.DOTALL)
    return str(code)


def run(folder: Path, *code: str) -> str:
    """Run code in a process of its own, in which, and in whose children, mlworkbench cannot be imported."""
    (folder / "mlworkbench").mkdir()
    (folder / "mlworkbench" / "__init__.py").write_text(NOT_INSTALLED)
    (folder / "read.py").write_text("\n".join([BEGIN, *code]))
    env = {**os.environ, "PYTHONPATH": str(folder), "MLFLOW_TRACKING_URI": ""}
    done = subprocess.run(
        [sys.executable, "read.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_package_cannot_be_imported_there(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="No module named mlworkbench"):
        run(tmp_path, "import mlworkbench")


def test_log_a_forest(tmp_path: Path) -> None:
    fit = "forest = RandomForestClassifier(n_estimators=trees, random_state=seed).fit(X_train, y_train)"
    assert "equal predictions: True" in run(tmp_path, ROWS, fit, without_the_helper("2.1"))


def test_log_a_model_by_the_calls_in_the_texts(tmp_path: Path) -> None:
    """Each stands there complete; they run one after the other in one process."""
    code = [ROWS, "rows, answers = X, y"]
    for lesson in ("2.4", "3.3", "2.5", "3.1"):
        code += ["rows, answers = X_train, y_train"] if lesson == "2.5" else []
        code += ["forest = RandomForestClassifier(n_estimators=trees, random_state=seed).fit(rows, answers)"]
        code += ["champion = forest", in_the_text(lesson)]
    code += ["address = mlflow.last_logged_model().model_uri"]
    said = run(
        tmp_path, *code, "print((mlflow.pyfunc.load_model(address).predict(X_test) == forest.predict(X_test)).all())"
    )
    assert said.rstrip().endswith("True")


def test_promote_archive_and_roll_back(tmp_path: Path) -> None:
    """Lesson 3.2 is plain MLflow, apart from its setup, a picture, one cell of the helper, the task and its check."""
    cells = [cell.source for cell in notebook("3.2").cells if cell.cell_type == "code"]
    plain = [cell for cell in cells if "wb." not in cell and "= ..." not in cell]
    assert len(cells) - len(plain) == 5
    said = run(tmp_path, *plain, "print(story().to_numpy().tolist())")
    assert "{'production': 1, 'staging': 2}\n{'production': 2}\ndepth 2\nin production: version 1\ndepth 1" in said
    assert "2 {'stage': 'Archived', 'why': 'Rolled back: the answers came too late.', 'replaces': '1'}" in said
    assert "[3, 2, 'Rolled back: the new tree was too slow.']" in said
    assert "models:/wine-3-2-legacy/Production | depth 1\nmodels:/wine-3-2-legacy@production | depth 1" in said


def test_promote_through_a_gate(tmp_path: Path) -> None:
    """Lesson 3.3: the demands, the gate, the promotion, a batch job, and the way back."""
    begin = [in_the_text("3.3"), "least_gain, model_name = 0.01, 'cells'"]
    (demands,) = (
        cell.source for cell in notebook("3.3").cells if cell.source.startswith("from mlflow.models import Met")
    )
    said = run(tmp_path, ROWS, *begin, demands, without_the_helper("3.3"))
    assert "{'production': 2} {'stage': 'Production', 'replaces': '1'" in said
    assert said.rstrip().endswith("{'production': 1}")


def test_chain_two_steps(tmp_path: Path) -> None:
    """Lesson 4.3: two entry points of a project, whose runs are found again the second time."""
    project = f"project = Path({str(ROOT / 'notebooks' / 'projects' / 'wine')!r})"
    assert "the same two runs: True" in run(tmp_path, project, without_the_helper("4.3"))


def test_no_plain_call_has_dots_in_place_of_an_argument() -> None:
    for lesson in lessons(root=ROOT):
        for cell in nbformat.read(lesson.path, as_version=4).cells:
            assert not re.search(r"mlflow\.\w+\.log_model\([^)]*…", cell.source), f"{lesson.id}: {cell.source}"
