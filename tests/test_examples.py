"""The examples of the reference run, on a real store; and the reference names what there is, and nothing else."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

import mlcourse
import mlworkbench as wb
import stock_market
import warmkernel
from tests.paths import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.timeout(3600)]

PAGE = ROOT / "docs" / "site" / "api.md"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented() -> Iterator[doctest.DocTest]:
    """The examples in the docstrings of the four packages."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for package in (wb, warmkernel, mlcourse, stock_market):
        root = Path(str(package.__file__)).parent
        for path in sorted(path for path in root.rglob("*.py") if ">>> " in path.read_text()):
            module = importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
            yield from (each for each in finder.find(module) if each.examples)


EXAMPLES = {each.name: each for each in documented()}


@pytest.fixture(scope="module")
def wine(made_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples speak of: the experiment `wine` with trees of three depths, two of them registered."""
    from sklearn.tree import DecisionTreeClassifier

    home = tmp_path_factory.mktemp("wine") / ".mlworkbench"
    home.mkdir()
    shutil.copy(made_store, home / "mlflow.db")
    rows = wb.load_wine()
    train, test, features = rows[::2], rows[1::2], rows.columns.drop("cultivar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLWORKBENCH_HOME", str(home))
        wb.start("wine")
        for depth in (1, 2, 3):
            with mlflow.start_run(run_name=f"depth {depth}"):
                tree = DecisionTreeClassifier(max_depth=depth, random_state=7).fit(train[features], train.cultivar)
                mlflow.log_param("max_depth", depth)
                mlflow.log_metric("accuracy", tree.score(test[features], test.cultivar))
                stored = wb.log_model(tree, "tree", example=train[features][:3])
            if depth > 1:
                wb.register(stored.model_uri, "wine")
        wb.promote("wine", 2)
    return home


@pytest.fixture
def reader(wine: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A reader stands in the clone, with a store of that content and the two imports of every lesson."""
    with sqlite3.connect(wine / "mlflow.db") as source, sqlite3.connect(home / "mlflow.db") as copy:
        source.backup(copy)
    monkeypatch.chdir(ROOT)
    wb.start("wine")
    return {"mlflow": mlflow, "wb": wb}


def run(example: doctest.DocTest, names: dict[str, object]) -> None:
    said: list[str] = []
    example.globs = {**example.globs, **names}
    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_shows_what_it_says(name: str, reader: dict[str, object]) -> None:
    run(EXAMPLES[name], reader)


def page() -> doctest.DocTest:
    text = re.sub(r"(?m)^```.*$", "", PAGE.read_text())
    return doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)


def test_the_way_that_the_reference_shows_can_be_gone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run(page(), {})


def test_every_function_has_an_example_and_what_is_skipped_says_why() -> None:
    every = [*EXAMPLES.values(), page()]
    sources = "".join(example.source for test in every for example in test.examples)
    functions = {name for name in wb.__all__ if inspect.isfunction(getattr(wb, name))}
    assert functions <= set(re.findall(r"wb\.(\w+)\(", sources))
    skipped = [(test, each) for test in every for each in test.examples if each.options.get(doctest.SKIP)]
    assert len(skipped) <= 1
    for test, example in skipped:
        before = test.docstring.splitlines()[: example.lineno]
        assert next(line for line in reversed(before) if line.strip()).strip().endswith(":"), test.name


def test_every_public_name_is_on_the_page_and_every_name_there_exists() -> None:
    public = set(re.findall(r" import (\w+) as \1", (ROOT / "mlworkbench" / "__init__.pyi").read_text()))
    assert public == set(wb.__all__)
    assert not [name for name in public if not inspect.getdoc(getattr(wb, name))]
    assert ".. automodule:: mlworkbench\n   :members:\n   :imported-members:" in PAGE.read_text()
    text = "\n".join(inspect.getdoc(getattr(wb, name)) or "" for name in public) + PAGE.read_text()
    assert set(re.findall(r"\bwb\.(\w+)", text)) <= public
